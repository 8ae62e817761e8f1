"""What every engine promises about credit: what a sink does not take, a client may not send."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Response
from h2static.http.pipe import Pipe
from h2static.http.shared import HeldContent, Shared
from tests.contracts.applications import Behaviour, ProbeSink, Scripted
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


# ---------------------------------------------------------------------- credit


def test_a_sink_that_has_enough_stops_the_credit(dialect: Dialect) -> None:
    application = Scripted()
    application.behaviours = lambda exchange: exchange.accept(application.sink(lambda data: False))
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    sink = _sink_of(application)
    first = len(sink.data)
    assert 0 < first <= BOUND
    assert talk.untaken >= LARGE - BOUND
    (exchange,) = application.handled
    taken = LARGE - talk.untaken
    for _ in range(3):
        exchange.resume()
        assert talk.engine.backlog
        talk.settle()
        assert len(sink.data) > first
        assert LARGE - talk.untaken - taken <= BOUND // 2
        first, taken = len(sink.data), LARGE - talk.untaken
    assert talk.reply(number).status == 0
    talk.close()
    assert talk.shared.held.octets == 0
    application.ledger.assert_settled()


def test_a_sink_that_is_resumed_each_time_gets_everything(dialect: Dialect) -> None:
    application = _swallower()
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True, length=LARGE)
    talk.settle()
    (exchange,) = application.handled
    sink = _sink_of(application)
    sink_stopped = False

    def takes(data: bytes) -> bool:
        nonlocal sink_stopped
        sink_stopped = True
        return False

    sink.takes = takes
    talk.send(number, bytes(LARGE))
    talk.end(number)
    talk.settle()
    rounds = 0
    while sink_stopped:
        sink_stopped = False
        exchange.resume()
        talk.settle()
        rounds += 1
    assert rounds >= 3
    assert talk.whole_reply(number).content == b"%d" % LARGE
    assert talk.shared.held.octets == 0
    application.ledger.assert_settled()


def test_to_resume_too_often_gives_no_credit(dialect: Dialect) -> None:
    """The client of HTTP/2 checks that no window grows above what it was at first."""
    application = _swallower()
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True, length=100_000)
    talk.settle()
    (exchange,) = application.handled
    for _ in range(10):
        exchange.resume()
        talk.send(number, bytes(10_000))
        exchange.resume()
        exchange.resume()
        talk.settle()
    talk.end(number)
    talk.settle()
    exchange.resume()
    talk.settle()
    assert talk.whole_reply(number).content == b"100000"
    assert talk.shared.held.octets == 0


def _echo(exchange: Exchange) -> None:
    """Send the content back as it comes, trailers included."""
    pipe = Pipe(on_room=exchange.resume)
    exchange.accept(pipe)
    exchange.respond(Response(status=200, fields=(), body=pipe))


def _stop_reading(talk: Conversation, way: str) -> None:
    if way == "socket":
        talk.taking = False
    elif not talk.client.hold_credit():
        pytest.skip("the protocol has no credit")


def _read_again(talk: Conversation, way: str) -> None:
    if way == "socket":
        talk.taking = True
    else:
        talk.client.return_credit()
    talk.settle()


@pytest.mark.parametrize("way", ["socket", "credit"])
@pytest.mark.parametrize("behaviour", [_echo], ids=["echo"])
def test_an_echo_to_a_client_that_does_not_read(
    dialect: Dialect, behaviour: Behaviour, way: str
) -> None:
    talk = Conversation(dialect, Scripted(behaviour))
    number = talk.request(b"/", method=b"POST", unfinished=True, length=LARGE)
    talk.settle()
    _stop_reading(talk, way)
    content = bytes(range(256)) * (LARGE // 256)
    talk.send(number, content)
    talk.end(number)
    talk.settle()
    assert LARGE - talk.untaken <= BOUND
    _read_again(talk, way)
    assert talk.whole_reply(number).content == content
    assert talk.untaken == 0
    assert talk.shared.held.octets == 0
    # All credit has come back: as much goes once more.
    again = talk.request(b"/", method=b"POST", content=content, length=LARGE)
    talk.settle()
    assert talk.whole_reply(again).content == content


def test_an_echo_of_trailers(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(_echo))
    trailers = ((b"x-checksum", b"1234"),)
    number = talk.request(
        b"/",
        method=b"POST",
        fields=((b"te", b"trailers"),),
        content=b"content",
        trailers=trailers,
    )
    talk.settle()
    assert talk.whole_reply(number).content == b"content"
    assert talk.reply(number).trailers == trailers


def test_an_echo_whose_client_goes_leaves_nothing(dialect: Dialect) -> None:
    pipes: list[Pipe] = []

    def echo(exchange: Exchange) -> None:
        pipe = Pipe(on_room=exchange.resume)
        pipes.append(pipe)
        exchange.accept(pipe)
        exchange.respond(Response(status=200, fields=(), body=pipe))

    talk = Conversation(dialect, Scripted(echo))
    talk.taking = False
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    talk.lose(number)
    assert all(pipe.closed for pipe in pipes)
    assert [pipe.held for pipe in pipes] == [0]
    assert talk.shared.held.octets == 0


# ---------------------------------------------------------------------- credit of many streams


def test_a_sink_that_has_enough_holds_up_its_stream_only(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted()
    application.behaviours = {
        b"/full": lambda exchange: exchange.accept(application.sink(lambda data: False)),
        b"/": application.swallow,
    }
    talk = Conversation(dialect, application)
    for _ in range(4):
        talk.request(b"/full", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % LARGE
    assert talk.shared.held.octets > 0
    talk.close()
    assert talk.shared.held.octets == 0
    application.ledger.assert_settled()


@pytest.mark.parametrize("limit", [0, 2**30], ids=["connection held too", "stream held"])
def test_the_credit_of_streams_that_are_given_up_comes_back(dialect: Dialect, limit: int) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted()
    application.behaviours = {
        b"/full": lambda exchange: exchange.accept(application.sink(lambda data: False)),
        b"/": application.swallow,
    }
    talk = Conversation(dialect, application, shared=Shared(held=HeldContent(limit=limit)))
    for _ in range(10):
        number = talk.request(b"/full", method=b"POST", content=bytes(LARGE), length=LARGE)
        talk.settle()
        talk.lose(number)
        assert talk.shared.held.octets == 0
    number = talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
    talk.settle()
    assert talk.whole_reply(number).content == b"%d" % LARGE
    application.ledger.assert_settled()


def test_beyond_what_the_worker_may_hold_the_connection_gets_no_credit(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted()
    application.behaviours = lambda exchange: exchange.accept(application.sink(lambda data: False))
    talk = Conversation(dialect, application, shared=Shared(held=HeldContent(limit=100_000)))
    for _ in range(10):
        talk.request(b"/", method=b"POST", content=bytes(LARGE), length=LARGE)
        talk.settle()
    assert talk.shared.held.octets <= 100_000 + 65_535 + 16_384
    received = sum(len(sink.data) for sink in application.ledger.sinks)
    assert received <= 100_000 + 65_535 + 16_384
    # HTTP/3 counts field sections too: some requests may not have come.
    application.behaviours = application.swallow
    held = list(zip(application.handled, application.ledger.sinks, strict=True))
    for exchange, sink in held:
        sink.takes = lambda data: True
        exchange.resume()
    talk.settle()
    assert talk.untaken == 0
    assert talk.shared.held.octets == 0
