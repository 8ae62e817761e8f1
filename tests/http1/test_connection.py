"""The connection: RFC 9112 sections 6 to 9, smuggling, slow and greedy peers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http1.limits import Limits
from tests.http1.applications import (
    PiecesBody,
    TableApplication,
    echoing,
    responding,
    sending,
    text_response,
)
from tests.http1.harness import DATE, Harness, ask
from tests.http1.test_head import REFUSED

GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def post(content: bytes, *fields: bytes, path: bytes = b"/echo") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: x", b"Content-Length: %d" % len(content), *fields]
    return b"\r\n".join([*lines, b"", content])


def chunked(content: bytes, path: bytes = b"/echo") -> bytes:
    chunks = b"".join(b"1\r\n%c\r\n" % octet for octet in content) + b"0\r\n\r\n"
    return b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % path + chunks


# ---------------------------------------------------------------- exchanges (sections 6 and 9.3)


def test_golden_octets() -> None:
    harness = Harness()
    harness.feed(GET)
    assert bytes(harness.sent) == (
        b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\ncontent-type: text/plain\r\n"
        b"date: " + DATE + b"\r\n\r\nGET /a"
    )
    assert not harness.closing()


def test_connection_persists_and_the_same_octets_are_the_same_request() -> None:
    harness = Harness()
    for _ in range(4):
        harness.feed(GET)
    assert [reply.body for reply in harness.replies()] == [b"GET /a"] * 4
    # What comes for the first time need not come again; then it is worth remembering.
    _, second, third, fourth = harness.application.requests
    assert second is third is fourth
    assert second.repeats


def test_pipelined_requests_are_answered_in_order() -> None:
    replies = ask(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % i for i in range(100)))
    assert [reply.body for reply in replies] == [b"GET /%d" % i for i in range(100)]


def test_head_has_no_body() -> None:
    (reply,) = ask(b"HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\n")
    assert reply.fields[b"content-length"] == b"9"
    assert reply.body == b""


def test_empty_lines_before_a_request_are_ignored() -> None:
    assert ask(b"\r\n\r\n" + GET)[0].status == 200


def test_too_many_empty_lines() -> None:
    assert ask(b"\r\n" * 50 + GET)[0].status == 400


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, CLOSE\r\n\r\n",
        b"GET / HTTP/1.0\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n",
    ],
)
def test_close(octets: bytes) -> None:
    replies = ask(octets + GET)
    assert len(replies) == 1
    assert replies[0].fields[b"connection"] == b"close"


def test_upgrade_is_ignored() -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    )
    replies = ask(upgrade + b"HTTP2-Settings: AAMAAABk\r\n\r\n" + GET)
    assert [reply.status for reply in replies] == [200, 200]


@pytest.mark.parametrize(("section", "status"), REFUSED)
def test_a_refused_request_ends_the_connection(section: bytes, status: int) -> None:
    replies = ask(section + GET)
    assert [reply.status for reply in replies] == [status]
    assert replies[0].fields[b"connection"] == b"close"
    assert replies[0].fields[b"date"] == DATE


def test_a_bare_line_feed_is_refused_at_once() -> None:
    harness = Harness()
    harness.feed(b"GET / HTTP/1.1\n\n")
    assert harness.replies()[0].status == 400


def test_a_tls_record_is_refused_at_once() -> None:
    harness = Harness()
    harness.feed(b"\x16\x03\x01\x02\x00\x01")
    assert harness.closing()
    assert harness.replies()[0].status == 400


# ---------------------------------------------------------------- smuggling (section 11.2)

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"

SMUGGLING = [
    # CL.TE, TE.CL, TE.TE, CL.CL and their disguises
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n5c\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nX: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding\x00: chunked\r\n\r\n0\r\n\r\n",
    b'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0, 44\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 44 \x0b\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;\n\r\na\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n100000000000000000\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n\x00\r\n\r\n",
    b"GET http://a/ HTTP/1.1\r\nHost: x\r\nHost: a\r\n\r\n",
]


@pytest.mark.parametrize("attempt", SMUGGLING)
def test_no_hidden_request_is_answered(attempt: bytes) -> None:
    application = TableApplication()
    replies = ask(attempt + HIDDEN, application=application)
    assert [request.path for request in application.requests if request.path == b"/hidden"] == []
    assert len(replies) == 1
    assert replies[0].status in (400, 501)
    assert replies[0].fields[b"connection"] == b"close"


def test_content_is_not_a_request() -> None:
    replies = ask(post(HIDDEN) + GET, application=echoing())
    assert [reply.body for reply in replies] == [HIDDEN, b"GET /a"]


# ---------------------------------------------------------------- content (sections 6 and 7)


@pytest.mark.parametrize("octets", [post(b"hello"), chunked(b"hello")])
def test_upload(octets: bytes) -> None:
    replies = ask(octets + GET, application=echoing())
    assert [reply.body for reply in replies] == [b"hello", b"GET /a"]


@pytest.mark.parametrize("octets", [post(b"hello", path=b"/x"), chunked(b"hello", b"/x")])
def test_unwanted_content_is_read_before_the_response(octets: bytes) -> None:
    harness = Harness()
    harness.feed(octets[:-1])
    assert not harness.sent
    harness.feed(octets[-1:] + GET)
    assert [reply.body for reply in harness.replies()] == [b"POST /x", b"GET /a"]


def test_early_response_keeps_the_connection_when_the_content_is_small() -> None:
    application = TableApplication({b"/e": responding(text_response(405, b"no", early=True))})
    harness = Harness(application)
    octets = post(b"hello", path=b"/e")
    harness.feed(octets[:-5])
    assert harness.replies()[0].status == 405
    harness.feed(octets[-5:] + GET)
    assert [reply.status for reply in harness.replies()] == [405, 200]


def test_announced_large_content_ends_the_connection() -> None:
    harness = Harness()
    harness.feed(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n")
    (reply,) = harness.replies()
    assert reply.fields[b"connection"] == b"close"
    assert harness.closing()


def test_endless_chunks_for_nobody_end_the_connection() -> None:
    harness = Harness(limits=Limits(discarded_content=10_000))
    harness.feed(b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        harness.feed(b"400\r\n" + bytes(1024) + b"\r\n")
    assert harness.closing()
    assert harness.replies()[0].fields[b"connection"] == b"close"


def test_many_small_chunks_take_many_turns() -> None:
    """Otherwise 64 KiB of them would keep everybody else waiting for a third of a second."""
    application = echoing(limit=10_000)
    harness = Harness(application, limits=Limits(chunk_lines_per_turn=100))
    harness.connection.receive(chunked(b"x" * 1000) + GET, harness.now)
    (sink,) = application.sinks
    turns = 1
    while harness.connection.backlog and turns < 50:
        assert len(sink.data) == 100 * turns
        assert not harness.connection.wants_input
        harness.connection.take_turn(harness.now)
        turns += 1
    assert turns == 11
    harness.flush()
    assert [reply.body for reply in harness.replies()] == [b"x" * 1000, b"GET /a"]


def test_small_chunks_of_many_requests_share_the_turn() -> None:
    harness = Harness(limits=Limits(chunk_lines_per_turn=100))
    harness.connection.receive(chunked(b"x" * 49, b"/a") * 10, harness.now)
    assert harness.connection.counters.requests == 2
    harness.flush()
    assert len(harness.replies()) == 10


def test_upload_too_large() -> None:
    application = echoing(limit=3)
    harness = Harness(application)
    harness.feed(post(b"hello") + GET)
    assert [reply.status for reply in harness.replies()] == [413, 200]
    assert application.sinks[0].abandoned == 1


def test_trailers_are_the_sinks() -> None:
    octets = chunked(b"hi")[:-2] + b"X-Trailer: 1\r\n\r\n"
    application = echoing()
    replies = ask(octets + GET, application=application)
    assert [reply.body for reply in replies] == [b"hi", b"GET /a"]
    assert application.requests[0].field(b"x-trailer") is None
    assert application.sinks[0].trailers == ((b"x-trailer", b"1"),)


# ---------------------------------------------------------------- 100 (RFC 9110 section 10.1.1)

EXPECT = b"Expect: 100-continue"


def test_continue_is_sent_when_the_upload_is_wanted() -> None:
    harness = Harness(echoing())
    octets = post(b"hello", EXPECT)
    harness.feed(octets[:-5])
    assert bytes(harness.sent).startswith(b"HTTP/1.1 100 ")
    harness.feed(octets[-5:])
    (reply,) = harness.replies()
    assert reply.informational == [100]
    assert reply.body == b"hello"
    assert not harness.closing()


def test_continue_is_left_out_when_content_is_there() -> None:
    harness = Harness(echoing())
    harness.feed(post(b"hello", EXPECT))
    assert harness.replies()[0].informational == []


def test_no_continue_when_the_answer_is_known() -> None:
    harness = Harness()
    harness.feed(post(b"hello", EXPECT, path=b"/x")[:-5])
    (reply,) = harness.replies()
    assert reply.informational == []
    assert reply.fields[b"connection"] == b"close"
    assert harness.closing()


# ---------------------------------------------------------------- bodies and output


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
    assert harness.reported == ["response to b'/body': body cannot be read: no such device"]


def test_a_failing_medium_breaks_the_connection() -> None:
    response = Response(
        status=200, fields=((b"content-length", b"6"),), body=FailingBody(opens=True)
    )
    harness = Harness(TableApplication({b"/body": responding(response)}))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    assert harness.closing()
    assert "cannot be read" in str(harness.connection.problem)
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
    assert harness.connection.problem == "response not read in time"


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


def later(exchange: Exchange) -> None:
    exchange.work(lambda: text_response(200, b"later"))


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


# ---------------------------------------------------------------- limits and time


def test_large_header_section_is_legal_below_the_limit() -> None:
    fields = b"".join(b"X-%d: %b\r\n" % (i, b"v" * 600) for i in range(100))
    (reply,) = ask(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")
    assert reply.status == 200


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: %b\r\n" % (b"v" * 1000) * 80, 431),
        (b"GET /" + b"a" * 20_000, 414),
        (b"A" * 20_000, 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000, 431),
    ],
)
def test_endless_header_sections(octets: bytes, status: int) -> None:
    harness = Harness()
    harness.feed(octets, step=1000)
    assert [reply.status for reply in harness.replies()] == [status]
    assert harness.closing()


def test_silence_after_connecting() -> None:
    harness = Harness()
    assert harness.connection.deadline() == harness.now + 10
    harness.now += 10
    harness.connection.check(harness.now)
    harness.flush()
    assert harness.closing()
    assert not harness.sent


def test_slowloris_meets_an_absolute_deadline() -> None:
    harness = Harness()
    for octet in b"GET / HTTP/1.1\r\nX: " + b"a" * 100:
        if harness.closing():
            break
        harness.feed(bytes([octet]))
        harness.now += 0.5
        harness.connection.check(harness.now)
        harness.flush()
    assert harness.now <= 1011
    assert harness.replies()[0].status == 408


def test_slow_content_meets_a_deadline() -> None:
    application = echoing(100_000)
    harness = Harness(application)
    harness.feed(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90000\r\n\r\n")
    for _ in range(1000):
        if harness.closing():
            break
        harness.feed(b"x")
        harness.now += 1
        harness.connection.check(harness.now)
        harness.flush()
    assert harness.now <= 1061
    assert harness.replies()[0].status == 408
    assert application.sinks[0].abandoned == 1


def test_steady_content_meets_none() -> None:
    harness = Harness(echoing(200_000))
    harness.feed(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100):
        harness.feed(bytes(1000))
        harness.now += 5
        harness.connection.check(harness.now)
    assert harness.replies()[0].status == 200


def test_a_client_that_does_not_read() -> None:
    body = PiecesBody([bytes(1000)] * 1000, 1_000_000)
    harness = Harness(sending(body, ((b"content-length", b"1000000"),)))
    harness.connection.receive(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n", harness.now)
    harness.connection.pump(harness.now, 65_536)
    assert harness.connection.deadline() == harness.now + 60
    harness.now += 60
    harness.connection.check(harness.now)
    assert harness.closing()
    assert body.readers[0].closed


def test_idle_connection() -> None:
    harness = Harness()
    harness.feed(GET)
    assert harness.connection.deadline() == harness.now + 180
    harness.now += 179
    harness.connection.check(harness.now)
    assert not harness.closing()
    harness.now += 1
    harness.connection.check(harness.now)
    assert harness.closing()
    assert len(harness.replies()) == 1


# ---------------------------------------------------------------- the end (sections 8 and 9.6)


def test_half_closed_client_gets_its_responses() -> None:
    body = PiecesBody([bytes(1000)] * 100, 100_000)
    harness = Harness(sending(body, ((b"content-length", b"100000"),)))
    harness.connection.receive(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n" + GET, harness.now)
    harness.connection.receive_eof(harness.now)
    assert not harness.closing()
    harness.flush()
    assert harness.closing()
    assert [len(reply.body) for reply in harness.replies()] == [100_000, 6]


def test_half_closed_client_gets_what_waited_behind_a_deferred_answer() -> None:
    """More requests than one turn answers."""
    harness = Harness(TableApplication({b"/later": later}))
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + GET * 100)
    harness.connection.receive_eof(harness.now)
    harness.connection.finish_job(1, text_response(200, b"later"), harness.now)
    assert harness.connection.backlog
    harness.flush()
    assert [reply.body for reply in harness.replies()] == [b"later"] + [b"GET /a"] * 100
    assert harness.closing()


@pytest.mark.parametrize(("left_out", "statuses"), [(0, [200]), (1, [])])
def test_half_closed_client_while_the_answer_is_deferred(
    left_out: int, statuses: list[int]
) -> None:
    """Whether the content is complete shows when it is read."""
    harness = Harness(TableApplication({b"/later": later}))
    octets = post(b"hello", path=b"/later")
    harness.feed(octets[: len(octets) - left_out])
    harness.connection.receive_eof(harness.now)
    assert not harness.closing()
    harness.connection.finish_job(1, text_response(200, b"later"), harness.now)
    harness.flush()
    assert [reply.status for reply in harness.replies()] == statuses
    assert harness.closing()


def test_events_end_when_the_client_closes() -> None:
    body = PiecesBody([b"data: 1\n\n", None], None)
    harness = Harness(sending(body, ()))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    harness.connection.receive_eof(harness.now)
    assert harness.closing()
    assert body.readers[0].closed


def test_incomplete_request_is_not_answered() -> None:
    application = echoing()
    harness = Harness(application)
    harness.feed(post(b"hello")[:-1])
    harness.connection.receive_eof(harness.now)
    harness.flush()
    assert harness.closing()
    assert not harness.sent
    assert application.sinks[0].abandoned == 1


def test_drain_idle() -> None:
    harness = Harness()
    harness.feed(GET)
    harness.connection.drain(harness.now)
    assert harness.closing()


def test_drain_with_requests_that_wait_for_their_turn() -> None:
    """One more is answered, so that the client learns which were not processed."""
    harness = Harness()
    harness.connection.receive(GET * 40, harness.now)
    answered = harness.connection.counters.requests
    assert harness.connection.backlog
    assert answered < 39
    harness.connection.drain(harness.now)
    harness.flush()
    replies = harness.replies()
    assert [b"connection" in reply.fields for reply in replies] == [False] * answered + [True]
    assert harness.closing()


def test_drain_with_half_a_request_that_waits_for_its_turn() -> None:
    harness = Harness()
    harness.connection.receive(GET * 32 + GET[:9], harness.now)
    assert harness.connection.backlog
    harness.connection.drain(harness.now)
    harness.flush()
    assert len(harness.replies()) == 32
    assert not harness.closing()
    harness.feed(GET[9:])
    assert harness.replies()[-1].fields[b"connection"] == b"close"
    assert harness.closing()


@pytest.mark.parametrize("begun", [b"", GET[:9]])
@pytest.mark.parametrize("comes", [True, False])
def test_drain_of_a_connection_that_has_not_asked(begun: bytes, comes: bool) -> None:
    harness = Harness()
    if begun:
        harness.feed(begun)
    harness.connection.drain(harness.now)
    assert not harness.closing()
    harness.now += Limits().last_word_seconds - 0.1
    harness.connection.check(harness.now)
    assert not harness.closing()
    if comes:
        harness.feed(GET[len(begun) :])
        (reply,) = harness.replies()
        assert (reply.status, reply.fields[b"connection"]) == (200, b"close")
    else:
        harness.now += 0.2
        harness.connection.check(harness.now)
        harness.flush()
        assert [reply.status for reply in harness.replies()] == ([408] if begun else [])
    assert harness.closing()


def test_drain_finishes_the_response_and_takes_no_further_request() -> None:
    harness = Harness(TableApplication({b"/later": later}))
    harness.feed(b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n" + GET)
    harness.connection.drain(harness.now)
    assert not harness.closing()
    harness.connection.finish_job(1, text_response(200, b"later"), harness.now)
    harness.flush()
    (reply,) = harness.replies()
    assert reply.fields[b"connection"] == b"close"
    assert harness.closing()


def test_drain_cuts_no_body_short() -> None:
    """It would look complete.  A body without an end is its application's to end."""
    body = PiecesBody([b"data: 1\n\n", None, b"data: 2\n\n"], None)
    harness = Harness(sending(body))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    harness.connection.drain(harness.now)
    harness.flush()
    assert not harness.closing()
    harness.wake()
    (reply,) = harness.replies()
    assert (reply.body, reply.complete) == (b"data: 1\n\ndata: 2\n\n", True)
    assert harness.closing()
    assert body.readers[0].closed


