"""A scripted HTTP/2 client that can send anything and checks everything that it gets.

Promise: what a :class:`Peer` receives is parsed, its header blocks are decoded with the ``hpack``
package (not with our codec), and held against the rules that a server can break: sizes, windows,
states, order, content-length, silence after a fatal GOAWAY.  A test reads as a transcript, and a
failed expectation shows the transcript so far.

Strategy: the same script runs in process, against a :class:`~tests.support.transports.Mirror`, and
over a socket, against a :class:`~tests.support.transports.Wire`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import TypeVar

import hpack

from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Continuation,
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    PriorityFields,
    PushPromise,
    RstStream,
    Settings,
    WindowUpdate,
    parse,
    unpack_header,
)
from h2static.http2.registry import ErrorCode
from tests.support.replies import Event, Promise, Reply, Section
from tests.support.small_site import SmallSite
from tests.support.transports import Mirror, Transport

AUTHORITY = b"test.example"


F = TypeVar("F")


class _Stream:
    """What the peer knows of a stream."""

    def __init__(self, window: int) -> None:
        self.window = window
        self.reply = Reply()
        self.over = False
        self.method = b""


def request_fields(
    path: bytes = b"/",
    method: bytes = b"GET",
    *extra: Field,
    scheme: bytes = b"http",
    authority: bytes = AUTHORITY,
) -> list[Field]:
    """A well-formed request's field section."""
    return [
        (b":method", method),
        (b":scheme", scheme),
        (b":authority", authority),
        (b":path", path),
        *extra,
    ]


