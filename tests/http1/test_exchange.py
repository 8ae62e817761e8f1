"""The conversation with the application: sinks and their credit, 1xx, trailers, abort, the end."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http1.limits import Limits
from tests.http1.applications import (
    EchoSink,
    Handler,
    PiecesBody,
    SlowSink,
    TableApplication,
    echoing,
    piping,
    responding,
    sending,
    text_response,
)
from tests.http1.harness import Harness, ask

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
EXPECT = b"Expect: 100-continue"


def post(path: bytes, content: bytes, *fields: bytes) -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: x", b"Content-Length: %d" % len(content), *fields]
    return b"\r\n".join([*lines, b"", content])


def doing(*actions: Handler) -> TableApplication:
    """An application that does ``actions``, in this order, with requests for ``/x``."""

    def handle(exchange: Exchange) -> None:
        for action in actions:
            action(exchange)

    return TableApplication({b"/x": handle})


def silent() -> TableApplication:
    """An application that says nothing yet about requests for ``/x``."""
    return doing()


# ---------------------------------------------------------------- each request exactly once


@pytest.mark.parametrize("step", [None, 1])
def test_300_requests_in_one_read_are_300_handles_or_recalls(step: int | None) -> None:
    octets = b"".join(
        b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number
        if number % 3
        else b"GET /known HTTP/1.1\r\nHost: x\r\n\r\n"
        if number % 2
        else post(b"/echo", b"%d" % number)
        for number in range(300)
    )
    application = echoing()
    application.prepared[b"/known"] = text_response(200, b"known", prepared=True)
    harness = Harness(application)
    harness.feed(octets, step=step)
    expected = [
        b"GET /%d" % number if number % 3 else b"known" if number % 2 else b"%d" % number
        for number in range(300)
    ]
    assert [reply.body for reply in harness.replies()] == expected
    assert (len(application.requests), len(application.recalled)) == (250, 50)
    assert [(sink.ends, sink.abandoned) for sink in application.sinks] == [(1, 0)] * 50
    assert harness.connection.counters.requests == len(harness.noted) == 300


def test_what_is_recalled_is_not_handled() -> None:
    harness = Harness()
    harness.application.prepared[b"/a"] = text_response(200, b"known")
    harness.feed(GET + post(b"/a", b"content") + GET.replace(b"GET", b"HEAD"))
    replies = harness.replies([b"GET", b"POST", b"HEAD"])
    assert [reply.body for reply in replies] == [b"known", b"known", b""]
    assert not harness.application.requests


# ---------------------------------------------------------------- credit (house: Sink.receive)


def test_a_sink_that_has_had_enough_stops_the_reading() -> None:
    sinks: list[SlowSink] = []
    harness = Harness(TableApplication({b"/x": lambda e: sinks.append(SlowSink(e))}))
    harness.feed(post(b"/x", bytes(300_000))[:-299_000])
    (sink,) = sinks
    assert len(sink.data) == 1000
    assert not harness.connection.wants_input
    # Nobody waits for the client: the application does not want to go on.
    assert harness.connection.deadline() is None
    # What a driver had read already is kept, and given when it is asked for.
    harness.connection.receive(bytes(60_000), harness.now)
    assert len(sink.data) == 1000
    harness.now += 1000
    sink.exchange.resume()
    assert harness.notified == 1
    harness.flush()
    assert len(sink.data) == 61_000
    assert not harness.connection.wants_input
    while len(sink.data) < 300_000:
        sink.exchange.resume()
        # Until its turn the connection waits for nobody, and then for the client.
        assert harness.connection.deadline() is None
        harness.flush()
        assert harness.connection.deadline() == harness.now + Limits().content_seconds
        harness.feed(bytes(min(30_000, 300_000 - len(sink.data))))
    assert harness.replies()[0].body == b"300000"
    assert (sink.ends, sink.abandoned) == (1, 0)
    harness.feed(GET)
    assert harness.replies()[1].body == b"GET /a"


def test_a_sink_may_go_on_before_it_returns() -> None:
    class Sink(SlowSink):
        def receive(self, data: bytes) -> bool:
            self.exchange.resume()
            return super().receive(data)

    sinks: list[Sink] = []
    harness = Harness(TableApplication({b"/x": lambda e: sinks.append(Sink(e))}))
    harness.feed(post(b"/x", bytes(100)), step=7)
    assert harness.replies()[0].body == b"100"


def test_the_sink_of_one_who_hangs_up_half_way_is_abandoned_once() -> None:
    sinks: list[SlowSink] = []
    harness = Harness(TableApplication({b"/x": lambda e: sinks.append(SlowSink(e))}))
    harness.feed(post(b"/x", bytes(100))[:-10])
    harness.connection.receive_eof(harness.now)
    # What has come is still to be taken.
    assert not harness.closing()
    sinks[0].exchange.resume()
    harness.flush()
    assert harness.closing()
    harness.connection.abandon()
    assert (len(sinks[0].data), sinks[0].ends, sinks[0].abandoned) == (90, 0, 1)


def test_an_echo_to_one_who_does_not_read() -> None:
    """The client's octets come to a stop, then all of them come back."""
    harness = Harness(piping(), limits=Limits(output_mark=65_536))
    connection = harness.connection
    connection.receive(
        b"POST /pipe HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", harness.now
    )
    octets = bytes(range(250)) * 4000
    fed = 0
    for _ in range(1000):
        if not connection.wants_input:
            break
        connection.receive(octets[fed : fed + 10_000], harness.now)
        fed += 10_000
        for number, _ in connection.blocked:
            connection.unblock(number, harness.now)
        connection.blocked.clear()
        if connection.has_content:
            connection.pump(harness.now, 50_000)
    assert fed <= 250_000
    # The client that does not read is the one that is waited for.
    assert connection.deadline() == harness.now + Limits().stall_seconds
    for _ in range(1000):
        harness.flush(budget=50_000, piece=9_999)
        harness.wake()
        if connection.wants_input and fed < len(octets):
            connection.receive(octets[fed : fed + 10_000], harness.now)
            fed += 10_000
    (reply,) = harness.replies()
    assert reply.complete
    assert reply.body == octets
    assert not harness.closing()


