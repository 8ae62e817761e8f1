"""Slow and greedy peers, and how a connection ends: RFC 9112 sections 8, 9.5 and 9.6."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from h2static.http.messages import Response
from h2static.http1.limits import Limits
from tests.http1.applications import (
    PiecesBody,
    TableApplication,
    echoing,
    later,
    responding,
    sending,
    text_response,
)
from tests.http1.harness import GET, Harness, ask, chunked, post

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