class Peer:
    """The client's side of one connection."""

    def __init__(
        self,
        transport: Transport | None = None,
        *,
        handshake: bool = True,
        settings: Sequence[tuple[int, int]] = (),
        replenish: bool = True,
        strict: bool = True,
    ) -> None:
        """``settings``: in the first SETTINGS frame; ``replenish``: return the credit of DATA at
        once; ``strict``: hold what comes against the rules."""
        self.transport: Transport = transport if transport is not None else Mirror()
        self.encoder = hpack.Encoder()
        #: Whether strings are Huffman-coded; the hpack package is slow on large ones.
        self.huffman = True
        self.decoder = hpack.Decoder()
        self.decoder.max_header_list_size = 1 << 24
        self.events: deque[Event] = deque()
        #: WINDOW_UPDATE frames from the server; they are no events.
        self.updates: list[WindowUpdate] = []
        self.transcript: list[str] = []
        self.streams: dict[int, _Stream] = {}
        self.window = r.INITIAL_WINDOW_SIZE
        #: SETTINGS_INITIAL_WINDOW_SIZE as the server must see it, and those not acknowledged.
        self.initial_window = r.INITIAL_WINDOW_SIZE
        self.unacknowledged: deque[int | None] = deque()
        self.replenish = replenish
        self.strict = strict
        #: Whether everything that was sent is accounted for: raw octets may be anything.
        self.exact = True
        self.fatal: GoAway | None = None
        #: Octets of padding of each HEADERS and DATA frame.
        self.paddings: list[int] = []
        self.frames_received = 0
        self.octets_received = 0
        self._buffer = b""
        self._open_block: tuple[Headers | PushPromise, list[bytes]] | None = None
        if handshake:
            self.handshake(settings)

    @property
    def mirror(self) -> Mirror:
        """The transport in process."""
        assert isinstance(self.transport, Mirror)
        return self.transport

    @property
    def site(self) -> SmallSite:
        """The application behind the first connection in process."""
        application = self.mirror.application
        assert isinstance(application, SmallSite)
        return application

    # ------------------------------------------------------------------ sending

    def handshake(self, settings: Sequence[tuple[int, int]] = ()) -> Settings:
        """Exchange prefaces and acknowledgments; returns the server's SETTINGS."""
        self.send(r.PREFACE, Settings(entries=tuple(settings)))
        theirs = self.expect(Settings)
        assert not theirs.flags & r.ACK
        self.expect(Settings(flags=r.ACK))
        self.send(Settings(flags=r.ACK))
        return theirs

    def send(self, *frames: Frame | bytes) -> None:
        """Send frames, or octets, together."""
        for one in frames:
            self._note(">", one)
            if isinstance(one, bytes) and one != r.PREFACE:
                self.exact = False
            if isinstance(one, Settings) and not one.flags & r.ACK:
                self._send_settings(one)
            elif isinstance(one, WindowUpdate):
                self._send_window_update(one)
        octets = b"".join(one if isinstance(one, bytes) else one.serialize() for one in frames)
        self.transport.deliver(octets)

    def _send_settings(self, settings: Settings) -> None:
        windows = [v for k, v in settings.entries if k == r.SETTINGS_INITIAL_WINDOW_SIZE]
        self.unacknowledged.append(windows[-1] if windows else None)
        if windows and windows[-1] > self.initial_window:
            # The server may use it from now on; a smaller one holds when it is acknowledged.
            self._change_initial_window(windows[-1])

    def _change_initial_window(self, value: int) -> None:
        for stream in self.streams.values():
            stream.window += value - self.initial_window
        self.initial_window = value

    def _send_window_update(self, update: WindowUpdate) -> None:
        if update.stream_id == 0:
            self.window += update.increment
        elif update.stream_id in self.streams:
            self.streams[update.stream_id].window += update.increment

    def block(self, fields: Iterable[Field]) -> bytes:
        """A header block; what is encoded must be sent."""
        block: bytes = self.encoder.encode(list(fields), huffman=self.huffman)
        return block

    def headers(
        self,
        stream_id: int,
        fields: Iterable[Field] | None = None,
        *,
        end_stream: bool = True,
        padding: int = 0,
        priority: PriorityFields | None = None,
        flags: int = 0,
        path: bytes = b"/",
        method: bytes = b"GET",
    ) -> Headers:
        """A HEADERS frame with a whole request (or ``fields``); not sent yet."""
        fields = list(request_fields(path, method) if fields is None else fields)
        if stream_id not in self.streams:
            stream = self.streams[stream_id] = _Stream(self.initial_window)
            stream.method = dict(fields).get(b":method", b"")
        flags |= r.END_HEADERS | (r.END_STREAM if end_stream else 0)
        flags |= (r.PADDED if padding else 0) | (r.PRIORITY_FLAG if priority else 0)
        return Headers(
            stream_id=stream_id,
            flags=flags,
            fragment=self.block(fields),
            padding=padding,
            priority=priority,
        )

    def request(
        self,
        stream_id: int,
        path: bytes = b"/",
        method: bytes = b"GET",
        *extra: Field,
        end_stream: bool = True,
    ) -> None:
        """Send a request's HEADERS."""
        self.send(
            self.headers(stream_id, request_fields(path, method, *extra), end_stream=end_stream)
        )

    def data(self, stream_id: int, data: bytes, *, end_stream: bool = False) -> None:
        """Send a DATA frame."""
        self.send(Data(stream_id=stream_id, data=data, flags=r.END_STREAM if end_stream else 0))

    def credit(self, stream_id: int) -> int:
        """Octets that the server has added to a window; in process."""
        self.pull()
        return sum(one.increment for one in self.updates if one.stream_id == stream_id)

    def update(self, stream_id: int, increment: int) -> None:
        """Send a WINDOW_UPDATE."""
        self.send(WindowUpdate(stream_id=stream_id, increment=increment))

    # ------------------------------------------------------------------ receiving

    def _note(self, direction: str, what: object) -> None:
        if len(self.transcript) < 2_000:
            text = repr(what)
            self.transcript.append(f"{direction} {text[:300]}{'…' if len(text) > 300 else ''}")

    def fail(self, text: str) -> AssertionError:
        """An error that shows the transcript's end."""
        return AssertionError("\n".join([text, *self.transcript[-40:]]))

    def _pull(self, waited_for: str) -> None:
        """Take octets from the server; fails when none come."""
        octets = self.transport.take()
        if not octets:
            raise self.fail(f"the server said nothing more; waited for {waited_for}")
        self._parse(octets)

    def pull(self) -> None:
        """Take what an in-process server has sent."""
        octets = self.transport.take()
        if octets:
            self._parse(octets)

    def _parse(self, octets: bytes) -> None:
        self.octets_received += len(octets)
        data = self._buffer + octets
        position = 0
        while position + 9 <= len(data):
            length_type, flags, stream_id = unpack_header(data, position)
            start = position + 9
            stop = start + (length_type >> 8)
            if stop > len(data):
                break
            position = stop
            if length_type >> 8 > r.MINIMUM_MAX_FRAME_SIZE:
                raise self.fail(f"a frame of {length_type >> 8} octets")
            if stream_id >> 31:
                raise self.fail("the reserved bit is set")
            frame = parse(length_type & 0xFF, flags, stream_id, data[start:stop])
            self.frames_received += 1
            self._note("<", frame)
            if self.fatal is not None:
                raise self.fail("a frame after the GOAWAY of an error")
            self._receive(frame)
        self._buffer = data[position:]

    def _receive(self, frame: Frame) -> None:
        if self._open_block is not None:
            assert isinstance(frame, Continuation), self.fail("a header block was interrupted")
            first, fragments = self._open_block
            assert frame.stream_id == first.stream_id
            fragments.append(frame.fragment)
            if frame.flags & r.END_HEADERS:
                self._open_block = None
                self._section(first, b"".join(fragments), len(fragments))
            return
        if isinstance(frame, Headers | PushPromise):
            self.paddings.append(frame.padding)
            if frame.flags & r.END_HEADERS:
                self._section(frame, frame.fragment, 1)
            else:
                self._open_block = (frame, [frame.fragment])
            return
        assert not isinstance(frame, Continuation), self.fail("CONTINUATION without a block")
        if isinstance(frame, Data):
            self._data(frame)
        elif isinstance(frame, RstStream):
            self._reset(frame)
        elif isinstance(frame, Settings) and frame.flags & r.ACK:
            assert self.unacknowledged, self.fail("an acknowledgment of nothing")
            window = self.unacknowledged.popleft()
            if window is not None and window < self.initial_window:
                self._change_initial_window(window)
        elif isinstance(frame, WindowUpdate):
            assert frame.increment, self.fail("WINDOW_UPDATE: increment of 0")
            self.updates.append(frame)
            return
        elif isinstance(frame, GoAway) and frame.code != ErrorCode.NO_ERROR:
            self.fatal = frame
        self.events.append(frame)

    def _section(self, frame: Headers | PushPromise, block: bytes, frames: int) -> None:
        decoded = self.decoder.decode(block, raw=True)
        fields = tuple((bytes(name), bytes(value)) for name, value in decoded)
        if isinstance(frame, PushPromise):
            self.streams[frame.promised_stream_id] = _Stream(self.initial_window)
            self.events.append(
                Promise(
                    stream_id=frame.stream_id,
                    promised_stream_id=frame.promised_stream_id,
                    fields=fields,
                )
            )
            return
        section = Section(
            stream_id=frame.stream_id,
            fields=fields,
            end_stream=bool(frame.flags & r.END_STREAM),
            padding=frame.padding,
            frames=frames,
            block=block,
        )
        self.events.append(section)
        if self.strict:
            self._check_section(section)

    def _check_section(self, section: Section) -> None:
        stream = self._live(section.stream_id, "HEADERS")
        reply = stream.reply
        if reply.status:
            assert section.end_stream, self.fail("trailers without END_STREAM")
            assert not any(name.startswith(b":") for name, _ in section.fields)
            reply.trailers = section.fields
        elif section.status < 200:
            assert not section.end_stream, self.fail("END_STREAM on an informational response")
            reply.informational.append(section.status)
        else:
            reply.status = section.status
            reply.fields = section.fields
            assert reply.get(b"date") is not None, self.fail("a response without Date")
        if section.end_stream:
            self._over(stream)

    def _live(self, stream_id: int, what: str) -> _Stream:
        stream = self.streams.get(stream_id)
        if stream is None:
            raise self.fail(f"{what} on stream {stream_id}, which nobody opened")
        if stream.over:
            raise self.fail(f"{what} on stream {stream_id}, which is over")
        return stream

    def _data(self, frame: Data) -> None:
        flow = len(frame.data) + frame.padding
        self.paddings.append(frame.padding)
        if self.strict:
            stream = self._live(frame.stream_id, "DATA")
            self.window -= flow
            stream.window -= flow
            if flow and (self.window < 0 or stream.window < 0):
                raise self.fail(
                    f"DATA beyond a window: connection {self.window}, stream {stream.window}"
                )
            assert stream.reply.status, self.fail("DATA before HEADERS")
            stream.reply.content += frame.data
            stream.reply.data.append(len(frame.data))
            if frame.flags & r.END_STREAM:
                self._over(stream)
        if self.replenish and flow:
            updates: list[Frame] = [WindowUpdate(stream_id=0, increment=flow)]
            if not frame.flags & r.END_STREAM:
                updates.append(WindowUpdate(stream_id=frame.stream_id, increment=flow))
            self.send(*updates)

    def _over(self, stream: _Stream) -> None:
        stream.over = stream.reply.ended = True
        length = stream.reply.get(b"content-length")
        if length is not None and stream.method != b"HEAD" and stream.reply.status != 304:
            assert int(length) == len(stream.reply.content), self.fail("content-length is wrong")

    def _reset(self, frame: RstStream) -> None:
        if not self.strict:
            return
        stream = self.streams.get(frame.stream_id)
        assert stream is not None, self.fail("RST_STREAM on an idle stream")
        stream.over = True
        stream.reply.reset = frame.code

    # ------------------------------------------------------------------ expectations

    def expect(self, wanted: type[F] | Event) -> F:
        """The next event: of a class, or equal to a frame."""
        while not self.events:
            self._pull(repr(wanted))
        event = self.events.popleft()
        matches = isinstance(event, wanted) if isinstance(wanted, type) else event == wanted
        if not matches:
            raise self.fail(f"expected {wanted}, got {event}")
        return event  # type: ignore[return-value]  # the class asked for, or the frame's own

    def reply(self, stream_id: int) -> Reply:
        """What comes on a stream until it is over; its events are taken out."""
        stream = self.streams[stream_id]
        while not stream.over:
            self._pull(f"the end of stream {stream_id}, which has {stream.reply.status}")
        kept = [event for event in self.events if getattr(event, "stream_id", 0) != stream_id]
        self.events = deque(kept)
        return stream.reply

    def expect_response(
        self, stream_id: int, status: int = 200, body: bytes | None = None
    ) -> Reply:
        """A whole response."""
        reply = self.reply(stream_id)
        if reply.reset is not None or reply.status != status:
            raise self.fail(f"expected {status}, got {reply.status}, reset {reply.reset}")
        if body is not None:
            assert reply.body == body, self.fail("other content than expected")
        return reply

    def expect_reset(self, stream_id: int, code: ErrorCode) -> None:
        """The next event is RST_STREAM."""
        self.expect(RstStream(stream_id=stream_id, code=code))

    def expect_goaway(self, code: ErrorCode, last_stream_id: int) -> GoAway:
        """The next event is GOAWAY with a reason, and after it comes the end."""
        goaway = self.expect(GoAway)
        if (goaway.code, goaway.last_stream_id) != (code, last_stream_id):
            raise self.fail(f"expected GOAWAY {code.name} {last_stream_id}, got {goaway}")
        assert goaway.debug, self.fail("GOAWAY without a reason")
        assert not self.events, self.fail("something after GOAWAY")
        assert self.transport.closed(), self.fail("not closed")
        return goaway

    def expect_alive(self) -> None:
        """Nothing has come, and the connection answers PING."""
        opaque = b"alive %02d" % (len(self.transcript) % 100)
        self.send(Ping(opaque=opaque))
        self.expect(Ping(flags=r.ACK, opaque=opaque))
        if self.exact and self.strict and isinstance(self.transport, Mirror):
            self._compare_windows()

    def _compare_windows(self) -> None:
        """Both sides have counted the same octets (RFC 9113 section 6.9)."""
        connection = self.mirror.connection
        assert connection.sender.window == self.window, self.fail("another window")
        for stream_id, stream in connection.streams.open.items():
            assert stream.send_window == self.streams[stream_id].window, self.fail("another window")

    def expect_alive_with(self, *stream_ids: int) -> None:
        """As :meth:`expect_alive`; what came on these streams so far is taken out."""
        opaque = b"settled."
        self.send(Ping(opaque=opaque))
        answer = Ping(flags=r.ACK, opaque=opaque)
        while answer not in self.events:
            self._pull("the answer to PING")
        kept = [e for e in self.events if getattr(e, "stream_id", 0) not in stream_ids]
        assert kept == [answer], self.fail(f"unexpected: {kept}")
        self.events.clear()

    def expect_nothing(self) -> None:
        """In process: nothing has come."""
        self.pull()
        assert not self.events, self.fail(f"unexpected: {self.events[0]}")

    def expect_serves(self, stream_id: int) -> None:
        """A request on ``stream_id`` is answered; the dynamic tables are right."""
        self.request(stream_id, b"/")
        self.expect_response(stream_id, 200, b"hello")
