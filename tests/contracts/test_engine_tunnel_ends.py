"""What every engine promises about the end of tunnels, and about time."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Response
from h2static.http.pipe import Pipe
from tests.contracts.applications import ProbeBody, Scripted, keep, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect
from tests.contracts.tunnels import LARGE, Tunnel, echo

#: Longer than any engine waits for anything.
LONG = 1_000.0

# ---------------------------------------------------------------------- the end


def test_the_client_ends_first(dialect: Dialect) -> None:
    """Then the application may still say something."""
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    talk.send(number, b"last words")
    talk.end_tunnel(number)
    assert (tunnel.sink.data, tunnel.sink.ended) == (b"last words", 1)
    assert not talk.reply(number).whole
    tunnel.pipe.receive(b"good bye")
    talk.settle()
    assert talk.reply(number).content == b"good bye"
    assert not talk.reply(number).whole
    tunnel.pipe.end()
    talk.settle()
    assert talk.reply(number).whole
    tunnel.assert_settled()


def test_the_client_ends_while_its_octets_are_held_back(dialect: Dialect) -> None:
    tunnel = Tunnel(takes=False)
    talk, number = tunnel.begin(dialect)
    content = bytes(range(250)) * 1_000
    talk.send(number, content)
    talk.settle()
    while talk.untaken:
        tunnel.application.handled[0].resume()
        talk.settle()
    talk.end_tunnel(number)
    for _ in range(2):
        tunnel.application.handled[0].resume()
        talk.settle()
    assert tunnel.sink.data == content
    assert tunnel.sink.ended == 1
    assert not talk.reply(number).whole
    tunnel.pipe.end()
    talk.settle()
    assert talk.reply(number).whole
    tunnel.assert_settled()


def test_the_application_ends_first(dialect: Dialect) -> None:
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    tunnel.pipe.receive(b"good bye")
    tunnel.pipe.end()
    talk.settle()
    reply = talk.reply(number)
    assert reply.whole
    assert reply.content == b"good bye"
    assert (tunnel.sink.ended, tunnel.sink.abandoned) == (0, 1)
    if dialect.multiplexed:
        # What crosses with it is nobody's.
        talk.send(number, b"what crosses with it")
        talk.end_tunnel(number)
        following = talk.request(b"/following")
        talk.settle()
        talk.whole_reply(following)
        assert talk.engine.open_streams == 0
    else:
        assert talk.closed
    tunnel.assert_settled()


def test_a_tunnel_may_end_before_it_begins(dialect: Dialect) -> None:
    application = Scripted()

    def grant(exchange: Exchange) -> None:
        pipe = Pipe()
        pipe.end()
        exchange.tunnel(application.sink(), pipe)

    application.behaviours = {b"/": grant}
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    assert talk.reply(number).granted
    assert talk.reply(number).whole
    application.ledger.assert_settled()


def test_abort_never_looks_like_an_end(dialect: Dialect) -> None:
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    tunnel.pipe.receive(b"half of ")
    talk.settle()
    tunnel.application.handled[0].abort("the source is gone")
    talk.settle()
    reply = talk.reply(number)
    assert reply.content == b"half of "
    # RFC 9112 knows no other end of a connection.
    assert reply.broken or talk.closed
    assert tunnel.sink.abandoned == 1
    tunnel.assert_settled()


def test_a_pipe_that_is_abandoned_breaks_the_tunnel(dialect: Dialect) -> None:
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    tunnel.pipe.abandon()
    talk.settle()
    assert talk.reply(number).broken or talk.closed
    assert tunnel.sink.abandoned == 1


@pytest.mark.parametrize("request_only", [False, True], ids=["connection", "request"])
def test_a_client_that_goes(dialect: Dialect, request_only: bool) -> None:
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    lost: list[str] = []
    tunnel.application.handled[0].when_lost(lambda: lost.append("lost"))
    talk.send(number, b"octets")
    talk.settle()
    talk.lose(number if request_only else None)
    assert lost == ["lost"]
    assert (tunnel.sink.ended, tunnel.sink.abandoned) == (0, 1)
    assert tunnel.pipe.closed
    assert talk.shared.held.octets == 0
    tunnel.assert_settled()


def test_a_tunnel_for_a_client_that_has_gone(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    talk.lose(number)
    sink = application.sink()
    application.handled[0].tunnel(sink, Pipe())
    talk.engine.take_turn(talk.now)
    assert sink.abandoned == 1
    application.ledger.assert_settled()


def test_it_is_in_the_journal_when_it_is_over(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(echo))
    number = talk.tunnel()
    talk.send(number, b"twelve octet")
    talk.settle()
    assert talk.journal == []
    talk.end_tunnel(number)
    (record,) = talk.journal
    assert record.request.protocol == b"websocket"
    assert (record.response.status, record.octets, record.aborted) == (
        200 if dialect.multiplexed else 101,
        12,
        False,
    )


# ---------------------------------------------------------------------- time


def _first_action(talk: Conversation) -> float | None:
    """When the engine does something by itself, in seconds."""
    start = talk.now
    streams, octets = talk.engine.open_streams, talk.engine.output_octets
    while talk.now < start + LONG:
        talk.now += 0.5
        talk.engine.check(talk.now)
        talk.settle()
        if talk.closed or (talk.engine.open_streams, talk.engine.output_octets) != (
            streams,
            octets,
        ):
            return talk.now - start
    return None


def test_nobody_is_late_who_says_nothing(dialect: Dialect) -> None:
    talk, number = Tunnel().begin(dialect)
    assert _first_action(talk) is None
    talk.send(number, b"still there")
    talk.settle()


def test_nobody_is_late_who_waits_for_the_grant(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(keep))
    talk.tunnel()
    talk.settle()
    assert _first_action(talk) is None


def test_nobody_is_late_whom_we_hold_back(dialect: Dialect) -> None:
    talk, number = Tunnel(takes=False).begin(dialect)
    talk.send(number, bytes(LARGE))
    talk.settle()
    assert _first_action(talk) is None


@pytest.mark.parametrize("held_back", [False, True], ids=["reading", "held back"])
def test_a_client_that_gives_no_credit_is_given_up(dialect: Dialect, held_back: bool) -> None:
    """Also while we take nothing of it: two that wait for each other would wait for ever."""
    tunnel = Tunnel(takes=not held_back)
    talk, number = tunnel.begin(dialect)
    if not talk.client.hold_credit():
        pytest.skip("the protocol has no credit; its driver looks at write_progress")
    talk.send(number, bytes(100_000))
    tunnel.pipe.receive(bytes(LARGE))
    talk.settle()
    late = _first_action(talk)
    assert late is not None
    assert 30 <= late <= 120
    assert talk.reply(number).broken
    tunnel.assert_settled()


def test_a_client_that_reads_slowly_but_steadily_is_not(dialect: Dialect) -> None:
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    if not talk.client.hold_credit():
        pytest.skip("the protocol has no credit")
    tunnel.pipe.receive(bytes(LARGE))
    talk.settle()
    for _ in range(20):
        for _ in range(50):
            talk.step(1.0)
        assert talk.reply(number).granted
        assert not talk.reply(number).broken
        before = len(talk.reply(number).content)
        talk.client.return_credit()
        talk.client.hold_credit()
        talk.settle()
        assert len(talk.reply(number).content) > before


def test_drain_waits_for_a_tunnel(dialect: Dialect) -> None:
    """It is its application's to end, which is told that the server is about to stop."""
    tunnel = Tunnel()
    talk, number = tunnel.begin(dialect)
    talk.drain()
    for _ in range(10):
        talk.step(0.5)
    assert not talk.closed
    talk.send(number, b"still there")
    talk.settle()
    assert tunnel.sink.data == b"still there"
    tunnel.pipe.end()
    talk.settle()
    if dialect.multiplexed:
        talk.end_tunnel(number)
    for _ in range(10):
        talk.step(0.5)
    assert talk.reply(number).whole
    assert talk.closed


