"""The client's role: what it sends, what it makes of what comes back, and what it does not accept.

A server of ours answers where it is to go well; where a server does wrong, its octets are written
by hand and the client's frames are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import hpack
import pytest

from h2static.http.messages import Request
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.errors import Misuse
from h2static.http2.frames import (
    Data,
    Frame,
    GoAway,
    Headers,
    Priority,
    PriorityFields,
    PriorityUpdate,
    PushPromise,
    RstStream,
    Settings,
    WindowUpdate,
    parse,
    unpack_header,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from h2static.server.response_options import ResponseOptions
from tests.http2.test_push import PageSite
from tests.support.receivers import Pair, Received, get
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import START, randomly, singly, whole

CUTS = [whole, singly, randomly]


class Script:
    """A server that is written by hand; what the client sends is parsed."""

    def __init__(
        self,
        settings: LocalSettings | None = None,
        *,
        entries: tuple[tuple[int, int], ...] | None = (),
    ) -> None:
        """``entries``: of the server's SETTINGS; ``None``: it has not sent them yet."""
        self.client = ClientConnection(
            make_endpoint(settings or LocalSettings(), Limits(), Shared()), START
        )
        self.encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._sent = b""
        preface = self.take()
        assert [type(one) for one in preface] == [Settings]
        if entries is not None:
            self.send(Settings(entries=entries), Settings(flags=r.ACK))
            assert self.take() == [Settings(flags=r.ACK)]

    def fields(self, headers: Frame) -> list[tuple[bytes, bytes]]:
        """What is in a header block of the client."""
        assert isinstance(headers, Headers)
        decoded = self._decoder.decode(headers.fragment, raw=True)
        return [(bytes(name), bytes(value)) for name, value in decoded]

    def send(self, *frames: Frame | bytes) -> None:
        octets = b"".join(one if isinstance(one, bytes) else one.serialize() for one in frames)
        self.client.receive(octets, START)

    def take(self) -> list[Frame]:
        """The frames that the client has sent since."""
        self.client.pump(START, 262_144)
        octets = b"".join(self.client.pending())
        self.client.sent(len(octets), START)
        octets = octets.removeprefix(r.PREFACE)
        frames: list[Frame] = []
        position = 0
        while position < len(octets):
            length_type, flags, stream_id = unpack_header(octets, position)
            end = position + 9 + (length_type >> 8)
            frames.append(parse(length_type & 0xFF, flags, stream_id, octets[position + 9 : end]))
            position = end
        return frames

    def ask(self, request: Request | None = None) -> Received:
        """A request that the client sends."""
        received = Received()
        self.client.request(request or get(), received)
        assert isinstance(self.take()[-1], Headers)
        return received

    def head(
        self, stream_id: int, *fields: tuple[bytes, bytes], flags: int = r.END_HEADERS
    ) -> Headers:
        return Headers(
            stream_id=stream_id,
            flags=flags,
            fragment=self.encoder.encode([(n, v) for n, v in fields]),
        )

    def promise(self, stream_id: int, promised: int, *fields: tuple[bytes, bytes]) -> PushPromise:
        section = fields or (
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":authority", b"test.example"),
            (b":path", b"/pushed"),
        )
        return PushPromise(
            stream_id=stream_id,
            flags=r.END_HEADERS,
            promised_stream_id=promised,
            fragment=self.encoder.encode(list(section)),
        )

    def lives_on(self, stream_id: int) -> None:
        """Other requests are not concerned."""
        received = self.ask()
        self.send(self.head(stream_id, (b":status", b"204"), flags=5))
        assert received.status() == 204


# ---------------------------------------------------------------------- with a server of ours


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("path", [b"/", b"/memory/100000", b"/file/100000", b"/events", b"/slow/5"])
def test_a_response_is_what_the_server_says(
    path: bytes, cut: Callable[[bytes], Iterator[bytes]]
) -> None:
    pair = Pair(SmallSite(), cut=cut)
    received = pair.ask(get(path))
    assert received.status() == 200
    kind, _, size = path[1:].partition(b"/")
    if size:
        assert received.body == pattern(int(size))
    else:
        assert received.body == {b"": b"hello", b"events": b"data: 1\n\ndata: 2\n\n"}[kind]


