"""What every engine promises about a request's content: to whom it goes, and how it ends."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Response
from tests.contracts.applications import ProbeSink, Scripted, keep, say, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

#: What an engine may take of content that its sink holds back: a window of each level, the pipe,
#: and what is read at once.
BOUND = 524_288
#: Many times as much.
LARGE = 3 * 1_048_576


def _sink_of(application: Scripted) -> ProbeSink:
    (sink,) = application.ledger.sinks
    return sink


def _swallower() -> Scripted:
    application = Scripted()
    application.behaviours = application.swallow
    return application


# ---------------------------------------------------------------------- where content goes


@pytest.mark.parametrize("read_size", [65_536, 1], ids=["large reads", "octet by octet"])
@pytest.mark.parametrize("known", [False, True], ids=["unknown length", "known length"])
def test_content_reaches_the_sink(dialect: Dialect, read_size: int, known: bool) -> None:
    application = _swallower()
    talk = Conversation(dialect, application, read_size=read_size)
    content = bytes(range(256)) * 8
    number = talk.request(
        b"/", method=b"POST", content=content, length=len(content) if known else None
    )
    following = talk.request(b"/", method=b"POST", content=b"second", length=6)
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % len(content)
    assert talk.whole_reply(following).content == b"6"
    assert [sink.data for sink in application.ledger.sinks] == [content, b"second"]
    application.ledger.assert_settled()


def test_much_content_reaches_the_sink(dialect: Dialect) -> None:
    application = _swallower()
    talk = Conversation(dialect, application)
    content = bytes(range(256)) * (LARGE // 256)
    number = talk.request(b"/", method=b"POST", content=content, length=LARGE)
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % LARGE
    assert _sink_of(application).data == content
    assert talk.shared.held.octets == 0


@pytest.mark.parametrize("content", [b"", b"content"])
def test_request_trailers_reach_the_sink(dialect: Dialect, content: bytes) -> None:
    application = _swallower()
    talk = Conversation(dialect, application)
    trailers = ((b"x-checksum", b"1234"), (b"x-note", b"two words"))
    number = talk.request(b"/", method=b"POST", content=content, trailers=trailers)
    talk.settle()
    talk.whole_reply(number)
    assert _sink_of(application).data == content
    assert _sink_of(application).trailers == trailers
    application.ledger.assert_settled()


def test_content_of_a_sink_that_comes_later_was_not_lost(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    content = bytes(range(256)) * 1_024
    number = talk.request(b"/", method=b"POST", unfinished=True)
    for i in range(0, len(content), 8_192):
        talk.send(number, content[i : i + 8_192])
    talk.end(number)
    talk.settle()
    application.swallow(application.handled[0])
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % len(content)
    assert _sink_of(application).data == content
    application.ledger.assert_settled()


def test_content_that_nobody_accepts_yet_is_bounded(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    assert LARGE - talk.untaken <= BOUND
    application.swallow(application.handled[0])
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % LARGE


# ---------------------------------------------------------------------- when responses go out


def test_a_response_is_held_until_the_content_is_whole(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(say(b"answer")))
    number = talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    talk.send(number, b"12345")
    talk.settle()
    assert talk.reply(number).status == 0
    talk.send(number, b"67890")
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"answer"


def test_a_response_from_outside_is_held_as_well(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    application.handled[0].respond(text(200, b"answer"))
    talk.settle()
    assert talk.reply(number).status == 0
    talk.send(number, b"1234567890")
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"answer"


def test_an_early_response_goes_out_at_once(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(say(b"answer", early=True)))
    number = talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    assert talk.reply(number).status == 200
    assert talk.reply(number).content == b"answer"
    talk.send(number, b"1234567890")
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"answer"


def test_a_response_goes_out_at_once_when_a_sink_takes_the_content(dialect: Dialect) -> None:
    application = Scripted()

    def accept_and_respond(exchange: Exchange) -> None:
        exchange.accept(application.sink())
        exchange.respond(text(200, b"answer"))

    application.behaviours = accept_and_respond
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    assert talk.reply(number).status == 200
    talk.send(number, b"1234567890")
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"answer"
    talk.close()
    application.ledger.assert_settled()


def test_a_sink_that_comes_after_the_response_is_abandoned(dialect: Dialect) -> None:
    application = Scripted()
    sink = application.sink()

    def late(exchange: Exchange) -> None:
        exchange.respond(text(200, b"answer"))
        exchange.accept(sink)

    application.behaviours = {b"/": late}
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", content=b"content", length=7)
    following = talk.request(b"/following")
    talk.settle()
    assert (sink.data, sink.ended, sink.abandoned) == (b"", 0, 1)
    assert talk.whole_reply(number).content == b"answer"
    talk.whole_reply(following)


def test_abort_while_a_response_is_held_makes_500(dialect: Dialect) -> None:
    application = Scripted(say(b"answer"))
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True, length=10)
    talk.settle()
    application.handled[0].abort("it cannot be given after all")
    talk.settle()
    talk.send(number, b"1234567890")
    talk.end(number)
    talk.settle()
    assert talk.reply(number).status == 500


@pytest.mark.parametrize("early", [False, True])
def test_content_that_nobody_wants_is_discarded(dialect: Dialect, early: bool) -> None:
    talk = Conversation(dialect, Scripted(say(b"answer", early=early)))
    number = talk.request(b"/", method=b"POST", content=bytes(500_000), length=500_000)
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number).content == b"answer"
    assert talk.whole_reply(following).content == b"answer"
    assert talk.shared.held.octets == 0


@pytest.mark.parametrize("known", [False, True], ids=["unknown length", "known length"])
@pytest.mark.parametrize("early", [False, True])
def test_too_much_content_that_nobody_wants_ends_but_the_response_arrives(
    dialect: Dialect, early: bool, known: bool
) -> None:
    talk = Conversation(dialect, Scripted(say(b"answer", early=early)))
    content = bytes(LARGE)
    number = talk.request(b"/", method=b"POST", content=content, length=LARGE if known else None)
    talk.settle()
    # It was never whole, so that 413 is right as well (RFC 9110 section 15.5.14).
    reply = talk.reply(number)
    assert reply.whole
    assert reply.status == 200 or (reply.status == 413 and not early)
    assert talk.closed or talk.untaken == 0
    if dialect.multiplexed:
        following = talk.request(b"/following")
        talk.settle()
        talk.whole_reply(following)


# ---------------------------------------------------------------------- the end of a sink


def _cancel(talk: Conversation, number: int) -> None:
    talk.lose(number)


def _lose(talk: Conversation, number: int) -> None:
    talk.lose()


def _end_input(talk: Conversation, number: int) -> None:
    talk.end_input()


def _malform(talk: Conversation, number: int) -> None:
    talk.client.malform(number)
    talk.settle()


@pytest.mark.parametrize("end", [_cancel, _lose, _end_input, _malform])
@pytest.mark.parametrize("answered", [False, True], ids=["no response", "response begun"])
def test_a_sink_is_abandoned_once_when_the_rest_will_not_come(
    dialect: Dialect, end: Callable[[Conversation, int], None], answered: bool
) -> None:
    application = Scripted()
    lost: list[str] = []

    def accepting(exchange: Exchange) -> None:
        exchange.accept(application.sink())
        exchange.when_lost(lambda: lost.append("lost"))
        if answered:
            body = application.body([b"begun", None])
            body.wakes = False
            exchange.respond(Response(status=200, fields=(), body=body))

    application.behaviours = accepting
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.send(number, b"some")
    talk.settle()
    end(talk, number)
    sink = _sink_of(application)
    assert (sink.data, sink.ended, sink.abandoned) == (b"some", 0, 1)
    assert not talk.reply(number).whole or talk.reply(number).status >= 400
    talk.close()
    assert len(lost) <= 1
    application.ledger.assert_settled()


def test_malformed_content_is_refused_and_the_sink_abandoned(dialect: Dialect) -> None:
    application = _swallower()
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.settle()
    _malform(talk, number)
    reply = talk.reply(number)
    assert reply.broken or reply.status == 400
    assert _sink_of(application).abandoned == 1
    talk.close()
    application.ledger.assert_settled()


def test_a_sink_may_respond_before_the_content_ends(dialect: Dialect) -> None:
    application = Scripted()

    def limited(exchange: Exchange) -> None:
        def takes(data: bytes) -> bool:
            exchange.respond(text(413, b"too much"))
            return False

        exchange.accept(application.sink(takes))

    application.behaviours = {b"/": limited}
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    reply = talk.reply(number)
    assert (reply.status, reply.content) == (413, b"too much")
    assert reply.whole
    talk.close()
    application.ledger.assert_settled()


@pytest.mark.parametrize("moment", ["receive", "end"])
def test_a_sink_may_abort(dialect: Dialect, moment: str) -> None:
    application = Scripted()

    def failing(exchange: Exchange) -> None:
        def takes(data: bytes) -> bool:
            if moment == "receive":
                exchange.abort("no room")
            return True

        sink = ProbeSink(
            application.ledger, takes=takes, on_end=lambda trailers: exchange.abort("no room")
        )
        exchange.accept(sink)

    application.behaviours = failing
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", content=b"content", length=7)
    talk.settle()
    assert talk.reply(number).status == 500
    talk.close()
    application.ledger.assert_settled()


@pytest.mark.parametrize("reset", [False, True], ids=["lost", "cancelled first"])
def test_a_sink_that_waits_for_the_next_turn_is_abandoned_without_one(
    dialect: Dialect, reset: bool
) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.settle()
    if reset:
        talk.lose(number)
    application.handled[0].accept(application.sink())
    talk.close()
    assert _sink_of(application).abandoned == 1
    application.ledger.assert_settled()


@pytest.mark.parametrize("action", ["abort", "respond", "respond and abort"])
@pytest.mark.parametrize("whole", [False, True], ids=["more to come", "whole"])
def test_a_sink_that_comes_later_may_give_up_at_its_first_octets(
    dialect: Dialect, action: str, whole: bool
) -> None:
    application = Scripted({b"/": keep})
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    for _ in range(3):
        talk.send(number, b"piece")
        talk.settle()
    if whole:
        talk.end(number)
        talk.settle()
    (exchange,) = application.handled

    def takes(data: bytes) -> bool:
        if "respond" in action:
            exchange.respond(text(413, b"too much"))
        if "abort" in action:
            exchange.abort("no room")
        return True

    exchange.accept(application.sink(takes))
    talk.settle()
    reply = talk.reply(number)
    # A response that was given and has not begun may still become 500.
    expected = {"abort": (500,), "respond": (413,), "respond and abort": (413, 500)}
    assert reply.status in expected[action] or reply.broken
    talk.close()
    application.ledger.assert_settled()


def test_a_response_given_while_a_sink_is_abandoned_goes_nowhere(dialect: Dialect) -> None:
    application = Scripted()

    def stubborn(exchange: Exchange) -> None:
        sink = ProbeSink(
            application.ledger, on_abandon=lambda: exchange.respond(text(200, b"to nobody"))
        )
        exchange.accept(sink)

    application.behaviours = {b"/": stubborn}
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.settle()
    talk.lose(number)
    assert talk.reply(number).status == 0
    if not talk.closed:
        following = talk.request(b"/following")
        talk.settle()
        talk.whole_reply(following)
    talk.close()
    application.ledger.assert_settled()
