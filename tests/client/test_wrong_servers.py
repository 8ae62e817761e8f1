"""Servers that break a rule: the client says which, to the server and its caller, and never hangs.

The server answers the client's first request with octets that are wrong.  What the client then
sends — RST_STREAM or GOAWAY, with its code — and what its caller hears are both held against the
RFC.  After a stream error another request on the same connection still works.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.client import ClientError, Response, ResponseError, connect
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Continuation,
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    Priority,
    PriorityFields,
    PriorityUpdate,
    PushPromise,
    RstStream,
    Settings,
    WindowUpdate,
    frame,
)
from h2static.http2.registry import ErrorCode
from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE

OK = (b":status", b"200")
#: What is said of a server that went; the kernel says "reset" where octets were not read.
GONE = r"closed the connection|connection was lost"

#: What a server answers the request on stream 1 with.
Answer = Callable[[Visitor], "list[Frame | bytes]"]


@dataclass(slots=True, kw_only=True)
class Case:
    """A rule that is broken."""

    name: str
    answer: Answer
    code: ErrorCode
    #: The stream that is reset, or 0: the connection ends.
    stream: int = 1
    complaint: str


def case(name: str, code: ErrorCode, complaint: str, answer: Answer, stream: int = 0) -> Case:
    return Case(name=name, code=code, complaint=complaint, answer=answer, stream=stream)


def raw(frame_type: int, flags: int, stream_id: int, payload: bytes) -> list[Frame | bytes]:
    return [frame(frame_type, flags, stream_id, payload)]


P, F, S = ErrorCode.PROTOCOL_ERROR, ErrorCode.FRAME_SIZE_ERROR, ErrorCode.STREAM_CLOSED
FLOW, COMPRESSION = ErrorCode.FLOW_CONTROL_ERROR, ErrorCode.COMPRESSION_ERROR
CALM, REFUSED = ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.REFUSED_STREAM

CASES = [
    # --- frames (sections 4 and 6)
    case("4.2 frame too large", F, "SETTINGS_MAX_FRAME_SIZE",
         lambda v: raw(r.DATA, 0, 1, bytes(16_385))),
    case("6.1 DATA on stream 0", P, "on stream 0", lambda v: raw(r.DATA, 0, 0, b"x")),
    case("6.1 padding exceeds the payload", P, "padding",
         lambda v: raw(r.DATA, r.PADDED, 1, b"\x05abc")),
    case("6.1 no room for the pad length", F, "Pad Length",
         lambda v: raw(r.DATA, r.PADDED, 1, b"")),
    case("6.2 HEADERS on stream 0", P, "on stream 0", lambda v: raw(r.HEADERS, 4, 0, b"\x88")),
    case("6.2 HEADERS without its priority", F, "priority",
         lambda v: raw(r.HEADERS, 0x24, 1, b"\x88")),
    case("6.3 PRIORITY on stream 0", P, "on stream 0", lambda v: raw(r.PRIORITY, 0, 0, bytes(5))),
    case("6.3 PRIORITY of 4 octets", F, "length is not 5",
         lambda v: raw(r.PRIORITY, 0, 1, bytes(4)), stream=1),
    case("6.3 PRIORITY of 4 octets on an idle stream", F, "length is not 5",
         lambda v: raw(r.PRIORITY, 0, 7, bytes(4))),
    case("5.3.1 a stream depends on itself", P, "depends on itself",
         lambda v: [Priority(stream_id=1, priority=PriorityFields(
             dependency=1, weight=1, exclusive=False))]),
    case("6.4 RST_STREAM on stream 0", P, "on stream 0",
         lambda v: raw(r.RST_STREAM, 0, 0, bytes(4))),
    case("6.4 RST_STREAM of 3 octets", F, "length is not 4",
         lambda v: raw(r.RST_STREAM, 0, 1, bytes(3))),
    case("6.4 RST_STREAM on an idle stream", P, "idle",
         lambda v: [RstStream(stream_id=9, code=ErrorCode.CANCEL)]),
    case("6.5 SETTINGS on a stream", P, "on stream 1", lambda v: raw(r.SETTINGS, 0, 1, b"")),
    case("6.5 SETTINGS of 5 octets", F, "multiple of 6", lambda v: raw(r.SETTINGS, 0, 0, bytes(5))),
    case("6.5 SETTINGS ACK with a payload", F, "ACK with a payload",
         lambda v: raw(r.SETTINGS, r.ACK, 0, bytes(6))),
    case("6.5.2 SETTINGS_ENABLE_PUSH of 2", P, "SETTINGS_ENABLE_PUSH",
         lambda v: [Settings(entries=((0x2, 2),))]),
    case("6.5.2 SETTINGS_ENABLE_PUSH of 1 from a server", P, "from a server",
         lambda v: [Settings(entries=((0x2, 1),))]),
    case("6.5.2 window above 2^31-1", FLOW, "SETTINGS_INITIAL_WINDOW_SIZE",
         lambda v: [Settings(entries=((0x4, 2**31),))]),
    case("6.5.2 frame size below 16384", P, "SETTINGS_MAX_FRAME_SIZE",
         lambda v: [Settings(entries=((0x5, 16_383),))]),
    case("6.5 too many entries", CALM, "too many entries",
         lambda v: [Settings(entries=((0x3, 1),) * 33)]),
    case("6.6 promise though push is off", P, "SETTINGS_ENABLE_PUSH is 0",
         lambda v: [PushPromise(stream_id=1, flags=4, promised_stream_id=2, fragment=b"\x82")]),
    case("6.6 PUSH_PROMISE on stream 0", P, "on stream 0",
         lambda v: raw(r.PUSH_PROMISE, 4, 0, bytes(4))),
    case("6.6 PUSH_PROMISE too short", F, "too short",
         lambda v: raw(r.PUSH_PROMISE, 4, 1, bytes(3))),
    case("6.7 PING on a stream", P, "on stream 1", lambda v: raw(r.PING, 0, 1, bytes(8))),
    case("6.7 PING of 7 octets", F, "length is not 8", lambda v: raw(r.PING, 0, 0, bytes(7))),
    case("6.8 GOAWAY on a stream", P, "on stream 1", lambda v: raw(r.GOAWAY, 0, 1, bytes(8))),
    case("6.8 GOAWAY too short", F, "too short", lambda v: raw(r.GOAWAY, 0, 0, bytes(7))),
    case("6.9 WINDOW_UPDATE of 3 octets", F, "length is not 4",
         lambda v: raw(r.WINDOW_UPDATE, 0, 0, bytes(3))),
    case("6.9 increment of 0", P, "increment of 0",
         lambda v: [WindowUpdate(stream_id=0, increment=0)]),
    case("6.9 increment of 0 on a stream", P, "increment of 0",
         lambda v: [WindowUpdate(stream_id=1, increment=0)]),
    case("6.9 on an idle stream", P, "idle", lambda v: [WindowUpdate(stream_id=9, increment=1)]),
    case("6.9.1 the connection's window overflows", FLOW, "window",
         lambda v: [WindowUpdate(stream_id=0, increment=2**31 - 1)]),
    case("6.9.1 the stream's window overflows", FLOW, "window",
         lambda v: [WindowUpdate(stream_id=1, increment=2**31 - 1)], stream=1),
    case("6.9.1 DATA beyond the window", FLOW, "window",
         lambda v: [v.head(1, OK), *[Data(stream_id=1, data=bytes(16_384))] * 500],
         stream=1),
    case("6.10 CONTINUATION without HEADERS", P, "CONTINUATION without",
         lambda v: [Continuation(stream_id=1, flags=4, fragment=b"\x88")]),
    case("6.10 a header block is interrupted", P, "interrupted",
         lambda v: [v.head(1, OK, flags=0), Ping()]),
    case("6.10 CONTINUATION on another stream", P, "interrupted",
         lambda v: [v.head(1, OK, flags=0), Continuation(stream_id=3, flags=4)]),
    case("10.5.1 CONTINUATION without end", CALM, "header block too large",
         lambda v: [v.head(1, OK, flags=0), *[Continuation(stream_id=1)] * 33]),
    case("7.1 of RFC 9218: PRIORITY_UPDATE from a server", P, "from a server",
         lambda v: [PriorityUpdate(prioritized_stream_id=1, value=b"u=1")]),
    # --- streams (section 5.1)
    case("5.1 DATA on an idle stream", P, "idle", lambda v: [Data(stream_id=3, data=b"x")]),
    case("5.1.1 HEADERS on an idle stream", P, "never opened",
         lambda v: [v.head(3, OK)]),
    case("5.1 HEADERS of an even stream", P, "never opened", lambda v: [v.head(2, OK)]),
    case("5.1 DATA after the end", S, "closed",
         lambda v: [v.head(1, OK, end=True), Data(stream_id=1, data=b"x")]),
    case("5.1 HEADERS after the end", S, "closed",
         lambda v: [v.head(1, OK, end=True), v.head(1, OK, end=True)]),
    # --- header compression
    case("4.3 a block that cannot be decoded", COMPRESSION, ".",
         lambda v: [Headers(stream_id=1, flags=5, fragment=b"\xff\xff\xff\xff\x0f")]),
    case("7541 6.1 index 0", COMPRESSION, "index 0",
         lambda v: [Headers(stream_id=1, flags=5, fragment=b"\x80")]),
    case("7541 6.3 a table larger than allowed", COMPRESSION, "size update",
         lambda v: [Headers(stream_id=1, flags=5, fragment=b"\x3f\xff\x7f\x88")]),
    case("10.5.1 too many fields", CALM, "fields",
         lambda v: [v.head(1, OK, *[(b"x", b"")] * 1_100)]),
    case("10.5.1 a section above the soft limit", CALM, "field section too large",
         lambda v: [v.head(1, OK, *[(b"x", b"")] * 300)], stream=1),
    # --- messages (section 8)
    case("8.1 content before the response", P, "content before",
         lambda v: [Data(stream_id=1, data=b"x")], stream=1),
    case("8.1 END_STREAM before the response", P, "content before",
         lambda v: [Data(stream_id=1, flags=r.END_STREAM)], stream=1),
    case("8.1 trailers without END_STREAM", P, "trailers without",
         lambda v: [v.head(1, OK), v.head(1, (b"x", b"1"))], stream=1),
    case("8.1 pseudo-header fields in trailers", P, "not a field name",
         lambda v: [v.head(1, OK), v.head(1, OK, end=True)], stream=1),
    case("8.1 an informational response ends the stream", P, "informational",
         lambda v: [v.head(1, (b":status", b"103"), end=True)], stream=1),
    case("8.6 101", P, "101", lambda v: [v.head(1, (b":status", b"101"))], stream=1),
    case("8.1.1 more content than content-length", P, "more content than content-length",
         lambda v: [v.head(1, OK, (b"content-length", b"1")), Data(stream_id=1, data=b"xy")],
         stream=1),
    case("8.1.1 less content than content-length", P, "less content than content-length",
         lambda v: [v.head(1, OK, (b"content-length", b"2")),
                    Data(stream_id=1, data=b"x", flags=1)], stream=1),
    case("8.1.1 content-length and no content", P, "less content than content-length",
         lambda v: [v.head(1, OK, (b"content-length", b"2"), end=True)], stream=1),
    case("8.1.1 two lengths", P, "content-length",
         lambda v: [v.head(1, OK, (b"content-length", b"2"), (b"content-length", b"3"))],
         stream=1),
    case("8.2.1 upper case", P, "not a field name",
         lambda v: [v.head(1, OK, (b"X", b"1"))], stream=1),
    case("8.2.1 a line end in a value", P, "control",
         lambda v: [v.head(1, OK, (b"x", b"a\r\nb: c"))], stream=1),
    case("8.2.1 white space around a value", P, "whitespace",
         lambda v: [v.head(1, OK, (b"x", b" a"))], stream=1),
    case("8.2.2 a field of the connection", P, "connection-specific",
         lambda v: [v.head(1, OK, (b"transfer-encoding", b"chunked"))], stream=1),
    case("8.3 a pseudo-header field after others", P, ":status is missing",
         lambda v: [v.head(1, (b"x", b"1"), OK)], stream=1),
    case("8.3 a pseudo-header field of requests", P, "pseudo-header field not allowed",
         lambda v: [v.head(1, OK, (b":path", b"/"))], stream=1),
    case("8.3 an unknown pseudo-header field", P, "pseudo-header field not allowed",
         lambda v: [v.head(1, OK, (b":x", b"/"))], stream=1),
    case("8.3 a repeated pseudo-header field", P, "repeated",
         lambda v: [v.head(1, OK, OK)], stream=1),
    case("8.3.2 no status", P, ":status", lambda v: [v.head(1, (b"x", b"1"))], stream=1),
    case("8.3.2 a status that is no number", P, ":status",
         lambda v: [v.head(1, (b":status", b"2x0"))], stream=1),
    case("8.3.2 a status above 599", P, ":status",
         lambda v: [v.head(1, (b":status", b"600"))], stream=1),
]  # fmt: skip


@pytest.mark.parametrize("wrong", CASES, ids=lambda one: one.name)
def test_it_is_told_and_the_others_live_on(wrong: Case) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        assert visitor.request()[0] == 1
        visitor.send(*wrong.answer(visitor))
        if not wrong.stream:
            assert visitor.expect(GoAway).code == wrong.code
            visitor.read_to_end()
            return
        assert visitor.expect(RstStream) == RstStream(stream_id=wrong.stream, code=wrong.code)
        stream_id, _ = visitor.request()
        visitor.send(visitor.head(stream_id, (b":status", b"204"), end=True))
        last = visitor.read_to_end()
        assert [one for one in last if isinstance(one, GoAway)] == [
            GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR)
        ]

    async def main(url: str) -> None:
        async with connect(url) as client:
            response = client.send("GET", "/")
            # Where the response is whole before the error, it is another one that fails.
            after = client.send("GET", "/") if "after the end" in wrong.name else response
            with pytest.raises(ResponseError, match=wrong.complaint) as caught:
                await over(after)
            assert caught.value.code == wrong.code
            if wrong.stream:
                assert (await client.get("/")).status == 204
            else:
                assert client.is_over
                assert client.problem is not None

    with fake_server(serve) as server:
        anyio.run(limited, main, server.url)


async def over(response: Response) -> None:
    """Wait for the end without taking content; raises what it has failed with."""
    while not response.is_over:  # noqa: ASYNC110 -- whoever waits otherwise takes content
        await anyio.sleep(0.001)
    if response.error is not None:
        raise response.error


async def limited(main: Callable[[str], object], url: str) -> None:
    with anyio.fail_after(DEADLINE):
        await main(url)  # type: ignore[misc]  # any coroutine function


def ends(serve: Callable[[Visitor], None], complaint: str) -> None:
    """A request to a server that does this fails with a complaint; nothing hangs."""

    async def main(url: str) -> None:
        with pytest.raises(ClientError, match=complaint):
            async with connect(url) as client:
                await (await client.get("/")).read()

    with fake_server(serve) as server:
        anyio.run(limited, main, server.url)


def test_a_server_that_closes_at_once() -> None:
    ends(lambda visitor: visitor.socket.close(), GONE)


def test_a_server_that_closes_in_the_middle() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(visitor.head(1, OK, (b"content-length", b"10")), Data(stream_id=1, data=b"x"))

    ends(serve, GONE)


def test_a_server_that_closes_within_a_frame() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(visitor.head(1, OK).serialize()[:-1])

    ends(serve, GONE)


def test_a_server_that_speaks_http1() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.send(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        visitor.read_to_end()

    ends(serve, "the server answered with HTTP/1.1")


def test_a_server_that_does_not_begin_with_settings() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.send(Ping())
        visitor.read_exactly(len(r.PREFACE))
        assert visitor.expect(GoAway).code == P
        visitor.read_to_end()

    ends(serve, "first frame is not SETTINGS")


def test_a_server_that_resets_and_gives_its_code() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(RstStream(stream_id=1, code=0x1234_5678))
        visitor.read_to_end()

    ends(serve, "UNKNOWN")


def test_a_server_that_leaves_with_an_error() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(GoAway(last_stream_id=1, code=CALM, debug=b"too\nmuch"))

    ends(serve, "GOAWAY: ENHANCE_YOUR_CALM")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_comes_ends(data: st.DataObject) -> None:
    """Octets that look like frames, in any order: an answer or an error, never anything else."""
    frames = data.draw(
        st.lists(
            st.builds(
                frame,
                st.sampled_from([*r.FRAME_NAMES, 0x20]),
                st.sampled_from([0, 1, 4, 5, 8, 0x0C, 0x20, 0x2D]),
                st.sampled_from([0, 1, 2, 3]),
                st.one_of(st.binary(max_size=12), st.sampled_from([b"\x88", b"\x89", bytes(8)])),
            ),
            max_size=6,
        )
    )

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(*frames)
        visitor.socket.shutdown(1)
        while visitor.socket.recv(65_536):
            pass

    async def main(url: str) -> None:
        try:
            async with connect(url) as client:
                await (await client.get("/")).read()
        except ClientError:
            return

    with fake_server(serve) as server:
        anyio.run(limited, main, server.url)