def test_head_and_its_length() -> None:
    received = Pair(SmallSite()).ask(get(b"/memory/1000", b"HEAD"))
    assert received.status() == 200
    assert received.head is not None
    assert received.head.content_length == 1_000
    assert received.body == b""


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 100_000])
def test_content_goes_up_as_the_windows_allow(size: int) -> None:
    received = Pair(SmallSite()).ask(get(b"/echo", b"POST"), pattern(size))
    assert received.status() == 200
    assert received.body == pattern(size)


def test_trailers_come_with_the_end() -> None:
    site = ResponseOptions(SmallSite(), trailers=((b"x-sum", b"1"),))
    received = Pair(site).ask(get())
    assert received.trailers == ((b"x-sum", b"1"),)


def test_requests_wait_for_room() -> None:
    """The server's SETTINGS_MAX_CONCURRENT_STREAMS is kept to (5.1.2)."""
    pair = Pair(SmallSite(), server=LocalSettings(max_concurrent_streams=3))
    received = [Received() for _ in range(20)]
    pair.down = False
    calls = [pair.client.request(get(), one) for one in received]
    assert len([one for one in calls if one.stream is not None]) == 3
    pair.down = True
    pair.settle()
    assert [one.status() for one in received] == [200] * 20
    assert pair.server.counters.resets == 0


def test_informational_responses_and_promises() -> None:
    pair = Pair(
        PageSite(b"/a.css", b"/b.css"), settings=LocalSettings(enable_push=True), hints=True
    )
    received = pair.ask(get())
    assert received.status() == 200
    assert [request.path for request, _, _ in received.promises] == [b"/a.css", b"/b.css"]
    assert [one.body for _, _, one in received.promises] == [pattern(300)] * 2
    without = Pair(PageSite(b"/a.css"), hints=True).ask(get())
    assert [head.status for head in without.informed] == [103]
    assert without.promises == []


def test_a_reader_that_does_not_take_withholds_credit() -> None:
    pair = Pair(SmallSite())
    slow = Received(takes=False)
    call = pair.client.request(get(b"/memory/1000000"), slow)
    pair.settle()
    assert len(slow.body) == 65_535
    # The others live on: only the stream's window is used up.
    assert pair.ask(get(b"/memory/200000")).body == pattern(200_000)
    assert len(slow.body) == 65_535
    while not slow.over:
        before = len(slow.body)
        call.resume()
        pair.settle()
        assert len(slow.body) > before
    assert slow.body == pattern(1_000_000)


def test_a_call_that_is_cancelled() -> None:
    pair = Pair(SmallSite())
    received = Received(takes=False)
    call = pair.client.request(get(b"/memory/1000000"), received)
    pair.settle()
    call.cancel()
    pair.settle()
    assert not received.over
    assert not pair.server.streams.open
    assert pair.ask(get()).status() == 200


def test_a_server_that_drains_finishes_what_it_accepted() -> None:
    pair = Pair(SmallSite())
    pair.down = False
    accepted = Received()
    pair.client.request(get(), accepted)
    pair.settle()
    pair.server.drain(START)
    pair.down = True
    pair.settle()
    assert accepted.status() == 200
    late = Received()
    pair.client.request(get(), late)
    assert late.failure is not None
    assert late.failure.may_retry
    assert pair.client.closing


# ---------------------------------------------------------------------- GOAWAY, RST_STREAM, the end


def test_goaway_tells_what_may_be_tried_again() -> None:
    """6.8: streams above its last stream id were not processed."""
    script = Script()
    first, second = script.ask(), script.ask()
    script.send(GoAway(last_stream_id=1, code=ErrorCode.NO_ERROR, debug=b"bye"))
    assert not first.over
    assert second.failure is not None
    assert second.failure.may_retry
    assert second.failure.reason == "the server sent GOAWAY: NO_ERROR bye"
    script.send(script.head(1, (b":status", b"200"), flags=5))
    assert first.status() == 200
    assert script.client.closing