def test_abandon_gives_back_everything(dialect: Dialect) -> None:
    tunnel = Tunnel(takes=False)
    talk, number = tunnel.begin(dialect)
    talk.send(number, bytes(LARGE))
    tunnel.pipe.receive(bytes(LARGE))
    talk.settle()
    talk.engine.abandon()
    assert talk.engine.open_streams == 0
    assert talk.engine.output_octets == 0
    assert talk.shared.held.octets == 0
    tunnel.application.handled[0].resume()
    tunnel.application.handled[0].abort("late")
    talk.engine.take_turn(talk.now)
    assert talk.engine.output_octets == 0
    tunnel.assert_settled()


def test_a_body_of_a_tunnel_is_closed_once(dialect: Dialect) -> None:
    application = Scripted()
    bodies: list[ProbeBody] = []

    def grant(exchange: Exchange) -> None:
        bodies.append(application.body([b"one", None, b"two"]))
        exchange.tunnel(application.sink(), bodies[0])

    application.behaviours = {b"/": grant}
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    assert talk.reply(number).content == b"onetwo"
    talk.close()
    application.ledger.assert_settled()


def test_a_body_that_cannot_be_opened_is_a_500(dialect: Dialect) -> None:
    class Unopenable:
        length = None

        def open(self) -> object:
            raise OSError(5, "Input/output error")

    application = Scripted()
    sink = application.sink()
    application.behaviours = {b"/": lambda exchange: exchange.tunnel(sink, Unopenable())}  # type: ignore[arg-type]  # it opens nothing
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    talk.whole_reply(number, 500)
    assert not talk.reply(number).granted
    assert (sink.ended, sink.abandoned) == (0, 1)
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(following).content == b"/following"


def test_a_response_that_looks_like_a_grant(dialect: Dialect) -> None:
    """On HTTP/1.1 any response but 101 declines; on HTTP/2 a 2xx would grant."""
    application = Scripted({b"/": lambda exchange: exchange.respond(text(200, b"a page"))})
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    assert not talk.reply(number).granted
    assert talk.reply(number).status == (501 if dialect.multiplexed else 200)


def test_a_response_with_a_body_declines_as_well(dialect: Dialect) -> None:
    application = Scripted()
    application.behaviours = {
        b"/": lambda exchange: exchange.respond(
            Response(status=401, fields=(), body=application.body([b"who ", b"are you?"]))
        )
    }
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    assert talk.whole_reply(number, 401).content == b"who are you?"
    application.ledger.assert_settled()