def test_abandon_gives_everything_back() -> None:
    body = PiecesBody([b"abc", None], 6)
    harness = Harness(sending(body, ((b"content-length", b"6"),)))
    harness.feed(b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n")
    harness.connection.abandon()
    assert body.readers[0].closed
    assert harness.connection.deadline() is None
    assert harness.connection.pending() == []


# ---------------------------------------------------------------- anything at all


PIECES = [
    GET,
    post(b"hello"),
    chunked(b"hey"),
    b"GET /body HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /later HTTP/1.1\r\nHost: x\r\n\r\n",
    b"\r\n",
    b"0\r\n\r\n",
    b"GET / HTTP/1.1\r\n",
    b"Host: x\r\n",
    b"Content-Length: 3\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=20)), max_size=12),
    st.sampled_from([1, 7, 100_000]),
    st.sampled_from(["eof", "drain", "abandon", "deadline"]),
)
def test_receive_never_raises(pieces: list[bytes], step: int, end: str) -> None:
    body = PiecesBody([b"abc", b"def"], None)
    application = echoing(50)
    application.handlers[b"/body"] = responding(Response(status=200, fields=(), body=body))
    application.handlers[b"/later"] = later
    harness = Harness(application)
    harness.feed(b"".join(pieces), step=step)
    connection = harness.connection
    if end == "eof":
        connection.receive_eof(harness.now)
    elif end == "drain":
        connection.drain(harness.now)
    elif end == "abandon":
        connection.abandon()
    else:
        harness.now += 1000
        connection.check(harness.now)
    harness.flush()
    assert harness.closing() or connection.wants_input or connection.open_streams
    assert harness.closing() == (connection.deadline() is None) or connection.open_streams
    if end != "deadline":
        connection.abandon()
    assert all(reader.closed for reader in body.readers)
    # One handle a request, and one end a sink.
    assert len(application.requests) == connection.counters.requests
    assert all(sink.ends + sink.abandoned == 1 for sink in application.sinks)