@pytest.mark.parametrize(
    ("code", "may_retry"), [(ErrorCode.REFUSED_STREAM, True), (ErrorCode.CANCEL, False)]
)
def test_a_stream_that_the_server_resets(code: ErrorCode, may_retry: bool) -> None:
    script = Script()
    received = script.ask()
    script.send(RstStream(stream_id=1, code=code))
    assert received.failure is not None
    assert (received.failure.code, received.failure.may_retry) == (code, may_retry)
    script.lives_on(3)


def test_a_connection_that_is_lost() -> None:
    script = Script()
    sent, waiting = script.ask(), Received()
    script.send(Settings(entries=((r.SETTINGS_MAX_CONCURRENT_STREAMS, 1),)))
    script.client.request(get(), waiting)
    script.client.abandon()
    assert sent.failure is not None
    assert not sent.failure.may_retry
    assert waiting.failure is not None
    assert waiting.failure.may_retry


# ---------------------------------------------------------------------- what a server does wrong


@pytest.mark.parametrize(
    ("fields", "flags"),
    [
        ((), 5),
        (((b":status", b"20"),), 5),
        (((b":status", b"600"),), 5),
        (((b":status", b"200"), (b":status", b"200")), 5),
        (((b":status", b"200"), (b":path", b"/")), 5),
        (((b"a", b"b"), (b":status", b"200")), 5),
        (((b":status", b"200"), (b"A", b"b")), 5),
        (((b":status", b"200"), (b"connection", b"close")), 5),
        (((b":status", b"200"), (b"content-length", b"x")), 5),
        (((b":status", b"200"), (b"content-length", b"1")), 5),
        (((b":status", b"101"),), 4),
        (((b":status", b"103"),), 5),
    ],
)
def test_a_malformed_response_ends_its_stream(
    fields: tuple[tuple[bytes, bytes], ...], flags: int
) -> None:
    """8.1.1: "Clients MUST NOT accept a malformed response"."""
    script = Script()
    received = script.ask()
    script.send(script.head(1, *fields, flags=flags))
    assert received.failure is not None
    assert received.failure.code == ErrorCode.PROTOCOL_ERROR
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    script.lives_on(3)


@pytest.mark.parametrize(
    "early",
    [
        Data(stream_id=1, data=b"early"),
        Data(stream_id=1, data=b"early", flags=r.END_STREAM),
        Data(stream_id=1, data=b"", flags=r.END_STREAM),
    ],
)
def test_content_before_the_response(early: Data) -> None:
    script = Script()
    received = script.ask()
    script.send(early)
    assert received.failure is not None
    assert received.failure.code == ErrorCode.PROTOCOL_ERROR
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    script.lives_on(3)


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", b"200"), (b"GET", b"204"), (b"GET", b"304")]
)
def test_content_where_there_is_none(method: bytes, status: bytes) -> None:
    script = Script()
    received = script.ask(get(b"/", method))
    script.send(script.head(1, (b":status", status)), Data(stream_id=1, data=b"x" * 100))
    assert received.failure is not None
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]


def test_more_or_less_than_was_announced() -> None:
    script = Script()
    more, less = script.ask(), script.ask()
    for stream_id in (1, 3):
        script.send(script.head(stream_id, (b":status", b"200"), (b"content-length", b"100")))
    script.send(Data(stream_id=1, data=b"x" * 101))
    script.send(Data(stream_id=3, data=b"x" * 99, flags=r.END_STREAM))
    assert more.failure is not None
    assert less.failure is not None
    assert script.take() == [
        RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR),
        RstStream(stream_id=3, code=ErrorCode.PROTOCOL_ERROR),
    ]
    script.lives_on(5)


def test_trailers_must_end_the_stream() -> None:
    script = Script()
    received = script.ask()
    script.send(script.head(1, (b":status", b"200")), script.head(1, (b"x-sum", b"1")))
    assert received.failure is not None
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    script.lives_on(3)