def test_an_echo_piece_by_piece() -> None:
    """The response goes out while content still comes."""
    harness = Harness(piping())
    harness.feed(b"POST /pipe HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in (b"one", b"two"):
        harness.feed(b"3\r\n%b\r\n" % piece)
        harness.wake()
        assert bytes(harness.sent).endswith(b"3\r\n%b\r\n" % piece)
    harness.feed(b"0\r\nX-End: yes\r\n\r\n")
    harness.wake()
    (reply,) = harness.replies()
    assert (reply.body, reply.trailers) == (b"onetwo", {b"x-end": b"yes"})
    harness.feed(GET)
    assert harness.replies()[1].body == b"GET /a"


# ---------------------------------------------------------------- accept and 100 (RFC 9110 10.1.1)


def test_content_waits_until_the_application_decides() -> None:
    harness = Harness(silent(), limits=Limits(pipelined=1000))
    octets = post(b"/x", bytes(5000), EXPECT)
    harness.feed(octets[:-5000])
    assert not harness.sent
    assert harness.connection.deadline() is None
    (exchange,) = harness.application.exchanges
    sink = EchoSink(exchange, 10_000)
    assert harness.notified == 1
    assert not harness.sent
    harness.flush()
    assert harness.sent.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert harness.connection.deadline() == harness.now + Limits().content_seconds
    harness.feed(octets[-5000:])
    (reply,) = harness.replies()
    assert (reply.informational, len(reply.body)) == ([100], 5000)
    assert sink.ends == 1


def test_content_that_nobody_has_decided_about_is_bounded() -> None:
    harness = Harness(silent(), limits=Limits(pipelined=1000))
    harness.feed(post(b"/x", bytes(50_000))[:-50_000])
    fed = 0
    while harness.connection.wants_input:
        harness.connection.receive(bytes(100), harness.now)
        fed += 100
    assert fed == 1000
    harness.application.exchanges[0].respond(text_response(200, b"ok"))
    harness.flush()
    assert not harness.sent
    harness.feed(bytes(49_000) + GET)
    assert [reply.body for reply in harness.replies()] == [b"ok", b"GET /a"]


def test_accept_of_a_request_without_content_ends_the_sink_at_once() -> None:
    sinks: list[EchoSink] = []
    harness = Harness(TableApplication({b"/x": lambda e: sinks.append(EchoSink(e, 10))}))
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (sinks[0].ends, sinks[0].trailers) == (1, ())
    assert harness.replies()[0].status == 200


def test_accept_after_the_response_abandons_the_sink() -> None:
    harness = Harness(doing(responding(text_response(200, b"ok"))))
    harness.feed(post(b"/x", b"12345")[:-1])
    sink = EchoSink(harness.application.exchanges[0], 10)
    assert (sink.ends, sink.abandoned) == (0, 1)
    harness.feed(b"5")
    late = EchoSink(harness.application.exchanges[0], 10)
    assert (late.ends, late.abandoned) == (0, 1)
    assert harness.replies()[0].body == b"ok"


def test_a_response_in_octets_needs_no_more_content() -> None:
    application = echoing(3)
    harness = Harness(application)
    octets = post(b"/echo", b"hello")
    harness.feed(octets[:-1])
    assert harness.replies()[0].status == 413
    assert (application.sinks[0].ends, application.sinks[0].abandoned) == (0, 1)
    harness.feed(octets[-1:] + GET)
    assert [reply.status for reply in harness.replies()] == [413, 200]


# ---------------------------------------------------------------- 1xx (RFC 9110 section 15.2)

LINK = (b"link", b"</a.css>; rel=preload")


def informing(status: int, fields: Fields = ()) -> Handler:
    return lambda exchange: exchange.inform(status, fields)


def test_informational_responses_come_before_the_response() -> None:
    ok = responding(text_response(200, b"ok"))
    harness = Harness(doing(informing(103, (LINK,)), informing(102), ok, informing(102)))
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    first, second = harness.replies()
    assert (first.informational, first.body) == ([103, 102], b"ok")
    assert first.informational_fields == [dict([LINK]), {}]
    assert second.informational == []


def test_an_informational_response_goes_out_while_the_response_is_worked_on() -> None:
    harness = Harness(silent())
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    (exchange,) = harness.application.exchanges
    harness.now += 500
    exchange.inform(103, (LINK,))
    harness.connection.take_turn(harness.now)
    # The client has its time to take it, however long the application took.
    assert harness.connection.deadline() == harness.now + Limits().stall_seconds
    harness.flush()
    assert bytes(harness.sent) == b"HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n"
    exchange.respond(text_response(200, b"ok"))
    harness.flush()
    assert harness.replies()[0].informational == [103]


def test_http_1_0_gets_no_informational_response() -> None:
    harness = Harness(doing(informing(103), responding(text_response(200, b"ok"))))
    harness.feed(b"GET /x HTTP/1.0\r\n\r\n")
    assert harness.replies()[0].informational == []


@pytest.mark.parametrize("status", [100, 101])
def test_what_is_the_engines_own(status: int) -> None:
    harness = Harness(doing(informing(status), responding(text_response(200, b"ok"))))
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    assert harness.replies()[0].informational == []


def test_an_informational_response_that_must_not_go_out() -> None:
    bad = informing(103, ((b"link", b"a\r\nset-cookie: b"),))
    harness = Harness(doing(bad, responding(text_response(200, b"ok"))))
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert b"set-cookie" not in harness.sent
    assert [reply.status for reply in harness.replies()] == [500, 200]
    (reason,) = harness.reported
    assert "control octet" in reason


# ---------------------------------------------------------------- trailers (RFC 9110 section 6.5)


def test_trailers_of_a_request() -> None:
    octets = (
        b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
        b"Digest:  abc \r\nContent-Length: 7\r\nHost: evil\r\nX: 1\r\nx: 2\r\n\r\n"
    )
    application = echoing()
    replies = ask(octets + GET, application=application)
    assert [reply.body for reply in replies] == [b"hi", b"GET /a"]
    assert [sink.trailers for sink in application.sinks] == [
        ((b"digest", b"abc"), (b"x", b"1"), (b"x", b"2"))
    ] * 2


def test_too_many_trailers() -> None:
    octets = b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n"
    application = echoing()
    (reply,) = ask(
        octets + b"a: b\r\n" * 30 + b"\r\n", application=application, limits=Limits(fields=20)
    )
    assert (reply.status, reply.fields[b"connection"]) == (431, b"close")
    assert [(sink.ends, sink.abandoned) for sink in application.sinks] == [(0, 1)] * 2


def test_trailers_of_a_response() -> None:
    trailers = ((b"server-timing", b"db;dur=53"), (b"content-length", b"9"), (b"host", b"a"))
    body = PiecesBody([b"abc", None, b"def"], None, trailers)
    harness = Harness(sending(body))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    harness.wake()
    first, second = harness.replies()
    assert (first.body, first.trailers) == (b"abcdef", {b"server-timing": b"db;dur=53"})
    assert second.body == b"GET /a"


def test_trailers_that_must_not_go_out() -> None:
    harness = Harness(sending(PiecesBody([b"abc"], None, ((b"x", b"a\r\n\r\nHTTP/1.1 200 OK"),))))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    (reply,) = harness.replies()
    assert (reply.body, reply.complete) == (b"abc", False)
    assert harness.closing()
    assert harness.connection.problem == "trailers: x: control octet in the value"


def test_http_1_0_gets_no_trailers() -> None:
    harness = Harness(sending(PiecesBody([b"abc"], None, ((b"x", b"a"),))))
    harness.feed(b"GET /body HTTP/1.0\r\n\r\n")
    assert harness.replies()[0].body == b"abc"


# ---------------------------------------------------------------- late, given up, lost


def test_a_late_response() -> None:
    harness = Harness(silent())
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    (exchange,) = harness.application.exchanges
    assert exchange.client is harness.client
    exchange.respond(text_response(200, b"late"))
    exchange.respond(text_response(500, b"too late"))
    # It takes effect in the connection's turn, for which the driver was asked once.
    assert harness.notified == 1
    assert not harness.connection.output_octets
    harness.flush()
    exchange.respond(text_response(500, b"too late"))
    exchange.abort("too late")
    exchange.resume()
    exchange.work(lambda: text_response(500, b"too late"))
    exchange.inform(103)
    assert [reply.body for reply in harness.replies()] == [b"late", b"GET /a"]
    assert (harness.notified, harness.reported, harness.connection.backlog) == (1, [], False)


def test_abort_before_the_response() -> None:
    harness = Harness(silent())
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    lost: list[str] = []
    (exchange,) = harness.application.exchanges
    exchange.when_lost(lambda: lost.append("lost"))
    exchange.abort("the database is gone")
    exchange.respond(text_response(200, b"never"))
    harness.flush()
    assert [reply.status for reply in harness.replies()] == [500, 200]
    assert harness.reported == ["the database is gone"]
    assert harness.application.refused == [(500, exchange.request)]
    assert lost == []


def test_abort_instead_of_a_response_that_is_held() -> None:
    ok = responding(text_response(200, b"ok"))
    harness = Harness(doing(ok, lambda exchange: exchange.abort("no")))
    harness.feed(post(b"/x", b"content") + GET)
    assert [reply.status for reply in harness.replies()] == [500, 200]


@pytest.mark.parametrize(("length", "version"), [(None, b"1.1"), (9, b"1.1"), (9, b"1.0")])
def test_abort_within_the_response(length: int | None, version: bytes) -> None:
    """The client must see that it is not complete."""
    body = PiecesBody([b"abc", None, b"def"], length)
    lost: list[str] = []
    application = sending(body)
    harness = Harness(application)
    harness.feed(b"GET /body HTTP/%b\r\nHost: x\r\n\r\n" % version + GET)
    (exchange,) = application.exchanges
    exchange.when_lost(lambda: lost.append("lost"))
    exchange.abort("the upstream is gone")
    harness.flush()
    (reply,) = harness.replies()
    assert (reply.body, reply.complete) == (b"abc", False)
    assert harness.closing()
    assert harness.reported == ["the upstream is gone"]
    assert harness.connection.problem is None
    assert body.readers[0].closed
    assert lost == ["lost"]
    assert [one.aborted for one in harness.noted] == [True]


def test_a_connection_without_a_reporter_says_it_as_its_problem() -> None:
    harness = Harness(sending(PiecesBody([b"abc", None], None)))
    harness.connection._report = None
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    harness.application.exchanges[0].abort("the upstream is gone")
    harness.flush()
    assert harness.connection.problem == "the upstream is gone"


@pytest.mark.parametrize("answered", [True, False])
def test_when_lost(answered: bool) -> None:
    calls: list[str] = []
    harness = Harness(silent())
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
    (exchange,) = harness.application.exchanges
    exchange.when_lost(lambda: calls.append("first"))
    if answered:
        exchange.respond(text_response(200, b"ok"))
        harness.flush()
    harness.connection.abandon()
    exchange.when_lost(lambda: calls.append("second"))
    harness.connection.abandon()
    assert calls == ([] if answered else ["first", "second"])


def test_lost_when_the_content_is_malformed() -> None:
    """The client gets a response, but not the application's."""
    calls: list[str] = []
    application = echoing()
    harness = Harness(application)
    harness.feed(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na")
    application.exchanges[0].when_lost(lambda: calls.append("lost"))
    harness.feed(b"b\r\n")
    assert harness.replies()[0].status == 400
    assert calls == ["lost"]
    assert application.sinks[0].abandoned == 1
    assert application.refused == [(400, application.requests[0])]


def test_what_is_said_while_everything_ends() -> None:
    """An application that is told that the client is gone may still say this and that."""
    harness = Harness(piping())
    harness.feed(b"POST /pipe HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
    (exchange,) = harness.application.exchanges
    exchange.when_lost(lambda: exchange.abort("lost"))
    harness.connection.abandon()
    assert (harness.notified, harness.reported, harness.connection.backlog) == (0, [], False)
