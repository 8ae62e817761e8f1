"""Bodies, their pulling and their end; what is noted; jobs; the flood."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http1.limits import Limits
from tests.http1.applications import (
    PiecesBody,
    TableApplication,
    later,
    responding,
    sending,
    text_response,
)
from tests.http1.harness import GET, Harness


def test_body_is_pulled_within_the_budget() -> None:
    body = PiecesBody([bytes(1000)] * 100, 100_000)
    harness = Harness(sending(body, ((b"content-length", b"100000"),)))
    harness.connection.receive(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n", harness.now)
    harness.connection.pump(harness.now, 10_000)
    size = harness.connection.output_octets
    assert 10_000 <= size < 12_000
    assert len(body.readers[0].pieces) >= 89


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_body_of_unknown_length(version: bytes) -> None:
    body = PiecesBody([b"abc", b"def"], None)
    harness = Harness(sending(body, ()))
    harness.feed(b"GET /body HTTP/%b\r\nHost: x\r\n\r\n" % version)
    (reply,) = harness.replies()
    assert reply.body == b"abcdef"
    assert (b"transfer-encoding" in reply.fields) == (version == b"1.1")
    assert harness.closing() == (version == b"1.0")
    assert body.readers[0].closed


def test_a_socket_that_takes_little_at_a_time() -> None:
    body = PiecesBody([bytes(1000)] * 20, 20_000)
    harness = Harness(sending(body, ((b"content-length", b"20000"),)))
    harness.connection.receive(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET, harness.now)
    harness.flush(budget=3000, piece=7)
    assert [len(reply.body) for reply in harness.replies()] == [20_000, 6]


def test_finished_responses_are_noted() -> None:
    body = PiecesBody([b"abc", None], None)
    harness = Harness(sending(body))
    connection = harness.connection
    connection.receive(GET + b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n", 6.0)
    connection.pump(7.0, 1000)
    connection.abandon()
    entries = [
        (one.request.path, one.response.status, one.octets, one.started, one.finished, one.aborted)
        for one in harness.noted
    ]
    assert entries == [(b"/a", 200, 6, 6.0, 6.0, False), (b"/body", 200, 3, 6.0, 7.0, True)]
    assert all(one.client is harness.client and not one.pushed for one in harness.noted)


@pytest.mark.parametrize("headers", [b"Expect: 100-continue\r\n", b""])
def test_a_complete_response_is_noted_as_such(headers: bytes) -> None:
    """The connection ends with content left, which is nothing that the response lacks."""
    early = text_response(405, b"no", early=True)
    harness = Harness(TableApplication({b"/a": responding(early)}))
    connection = harness.connection
    connection.receive(b"POST /a HTTP/1.1\r\nHost: x\r\n%sContent-Length: 5\r\n\r\n" % headers, 6.0)
    connection.sent(connection.output_octets, 8.0)
    connection.abandon()
    ((octets, aborted),) = [(one.octets, one.aborted) for one in harness.noted]
    assert (octets, aborted) == (2, False)


def test_how_long_a_stalled_response_took() -> None:
    harness = Harness(sending(PiecesBody([bytes(100_000)], 100_000)))
    connection = harness.connection
    connection.receive(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n", 1005.0)
    connection.pump(1005.0, 50_000)
    connection.sent(40_000, 1010.0)
    connection.check(1040.0)
    connection.check(1070.5)
    assert [(one.finished, one.aborted) for one in harness.noted] == [(1070.5, True)]


def test_a_socket_that_takes_a_drip() -> None:
    """An octet now and then is no progress in writing, also of the last response; honest slowness
    is."""
    harness = Harness(TableApplication({b"/a": responding(text_response(200, bytes(50_000)))}))
    connection = harness.connection
    connection.receive(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 1_000.0)
    assert connection.closing
    for second in range(100):
        connection.sent(1, 1_000.0 + second)
    assert connection.write_progress == 1_000.0
    for second in range(100, 110):
        connection.sent(500, 1_000.0 + second)
    assert connection.write_progress > 1_100.0
    connection.sent(connection.output_octets, 1_200.0)
    assert connection.write_progress == 1_200.0


def test_head_does_not_open_the_body() -> None:
    body = PiecesBody([b"abc"], 3)
    harness = Harness(sending(body, ((b"content-length", b"3"),)))
    harness.feed(b"HEAD /body HTTP/1.1\r\nHost: x\r\n\r\n")
    assert harness.replies([b"HEAD"])[0].body == b""
    assert body.readers == []


@pytest.mark.parametrize("pieces", [[b"ab"], [b"abcdef"]])
def test_a_body_of_another_length_breaks_the_connection(pieces: list[bytes | None]) -> None:
    body = PiecesBody(pieces, 3)
    harness = Harness(sending(body, ((b"content-length", b"3"),)))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert harness.closing()
    assert harness.sent.count(b"HTTP/1.1 200") == 1
    assert not bytes(harness.sent).endswith(b"abc")
    assert body.readers[0].closed
    assert harness.connection.problem


class FailingBody:
    """A body whose medium fails: at once, or after some octets."""

    length: int | None = 6

    def __init__(self, *, opens: bool) -> None:
        self.opens = opens

    def open(self) -> BodyReader:
        if not self.opens:
            raise OSError("no such device")
        return FailingReader()


class FailingReader:
    """Gives three octets, then fails."""

    reuses_buffer = False

    def __init__(self) -> None:
        self.given = False

    def read(self, size: int) -> bytes:
        if self.given:
            raise OSError("input/output error")
        self.given = True
        return b"abc"

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        """There is nothing to give back."""


def test_a_medium_that_cannot_be_opened() -> None:
    response = Response(
        status=200, fields=((b"content-length", b"6"),), body=FailingBody(opens=False)
    )
    harness = Harness(TableApplication({b"/body": responding(response)}))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert [reply.status for reply in harness.replies()] == [500, 200]
    assert harness.reported == ["response to b'/body': cannot read body: no such device"]


def test_a_failing_medium_breaks_the_connection() -> None:
    response = Response(
        status=200, fields=((b"content-length", b"6"),), body=FailingBody(opens=True)
    )
    harness = Harness(TableApplication({b"/body": responding(response)}))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert harness.closing()
    assert "cannot read body" in str(harness.connection.problem)
    assert harness.sent.count(b"HTTP/1.1 ") == 1


def test_an_answer_that_nobody_waits_for_any_more() -> None:
    harness = Harness()
    harness.connection.finish_job(1, text_response(200, b"late"), harness.now)
    assert not harness.connection.output_octets


def test_nothing_is_taken_after_the_end() -> None:
    harness = Harness()
    harness.feed(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    harness.connection.receive(GET, harness.now)
    harness.flush()
    assert len(harness.application.requests) == 1
    assert harness.connection.open_streams == 0
    assert harness.connection.counters.requests == 1


def test_a_response_that_is_all_in_the_output_and_not_taken() -> None:
    harness = Harness()
    harness.connection.receive(GET, harness.now)
    assert harness.connection.output_octets > 0
    harness.now += 60
    harness.connection.check(harness.now)
    assert harness.closing()
    assert harness.connection.problem == "response not read before the timeout"


def test_a_blocked_body_waits_for_unblock() -> None:
    body = PiecesBody([b"abc", None, b"def"], 6)
    harness = Harness(sending(body, ((b"content-length", b"6"),)))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert bytes(harness.sent).endswith(b"abc")
    ((number, _),) = harness.connection.blocked
    blocked = harness.connection.has_content
    assert harness.connection.deadline() is None
    harness.connection.blocked.clear()
    harness.connection.unblock(number, harness.now)
    assert (blocked, harness.connection.has_content) == (False, True)
    harness.flush()
    assert [reply.body for reply in harness.replies()] == [b"abcdef", b"GET /a"]


def test_a_job() -> None:
    harness = Harness(TableApplication({b"/later": later}))
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert not harness.sent
    assert harness.connection.deadline() is None
    ((number, job),) = harness.connection.jobs
    harness.connection.finish_job(number, job(), harness.now)
    harness.connection.finish_job(number, text_response(200, b"again"), harness.now)
    harness.flush()
    assert [reply.body for reply in harness.replies()] == [b"later", b"GET /a"]


def test_a_job_that_fails() -> None:
    harness = Harness(TableApplication({b"/later": later}))
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    harness.connection.finish_job(1, None, harness.now)
    harness.flush()
    assert [reply.status for reply in harness.replies()] == [500, 200]
    ((status, request),) = harness.application.refused
    assert (status, request) == (500, harness.application.requests[0])


def test_nobody_works_for_a_request_that_is_answered_or_gone() -> None:
    harness = Harness(TableApplication({b"/later": later}))
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    assert harness.connection.jobs
    harness.application.exchanges[0].respond(text_response(200, b"sooner"))
    harness.flush()
    assert not harness.connection.jobs
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n")
    assert [number for number, _ in harness.connection.jobs] == [2]
    harness.connection.abandon()
    assert not harness.connection.jobs
    assert [reply.body for reply in harness.replies()] == [b"sooner"]


def test_reading_stops_when_output_or_pipelined_requests_wait() -> None:
    body = PiecesBody([None], None)
    harness = Harness(sending(body, ()), limits=Limits(pipelined=1000))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    while harness.connection.wants_input:
        harness.connection.receive(GET, harness.now)
    assert len(harness.application.requests) == 1


def test_a_flood_of_pipelined_requests_is_answered_in_turns() -> None:
    large = Response(status=200, fields=((b"content-length", b"100000"),), body=bytes(100_000))
    harness = Harness(TableApplication({b"/a": responding(large)}))
    harness.connection.receive(GET * 1000, harness.now)
    assert len(harness.application.requests) < 10
    assert harness.connection.backlog
    assert not harness.connection.wants_input
    harness.flush()
    assert len(harness.application.requests) == 1000


def test_a_turn_answers_a_bounded_number_of_requests() -> None:
    harness = Harness()
    harness.connection.receive(GET * 1000, harness.now)
    assert len(harness.application.requests) == Limits().requests_per_turn
    harness.flush()
    assert len(harness.replies()) == 1000


@pytest.mark.parametrize(
    "response",
    [
        Response(status=200, fields=((b"x", b"a\r\nset-cookie: b"),)),
        Response(status=200, fields=((b"x", b"a\nb"),)),
        Response(status=200, fields=((b"x", b"a\x00b"),)),
        Response(status=200, fields=((b"x\r\ny", b"a"),)),
        Response(status=200, fields=((b"", b"a"),)),
        Response(status=200, fields=((b":status", b"200"),)),
        Response(status=200, fields=((b"content-length", b"+3"),), body=b"abc"),
        Response(status=200, fields=((b"content-length", b"3"),) * 2, body=b"abc"),
        Response(status=200, fields=((b"content-length", b"2"),), body=b"abc"),
        Response(status=200, fields=((b"content-length", b"4"),), body=b"abc"),
        Response(status=200, fields=((b"content-length", b"4"),), body=PiecesBody([b"abc"], 3)),
        Response(status=101, fields=()),
        Response(status=600, fields=()),
    ],
)
@pytest.mark.parametrize("prepared", [True, False])
def test_a_response_of_another_meaning_never_goes_out(response: Response, prepared: bool) -> None:
    response.prepared = prepared
    application = TableApplication({b"/x": responding(response)})
    if prepared:
        application.prepared[b"/x"] = response
    harness = Harness(application)
    harness.feed(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert [reply.status for reply in harness.replies()] == [500, 200]
    assert b"set-cookie" not in harness.sent
    (reason,) = harness.reported
    assert reason.startswith("response to b'/x': ")


def test_a_refusal_that_cannot_be_sent_either() -> None:
    class Hopeless(TableApplication):
        def refuse(self, status: int, request: object) -> Response:
            return Response(status=status, fields=((b"x", b"\r\n"),))

    for octets in (b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16", GET[:20] + b"\n"):
        harness = Harness(Hopeless({b"/x": lambda exchange: exchange.abort("no")}))
        harness.feed(octets)
        assert harness.closing()
        assert not harness.sent
        assert "control octet" in str(harness.connection.problem)