@pytest.mark.parametrize(
    "frames",
    [
        [Headers(stream_id=2, flags=5, fragment=b"\x88")],
        [Headers(stream_id=9, flags=5, fragment=b"\x88")],
        [Data(stream_id=9, data=b"x")],
        [RstStream(stream_id=9, code=0)],
        [WindowUpdate(stream_id=9, increment=1)],
        [PriorityUpdate(prioritized_stream_id=1, value=b"u=1")],
        [Settings(entries=((r.SETTINGS_ENABLE_PUSH, 1),))],
        [PushPromise(stream_id=1, flags=4, promised_stream_id=2, fragment=b"\x82\x84\x86")],
    ],
    ids=[
        "HEADERS on a push stream", "HEADERS on an idle stream", "DATA on an idle stream",
        "RST_STREAM on an idle stream", "WINDOW_UPDATE on an idle stream", "PRIORITY_UPDATE",
        "SETTINGS_ENABLE_PUSH of 1", "PUSH_PROMISE that was forbidden",
    ],
)  # fmt: skip
def test_what_ends_the_connection(frames: list[Frame]) -> None:
    script = Script()
    received = script.ask()
    script.send(*frames)
    (goaway,) = script.take()
    assert isinstance(goaway, GoAway)
    assert (goaway.code, goaway.last_stream_id) == (ErrorCode.PROTOCOL_ERROR, 0)
    assert received.failure is not None
    assert script.client.closing
    late = Received()
    script.client.request(get(), late)
    assert late.failure is not None
    assert late.failure.may_retry


def test_connect_protocol_cannot_be_taken_back() -> None:
    """RFC 8441 section 3."""
    script = Script()
    script.send(Settings(entries=((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),)))
    assert script.client.peer.connect_protocol
    assert script.take() == [Settings(flags=r.ACK)]
    script.send(Settings(entries=((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 0),)))
    (goaway,) = script.take()
    assert isinstance(goaway, GoAway)
    assert goaway.code == ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "fields",
    [
        ((b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"test.example"),
         (b":path", b"/")),
        ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"evil.example"),
         (b":path", b"/")),
        ((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"test.example"),
         (b":path", b"/")),
        ((b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/")),
        ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"test.example")),
        ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"test.example"),
         (b":path", b"/"), (b"content-length", b"1")),
    ],
)  # fmt: skip
def test_promises_that_a_server_may_not_make(fields: tuple[tuple[bytes, bytes], ...]) -> None:
    """8.4: safe, cacheable, without content, and of this authority."""
    script = Script(LocalSettings(enable_push=True))
    received = script.ask()
    script.send(script.promise(1, 2, *fields))
    assert script.take() == [RstStream(stream_id=2, code=ErrorCode.PROTOCOL_ERROR)]
    assert received.promises == []
    script.send(script.head(1, (b":status", b"200"), flags=5))
    assert received.status() == 200
    script.lives_on(3)


def test_promises_that_nobody_wants_and_too_many() -> None:
    script = Script(LocalSettings(enable_push=True, max_concurrent_streams=1))
    received = script.ask()
    script.send(script.promise(1, 2), script.promise(1, 4))
    assert script.take() == [RstStream(stream_id=4, code=ErrorCode.REFUSED_STREAM)]
    received.wants_pushes = False
    script.send(script.head(2, (b":status", b"200"), flags=5))
    script.send(script.promise(1, 6))
    assert script.take() == [RstStream(stream_id=6, code=ErrorCode.CANCEL)]
    # Late frames of what was declined are ignored, and their blocks are decoded all the same.
    script.send(script.head(6, (b":status", b"200"), (b"x", b"y"), flags=5))
    script.send(script.head(1, (b":status", b"200"), (b"x", b"y"), flags=5))
    assert received.status() == 200
    assert received.promises[0][2].status() == 200


@pytest.mark.parametrize("promised", [1, 3, 2])
def test_a_promise_of_a_stream_that_is_not_idle(promised: int) -> None:
    script = Script(LocalSettings(enable_push=True))
    script.ask()
    script.send(script.promise(1, 2))
    script.send(script.promise(1, promised))
    (goaway,) = script.take()
    assert isinstance(goaway, GoAway)
    assert goaway.code == ErrorCode.PROTOCOL_ERROR


def test_priority_of_a_server_is_harmless() -> None:
    script = Script()
    script.send(
        Priority(stream_id=1, priority=PriorityFields(dependency=0, weight=1, exclusive=False))
    )
    script.lives_on(1)


def test_a_clients_stream_is_no_exchange() -> None:
    script = Script()
    call = script.client.request(get(), Received())
    assert call.stream is not None
    with pytest.raises(Misuse):
        call.stream.abort("no")
