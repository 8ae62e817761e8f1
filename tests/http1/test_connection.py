"""The connection: RFC 9112 sections 6 to 9, one exchange after the other."""

from __future__ import annotations

import pytest

from h2static.http1.limits import Limits
from tests.http1.applications import (
    TableApplication,
    echoing,
    responding,
    text_response,
)
from tests.http1.harness import DATE, GET, Harness, ask, chunked, post
from tests.http1.test_head import REFUSED

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


def test_http_1_0_keeps_the_connection_for_those_who_ask_for_it() -> None:
    request = b"GET /a HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"
    replies = ask(request * 2 + b"GET /a HTTP/1.0\r\n\r\n" + GET)
    assert [reply.fields[b"connection"] for reply in replies] == [
        b"keep-alive",
        b"keep-alive",
        b"close",
    ]


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
