"""What every engine promises about a response's content: when it is read, and that it is closed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.messages import Response
from tests.contracts.applications import Piece, ProbeBody, ProbeReader, Scripted
from tests.contracts.conversation import BUDGET, Conversation
from tests.contracts.dialects import Dialect

PIECE = 10_000
#: More than all windows and budgets together.
LARGE = 4 * 1_048_576


def _serving(body: ProbeBody, application: Scripted) -> None:
    """Have ``application`` send ``body`` for ``/``."""
    fields = () if body.length is None else ((b"content-length", b"%d" % body.length),)
    response = Response(status=200, fields=fields, body=body)
    application.behaviours = {b"/": lambda exchange: exchange.respond(response)}


def _pieces(octets: int) -> tuple[list[Piece], bytes]:
    """Pieces that differ from each other, and all of them together."""
    parts = [bytes([i % 251]) * PIECE for i in range(octets // PIECE)]
    return list(parts), b"".join(parts)


def _reader(application: Scripted) -> ProbeReader:
    (reader,) = application.ledger.readers
    return reader


@pytest.mark.parametrize("known", [False, True], ids=["unknown length", "known length"])
@pytest.mark.parametrize("write_size", [None, 1_000], ids=["all at once", "short writes"])
def test_a_body_arrives(dialect: Dialect, known: bool, write_size: int | None) -> None:
    application = Scripted()
    pieces, content = _pieces(300_000)
    body = application.body(pieces, length=len(content) if known else None)
    _serving(body, application)
    talk = Conversation(dialect, application, write_size=write_size)
    number, following = talk.request(b"/"), talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number).content == content
    assert talk.whole_reply(following).content == b"/following"
    application.ledger.assert_settled()


def test_an_empty_body(dialect: Dialect) -> None:
    application = Scripted()
    _serving(application.body([]), application)
    talk = Conversation(dialect, application)
    number, following = talk.request(b"/"), talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number).content == b""
    talk.whole_reply(following)
    application.ledger.assert_settled()


def test_a_body_that_would_block_goes_on_when_woken(dialect: Dialect) -> None:
    application = Scripted()
    body = application.body([b"a", None, b"b", None, None, b"c"])
    body.wakes = False
    _serving(body, application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    reader = _reader(application)
    for expected in (b"a", b"ab", b"ab", b"abc"):
        assert talk.reply(number).content == expected
        reader.wake()
        talk.settle()
    assert talk.whole_reply(number).content == b"abc"
    application.ledger.assert_settled()


def test_a_blocked_body_holds_up_no_other_stream(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted()
    body = application.body([b"a", None, b"b"])
    body.wakes = False
    _serving(body, application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    other = talk.request(b"/other")
    talk.settle()
    assert talk.whole_reply(other).content == b"/other"
    _reader(application).wake()
    talk.settle()
    assert talk.whole_reply(number).content == b"ab"


def test_a_body_that_wakes_after_its_client_has_gone(dialect: Dialect) -> None:
    application = Scripted()
    body = application.body([b"a", None, b"b"])
    body.wakes = False
    _serving(body, application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.lose(number)
    talk.engine.unblock(1, talk.now)
    _reader(application).wake()
    talk.settle()
    assert talk.reply(number).content == b"a"
    talk.close()
    application.ledger.assert_settled()


def test_response_trailers_arrive(dialect: Dialect) -> None:
    application = Scripted()
    body = application.body([b"one", b"two"])
    body.response_trailers = ((b"x-checksum", b"1234"), (b"server-timing", b"total;dur=1"))
    _serving(body, application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", fields=((b"te", b"trailers"),))
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number).content == b"onetwo"
    assert talk.reply(number).trailers == body.response_trailers
    assert talk.whole_reply(following).trailers == ()
    application.ledger.assert_settled()


# ---------------------------------------------------------------------- room


@pytest.mark.parametrize("way", ["socket", "credit"])
def test_a_body_is_read_only_while_there_is_room(dialect: Dialect, way: str) -> None:
    application = Scripted()
    pieces, content = _pieces(LARGE)
    _serving(application.body(pieces, length=len(content)), application)
    talk = Conversation(dialect, application)
    if way == "socket":
        talk.taking = False
    elif not talk.client.hold_credit():
        pytest.skip("the protocol has no credit")
    number = talk.request(b"/")
    talk.settle()
    for _ in range(10):
        talk.engine.pump(talk.now, BUDGET)
        talk.settle()
    reader = _reader(application)
    assert 0 < reader.octets <= 2 * BUDGET
    assert talk.engine.output_octets <= 2 * BUDGET
    talk.taking = True
    talk.client.return_credit()
    talk.settle()
    assert talk.whole_reply(number).content == content
    application.ledger.assert_settled()


def test_many_bodies_share_the_room(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted()
    pieces, content = _pieces(1_000_000)
    _serving(application.body(pieces, length=len(content)), application)
    talk = Conversation(dialect, application)
    talk.taking = False
    numbers = [talk.request(b"/") for _ in range(50)]
    talk.settle()
    assert sum(reader.octets for reader in application.ledger.readers) <= 2 * BUDGET
    talk.close()
    assert not any(talk.reply(number).whole for number in numbers)
    application.ledger.assert_settled()


@pytest.mark.parametrize("known", [False, True], ids=["unknown length", "known length"])
@pytest.mark.parametrize("memory", [1, 7])
def test_a_buffer_that_is_used_again_corrupts_nothing(
    dialect: Dialect, known: bool, memory: int
) -> None:
    """The reader spoils what it gave before at each further read."""
    application = Scripted()
    parts = [bytes([65 + i % 26]) * (100 * memory + i) for i in range(60)]
    content = b"".join(parts)
    body = application.body(list(parts), length=len(content) if known else None)
    body.reuses_buffer = True
    _serving(body, application)
    talk = Conversation(dialect, application, write_size=333)
    numbers = [talk.request(b"/") for _ in range(3)]
    talk.taking = False
    talk.settle()
    talk.taking = True
    talk.settle()
    for number in numbers:
        assert talk.whole_reply(number).content == content
    application.ledger.assert_settled()


# ---------------------------------------------------------------------- what goes wrong


_BROKEN: dict[str, tuple[list[Piece], int | None]] = {
    "failure at once": ([OSError("medium")], 100),
    "failure later": ([b"x" * 50, OSError("medium")], 100),
    "failure after all octets that were promised": ([b"x" * 50, OSError("medium")], None),
    "truncated": ([b"x" * 50], 100),
    "empty though it should not be": ([], 100),
    "truncated after blocking": ([b"x" * 50, None], 100),
}


@pytest.mark.parametrize("name", _BROKEN)
def test_a_body_that_breaks_never_looks_complete(dialect: Dialect, name: str) -> None:
    pieces, length = _BROKEN[name]
    application = Scripted()
    _serving(application.body(pieces, length=length), application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    reply = talk.reply(number)
    assert not reply.whole or reply.status >= 500
    assert reply.broken or reply.status >= 500
    if dialect.multiplexed:
        other = talk.request(b"/other")
        talk.settle()
        talk.whole_reply(other)
    talk.close()
    application.ledger.assert_settled()


def test_a_body_that_cannot_be_opened(dialect: Dialect) -> None:
    application = Scripted()
    body = application.body([b"x"], length=1)
    body.openable = False
    _serving(body, application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    reply = talk.reply(number)
    assert (reply.whole and reply.status >= 500) or (reply.broken and not reply.whole)


def test_no_octet_more_than_content_length_says(dialect: Dialect) -> None:
    application = Scripted()
    _serving(application.body([b"x" * 50, b"y" * 100, b"z"], length=100), application)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert len(talk.reply(number).content) <= 100
    assert b"z" not in talk.reply(number).content
    talk.close()
    application.ledger.assert_settled()


def _cancel(talk: Conversation, number: int) -> None:
    talk.lose(number)


def _lose(talk: Conversation, number: int) -> None:
    talk.lose()


def _end_input(talk: Conversation, number: int) -> None:
    talk.end_input()


def _drain(talk: Conversation, number: int) -> None:
    talk.drain()


@pytest.mark.parametrize("end", [_cancel, _lose, _end_input, _drain])
@pytest.mark.parametrize("state", ["blocked", "no room", "before its first read"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown length", "known length"])
def test_a_reader_is_closed_once_however_it_ends(
    dialect: Dialect, end: Callable[[Conversation, int], None], state: str, known: bool
) -> None:
    application = Scripted()
    pieces, content = _pieces(LARGE // 4)
    if state == "blocked":
        pieces = [pieces[0], None, *pieces[1:]]
    body = application.body(pieces, length=len(content) if known else None)
    body.wakes = False
    _serving(body, application)
    talk = Conversation(dialect, application)
    talk.taking = state == "blocked"
    number = talk.request(b"/")
    if state == "before its first read":
        talk.engine.receive(talk.client.take_output(), talk.now)
    else:
        talk.settle()
    end(talk, number)
    assert all(reader.closed <= 1 for reader in application.ledger.readers)
    talk.close()
    application.ledger.assert_settled()


def test_a_response_that_never_went_out_has_no_reader_left(dialect: Dialect) -> None:
    """It is held for the content of its request when the connection is lost."""
    application = Scripted()
    _serving(application.body([b"x"], length=1), application)
    talk = Conversation(dialect, application)
    talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    talk.close()
    assert all(reader.closed == 1 for reader in application.ledger.readers)
