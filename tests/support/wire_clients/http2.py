"""An HTTP/2 client at the level of octets (RFC 9113), with the ``hpack`` package for its blocks."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import hpack

from h2static.http.fields import Field, Fields
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.http2.limits import Limits
from tests.support.wire_clients.shape import Reply

_FRAME: Final = 16_384
_HEADER: Final = 9


@dataclass(slots=True, kw_only=True)
class _Stream:
    """A request and what it may still send."""

    window: int
    tunnel: bool = False
    queue: deque[bytes] = field(default_factory=deque)
    #: The content is whole when the queue is empty.
    ending: bool = False
    trailers: Fields = ()
    over: bool = False


class Http2Client:
    """See :class:`tests.support.wire_clients.shape.WireClient`.

    Assumes: the server's windows never grow beyond ``largest``, but for tunnels.
    """

    def __init__(self, largest: int = r.INITIAL_WINDOW_SIZE) -> None:
        self.replies: list[Reply] = []
        #: GOAWAY frames: last stream and code.
        self.goaways: list[tuple[int, int]] = []
        #: The server's SETTINGS, once they have come.
        self.settings: dict[int, int] = {}
        #: WINDOW_UPDATE octets that came in all, by stream.
        self.credited: dict[int, int] = {}
        self._encoder = hpack.Encoder()
        self._decoder = hpack.Decoder()
        self._output = bytearray(r.PREFACE)
        self._input = bytearray()
        self._window = self._initial_window = r.INITIAL_WINDOW_SIZE
        self._largest = largest
        #: The widest that the connection's window, and a tunnel's, may be.
        self._widest = largest
        self._streams: dict[int, _Stream] = {}
        #: Credit that the server is owed, by stream; ``None``: it is given at once.
        self._held: dict[int, int] | None = None
        self._block: tuple[int, int, bytes] | None = None
        self.authority = b"example.test"
        self._write(f.Settings(entries=((r.SETTINGS_ENABLE_PUSH, 0),)))

    # ------------------------------------------------------------------ requests

    @staticmethod
    def stream_of(number: int) -> int:
        """The stream of a request."""
        return number * 2 + 1

    def _write(self, *frames: f.Frame) -> None:
        for item in frames:
            self._output += item.serialize()

    def take_output(self) -> bytes:
        for stream_id, stream in self._streams.items():
            self._send_content(stream_id, stream)
        octets = bytes(self._output)
        self._output.clear()
        return octets

    @property
    def held_back(self) -> int:
        return sum(len(piece) for stream in self._streams.values() for piece in stream.queue)

    @property
    def window(self) -> int:
        """Octets that the connection allows this client to send."""
        return self._window

    def request(
        self,
        method: bytes,
        path: bytes,
        fields: tuple[Field, ...],
        *,
        content: bool,
        length: int | None,
        protocol: bytes = b"",
    ) -> int:
        number = len(self.replies)
        stream_id = self.stream_of(number)
        section = [
            (b":method", method),
            *(((b":protocol", protocol),) if protocol else ()),
            (b":scheme", b"http"),
            (b":authority", self.authority),
            (b":path", path),
            *fields,
        ]
        if length is not None:
            section.append((b"content-length", b"%d" % length))
        self._section(stream_id, tuple(section), end=not content)
        self.replies.append(Reply())
        if content:
            self._streams[stream_id] = _Stream(window=self._initial_window)
        return number

    def ask_for(self, protocol: bytes, path: bytes, fields: tuple[Field, ...]) -> int:
        number = self.request(
            b"CONNECT", path, fields, content=True, length=None, protocol=protocol
        )
        self._streams[self.stream_of(number)].tunnel = True
        self._widest = Limits().tunnel_window
        return number

    def _section(self, stream_id: int, fields: Fields, *, end: bool) -> None:
        block: bytes = self._encoder.encode(fields)
        first, rest = block[:_FRAME], block[_FRAME:]
        flags = (r.END_STREAM if end else 0) | (0 if rest else r.END_HEADERS)
        self._write(f.Headers(stream_id=stream_id, flags=flags, fragment=first))
        while rest:
            part, rest = rest[:_FRAME], rest[_FRAME:]
            last = 0 if rest else r.END_HEADERS
            self._write(f.Continuation(stream_id=stream_id, flags=last, fragment=part))

    def content(self, number: int, data: bytes) -> None:
        stream = self._streams.get(self.stream_of(number))
        # Without one the server has reset it.
        if stream is not None:
            stream.queue.append(data)

    def end(self, number: int, trailers: Fields) -> None:
        stream = self._streams.get(self.stream_of(number))
        if stream is not None:
            stream.ending, stream.trailers = True, trailers

    def malform(self, number: int) -> None:
        # RFC 9113 section 8.1: trailers without END_STREAM are malformed.
        stream_id = self.stream_of(number)
        self._send_content(stream_id, self._streams[stream_id])
        self._section(stream_id, ((b"x-trailer", b"1"),), end=False)
        self._streams[stream_id].over = True

    def cancel(self, number: int) -> bool:
        stream_id = self.stream_of(number)
        self._write(f.RstStream(stream_id=stream_id, code=r.ErrorCode.CANCEL))
        self._forget(stream_id)
        return True

    def _forget(self, stream_id: int) -> None:
        stream = self._streams.pop(stream_id, None)
        if stream is not None:
            stream.queue.clear()

    def _send_content(self, stream_id: int, stream: _Stream) -> None:
        while stream.queue:
            room = min(self._window, stream.window, _FRAME)
            if room <= 0:
                return
            piece = stream.queue.popleft()
            if len(piece) > room:
                stream.queue.appendleft(piece[room:])
                piece = piece[:room]
            self._window -= len(piece)
            stream.window -= len(piece)
            last = stream.ending and not stream.queue and not stream.trailers
            flags = r.END_STREAM if last else 0
            self._write(f.Data(stream_id=stream_id, flags=flags, data=piece))
            if last:
                stream.over = True
        if stream.ending and not stream.over:
            stream.over = True
            if stream.trailers:
                self._section(stream_id, stream.trailers, end=True)
            else:
                self._write(f.Data(stream_id=stream_id, flags=r.END_STREAM))

    # ------------------------------------------------------------------ credit

    def hold_credit(self) -> bool:
        self._held = {} if self._held is None else self._held
        return True

    def return_credit(self) -> None:
        held, self._held = self._held, None
        for stream_id, octets in (held or {}).items():
            self._credit(stream_id, octets)

    def _credit(self, stream_id: int, octets: int) -> None:
        if self._held is not None:
            self._held[stream_id] = self._held.get(stream_id, 0) + octets
        else:
            self._write(f.WindowUpdate(stream_id=stream_id, increment=octets))

    # ------------------------------------------------------------------ responses

    def receive(self, data: bytes) -> None:
        self._input += data
        while len(self._input) >= _HEADER:
            end = _HEADER + int.from_bytes(self._input[:3], "big")
            if len(self._input) < end:
                return
            octets = bytes(self._input[:end])
            del self._input[:end]
            stream_id = int.from_bytes(octets[5:9], "big")
            self._frame(f.parse(octets[3], octets[4], stream_id, octets[_HEADER:]))

    def closed(self) -> None:
        for reply in self.replies:
            reply.broken = reply.broken or not reply.whole

    def _frame(self, frame: f.Frame) -> None:
        if self._block is not None:
            assert isinstance(frame, f.Continuation), f"{frame} within a header block"
        if isinstance(frame, f.Settings):
            self._settings(frame)
        elif isinstance(frame, f.Ping):
            if not frame.flags & r.ACK:
                self._write(f.Ping(flags=r.ACK, opaque=frame.opaque))
        elif isinstance(frame, f.WindowUpdate):
            self._window_update(frame)
        elif isinstance(frame, f.Headers):
            self._block_part(frame.stream_id, frame.flags, b"", frame.fragment)
        elif isinstance(frame, f.Continuation):
            assert self._block is not None
            stream_id, flags, before = self._block
            assert stream_id == frame.stream_id
            self._block_part(stream_id, flags | frame.flags, before, frame.fragment)
        elif isinstance(frame, f.Data):
            self._data(frame)
        elif isinstance(frame, f.RstStream):
            self._reset(frame)
        elif isinstance(frame, f.GoAway):
            self.goaways.append((frame.last_stream_id, frame.code))
        else:
            raise AssertionError(f"unexpected: {frame}")

    def _settings(self, frame: f.Settings) -> None:
        if frame.flags & r.ACK:
            return
        self.settings.update(frame.entries)
        for identifier, value in frame.entries:
            if identifier == r.SETTINGS_INITIAL_WINDOW_SIZE:
                for stream in self._streams.values():
                    stream.window += value - self._initial_window
                self._initial_window = value
            elif identifier == r.SETTINGS_HEADER_TABLE_SIZE:
                self._encoder.header_table_size = value
        self._write(f.Settings(flags=r.ACK))

    def _window_update(self, frame: f.WindowUpdate) -> None:
        known = self.credited.get(frame.stream_id, 0)
        self.credited[frame.stream_id] = known + frame.increment
        if frame.stream_id == 0:
            self._window += frame.increment
            assert self._window <= self._widest, "credit for what was not sent"
        elif frame.stream_id in self._streams:
            stream = self._streams[frame.stream_id]
            stream.window += frame.increment
            most = self._widest if stream.tunnel else max(self._initial_window, self._largest)
            assert stream.window <= most, "credit for what was not sent"

    def _block_part(self, stream_id: int, flags: int, before: bytes, fragment: bytes) -> None:
        self._block = stream_id, flags, before + fragment
        if not flags & r.END_HEADERS:
            return
        self._block = None
        decoded = self._decoder.decode(before + fragment, raw=True)
        fields = tuple((bytes(item[0]), bytes(item[1])) for item in decoded)
        end = bool(flags & r.END_STREAM)
        reply = self._live(stream_id)
        if reply.status:
            assert end, "trailers without END_STREAM"
            reply.trailers = fields
        else:
            assert fields[0][0] == b":status"
            status = int(fields[0][1])
            if status < 200:
                assert not end, "END_STREAM on an informational response"
                reply.informational.append((status, fields[1:]))
            else:
                reply.status, reply.fields = status, fields[1:]
                stream = self._streams.get(stream_id)
                reply.granted = stream is not None and stream.tunnel and status < 300
        if end:
            reply.whole = True

    def _live(self, stream_id: int) -> Reply:
        number, odd = divmod(stream_id, 2)
        assert odd, f"stream {stream_id} is not ours"
        assert number < len(self.replies), f"stream {stream_id} is idle"
        reply = self.replies[number]
        assert not reply.whole, f"a frame on stream {stream_id}, which is over"
        assert not reply.broken, f"a frame on stream {stream_id}, which was reset"
        return reply

    def _data(self, frame: f.Data) -> None:
        reply = self._live(frame.stream_id)
        assert reply.status, "DATA before HEADERS"
        reply.received += frame.data
        octets = len(frame.data) + frame.padding
        if frame.flags & r.END_STREAM:
            reply.whole = True
        elif octets:
            self._credit(frame.stream_id, octets)
        if octets:
            self._credit(0, octets)

    def _reset(self, frame: f.RstStream) -> None:
        reply = self.replies[frame.stream_id // 2]
        # RFC 9113 section 8.1: after a complete response the reset asks for no more content.
        reply.broken = reply.broken or not reply.whole
        self._forget(frame.stream_id)
