"""What every engine promises about tunnels: another protocol, there and back, with credit."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.pipe import Pipe
from tests.contracts.applications import Behaviour, Scripted, keep, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect
from tests.contracts.tunnels import BOUND, LARGE, Tunnel, echo

# ---------------------------------------------------------------------- there and back


def test_the_request_says_what_it_asks_for(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    talk.tunnel(b"/chat?room=1", fields=((b"x-field", b"value"),))
    talk.settle()
    request = application.handled[0].request
    assert request.protocol == b"websocket"
    assert (request.scheme, request.authority, request.path) == (
        b"http",
        b"example.test",
        b"/chat?room=1",
    )
    assert request.fields == ((b"x-field", b"value"),)


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_octets_go_there_and_back(dialect: Dialect, size: int) -> None:
    talk = Conversation(dialect, Scripted(echo), read_size=size, write_size=size)
    number = talk.tunnel()
    talk.settle()
    reply = talk.reply(number)
    assert reply.granted
    assert reply.status == (200 if dialect.multiplexed else 101)
    assert reply.value(b"x-tunnel") == b"echo"
    sent = b""
    for piece in (b"a", b"bc" * 40, bytes(range(256)) * 8):
        talk.send(number, piece)
        talk.settle()
        sent += piece
        assert reply.content == sent
    talk.end_tunnel(number)
    assert reply.whole
    assert reply.content == sent


def test_what_comes_before_the_grant_is_the_tunnels(dialect: Dialect) -> None:
    """Nobody should send it, and nobody loses it."""
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.send(number, b"too early")
    talk.settle()
    assert talk.reply(number).status == 0
    echo(application.handled[0])
    talk.settle()
    assert talk.reply(number).content == b"too early"


def test_octets_may_wait_for_the_grant(dialect: Dialect) -> None:
    """An application may speak first."""
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    pipe = Pipe()
    pipe.receive(b"welcome")
    application.handled[0].tunnel(application.sink(), pipe)
    assert talk.engine.backlog
    talk.settle()
    assert talk.reply(number).content == b"welcome"


def test_tunnels_and_requests_beside_each_other(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted({b"/tunnel": echo})
    talk = Conversation(dialect, application)
    numbers = [talk.tunnel(b"/tunnel") for _ in range(3)]
    talk.settle()
    for i, number in enumerate(numbers):
        talk.send(number, b"to tunnel %d" % i)
        ordinary = talk.request(b"/ordinary")
        talk.settle()
        assert talk.whole_reply(ordinary).content == b"/ordinary"
    for i, number in enumerate(numbers):
        assert talk.reply(number).content == b"to tunnel %d" % i
        talk.end_tunnel(number)
        assert talk.reply(number).whole
    assert talk.engine.open_streams == 0


def test_informational_responses_may_go_before(dialect: Dialect) -> None:
    def inform(exchange: Exchange) -> None:
        exchange.inform(103, ((b"link", b"</a.css>; rel=preload"),))
        echo(exchange)

    talk = Conversation(dialect, Scripted(inform))
    number = talk.tunnel()
    talk.settle()
    assert [status for status, _ in talk.reply(number).informational] == [103]
    assert talk.reply(number).granted


def test_small_pieces_are_nothing_to_complain_of(dialect: Dialect) -> None:
    """A message of a WebSocket has six octets or more, and there may be many."""
    talk = Conversation(dialect, Scripted(echo))
    number = talk.tunnel()
    for _ in range(200):
        for _ in range(100):
            talk.send(number, b"\x81\x80\x00\x00\x00\x00")
        talk.settle()
    assert talk.reply(number).content == b"\x81\x80\x00\x00\x00\x00" * 20_000
    assert talk.engine.problem is None
    assert not talk.engine.closing


# ---------------------------------------------------------------------- refused


@pytest.mark.parametrize("later", [False, True], ids=["at once", "later"])
def test_a_refusal_is_an_ordinary_response(dialect: Dialect, later: bool) -> None:
    application = Scripted(
        {b"/": keep if later else lambda exchange: exchange.respond(text(403, b"no"))}
    )
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    if later:
        application.handled[0].respond(text(403, b"no"))
        talk.settle()
    assert talk.whole_reply(number, 403).content == b"no"
    assert not talk.reply(number).granted
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(following).content == b"/following"


def test_an_abort_before_the_grant_is_a_500(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted({b"/": lambda exchange: exchange.abort("a bug")}))
    number = talk.tunnel()
    talk.settle()
    talk.whole_reply(number, 500)


@pytest.mark.parametrize(
    "behaviour",
    [
        lambda exchange: exchange.respond(text(404, b"first")),
        lambda exchange: exchange.abort("first"),
    ],
    ids=["respond", "abort"],
)
def test_the_first_word_counts(dialect: Dialect, behaviour: Behaviour) -> None:
    application = Scripted()

    def both(exchange: Exchange) -> None:
        behaviour(exchange)
        exchange.tunnel(application.sink(), Pipe())

    application.behaviours = both
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.settle()
    assert talk.reply(number).status in (404, 500)
    application.ledger.assert_settled()


def test_a_response_after_the_grant_has_no_effect(dialect: Dialect) -> None:
    def both(exchange: Exchange) -> None:
        echo(exchange)
        exchange.respond(text(404, b"too late"))
        exchange.accept(application.sink()) if dialect.multiplexed else None

    application = Scripted(both)
    talk = Conversation(dialect, application)
    number = talk.tunnel()
    talk.send(number, b"tunnel")
    talk.settle()
    assert talk.reply(number).granted
    assert talk.reply(number).content == b"tunnel"


def test_a_request_that_asks_for_nothing_gets_no_tunnel(dialect: Dialect) -> None:
    application = Scripted()
    sink = application.sink()

    def try_it(exchange: Exchange) -> None:
        exchange.tunnel(sink, Pipe())
        exchange.respond(text(200, b"ordinary"))

    application.behaviours = try_it
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert talk.whole_reply(number).content == b"ordinary"
    assert sink.abandoned == 1


# ---------------------------------------------------------------------- credit


def test_a_sink_that_has_enough_stops_the_credit(dialect: Dialect) -> None:
    tunnel = Tunnel(takes=False)
    talk, number = tunnel.begin(dialect)
    talk.send(number, bytes(LARGE))
    talk.settle()
    first = len(tunnel.sink.data)
    assert 0 < first <= BOUND
    assert talk.untaken >= LARGE - BOUND
    tunnel.application.handled[0].resume()
    talk.settle()
    assert first < len(tunnel.sink.data) <= 2 * BOUND
    tunnel.sink.takes = lambda data: True
    tunnel.application.handled[0].resume()
    talk.settle()
    assert len(tunnel.sink.data) == LARGE
    assert talk.untaken == 0
    assert talk.shared.held.octets == 0


@pytest.mark.parametrize("way", ["socket", "credit"])
def test_an_echo_to_a_client_that_does_not_read(dialect: Dialect, way: str) -> None:
    talk = Conversation(dialect, Scripted(echo))
    number = talk.tunnel()
    talk.settle()
    if way == "socket":
        talk.taking = False
    elif not talk.client.hold_credit():
        pytest.skip("the protocol has no credit")
    content = bytes(range(256)) * (LARGE // 256)
    talk.send(number, content)
    talk.settle()
    assert LARGE - talk.untaken <= BOUND
    if way == "socket":
        talk.taking = True
    else:
        talk.client.return_credit()
    talk.settle()
    assert talk.reply(number).content == content
    talk.end_tunnel(number)
    assert talk.reply(number).whole
