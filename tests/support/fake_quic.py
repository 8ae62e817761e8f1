"""A second implementation of :class:`h2static.quic.transport.Transport`: no QUIC, no encryption.

Promise: both ends of a connection are a :class:`FakeQuic`, and their datagrams are one stream of
octets that may be cut anywhere.  Streams, credit and what is on its way are kept as the interface
says; a peer that sends more than it has credit for fails the test.  Nothing gets lost, and what the
other end has taken is acknowledged by whoever carries the octets (:meth:`FakeQuic.acknowledge`).
"""

from __future__ import annotations

import struct
from collections import deque
from typing import Final

from h2static.quic.transport import (
    Event,
    HandshakeCompleted,
    Path,
    PingAcknowledged,
    SendingStopped,
    StreamData,
    StreamReset,
    Terminated,
)

#: Kind, stream, value, octets of payload.
_HEADER: Final = struct.Struct("!BQQI")
_HELLO, _STREAM, _RESET, _STOP, _CREDIT, _PING, _PONG, _CLOSE = range(8)
#: In the place of a stream: the connection.
_CONNECTION: Final = 2**64 - 1

HERE: Final = Path(("192.0.2.7", 40_007))


class _Sending:
    """One stream's way out."""

    def __init__(self, credit: int) -> None:
        self.credit = credit
        self.queue = bytearray()
        self.ending = False
        self.over = False


class FakeQuic:
    """One end; see the module."""

    def __init__(
        self,
        *,
        client: bool,
        stream_window: int = 65_536,
        connection_window: int = 65_536,
        peer_stream_window: int = 65_536,
        peer_connection_window: int = 65_536,
        most_unsent: int = 65_536,
    ) -> None:
        """``stream_window``, ``connection_window``: what the peer may send at first; ``peer_…``:
        what this end may.  ``most_unsent``: as much content may wait here."""
        self._client = client
        self._stream_window = stream_window
        self._peer_stream_window = peer_stream_window
        self._credit = peer_connection_window
        self._most_unsent = most_unsent
        self._may_receive = connection_window
        self._may_receive_on: dict[int, int] = {}
        self._sending: dict[int, _Sending] = {}
        self._events: deque[Event] = deque()
        self._input = bytearray()
        #: What is left of the payload that is coming: stream, octets, whether the stream ends.
        self._payload: tuple[int, int, bool] | None = None
        self._output = bytearray(self._frame(_HELLO) if client else b"")
        self._next_unidirectional = 2 if client else 3
        self._unacknowledged = 0
        self._dead = False
        #: Streams that this end has been told to stop.
        self.stopped: dict[int, int] = {}
        #: Streams that this end has reset.
        self.resets: dict[int, int] = {}
        self.moved = 0
        self.terminated = False
        self.closed_with: tuple[int, str] | None = None

    connection_ids = (b"fake",)
    ids_changed = False
    path = HERE
    established = True
    server_name = None

    # ------------------------------------------------------------------ octets

    @staticmethod
    def _frame(kind: int, stream_id: int = 0, value: int = 0, payload: bytes = b"") -> bytes:
        return _HEADER.pack(kind, stream_id, value, len(payload)) + payload

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        if self._dead:
            return
        self._input += data
        while self._step():
            pass

    def _step(self) -> bool:
        if self._payload is not None:
            return self._take_payload(*self._payload)
        if len(self._input) < _HEADER.size:
            return False
        kind, stream_id, value, length = _HEADER.unpack_from(self._input)
        if kind == _STREAM:
            del self._input[: _HEADER.size]
            self._payload = stream_id, length, bool(value)
            return True
        if len(self._input) < _HEADER.size + length:
            return False
        payload = bytes(self._input[_HEADER.size : _HEADER.size + length])
        del self._input[: _HEADER.size + length]
        self._control(kind, stream_id, value, payload)
        return not self._dead

    def _take_payload(self, stream_id: int, length: int, ended: bool) -> bool:
        data = bytes(self._input[:length])
        if not data and length:
            return False
        del self._input[: len(data)]
        left = length - len(data)
        self._payload = (stream_id, left, ended) if left else None
        credit = self._may_receive_on.setdefault(stream_id, self._stream_window)
        assert len(data) <= credit, f"stream {stream_id}: more than its credit"
        assert len(data) <= self._may_receive, "more than the connection's credit"
        self._may_receive_on[stream_id] = credit - len(data)
        self._may_receive -= len(data)
        self._events.append(StreamData(stream_id=stream_id, data=data, ended=ended and not left))
        return True

    def _control(self, kind: int, stream_id: int, value: int, payload: bytes) -> None:
        if kind == _HELLO:
            self._events.append(HandshakeCompleted())
        elif kind == _RESET:
            self._events.append(StreamReset(stream_id=stream_id, code=value))
        elif kind == _STOP:
            self.reset(stream_id, value)
            self._events.append(SendingStopped(stream_id=stream_id, code=value))
        elif kind == _CREDIT and stream_id == _CONNECTION:
            self._credit += value
        elif kind == _CREDIT:
            self._stream(stream_id).credit += value
        elif kind == _PING:
            self._output += self._frame(_PONG)
        elif kind == _PONG:
            self._events.append(PingAcknowledged())
        else:
            assert kind == _CLOSE
            self.lose(value, payload.decode())

    def lose(self, code: int = 0, reason: str = "") -> None:
        """The connection is over, by the peer or because nobody hears of it any more."""
        self._dead = self.terminated = True
        self._events.append(Terminated(code=code, reason=reason, closed_here=False))

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        for stream_id, stream in self._sending.items():
            self._flush(stream_id, stream)
        octets = bytes(self._output)
        self._output.clear()
        self._unacknowledged += len(octets)
        return [(octets, HERE)] if octets else []

    def _flush(self, stream_id: int, stream: _Sending) -> None:
        if stream.over:
            return
        size = max(0, min(len(stream.queue), stream.credit, self._credit))
        rest = len(stream.queue) - size
        if size or (stream.ending and not rest):
            end = stream.ending and not rest
            self._output += self._frame(_STREAM, stream_id, end, bytes(stream.queue[:size]))
            del stream.queue[:size]
            stream.credit -= size
            self._credit -= size
            stream.over = end

    def acknowledge(self, octets: int) -> None:
        """The other end has taken so many octets of what was sent."""
        self._unacknowledged -= octets
        self.moved += octets

    def deadline(self) -> float | None:
        return None

    def handle_timer(self, now: float) -> None:
        pass

    # ------------------------------------------------------------------ streams

    def next_event(self) -> Event | None:
        return self._events.popleft() if self._events else None

    @property
    def _unsent(self) -> int:
        return sum(len(one.queue) for one in self._sending.values() if not one.over)

    @property
    def unsent(self) -> int:
        """Octets of streams that wait here, for credit or to be taken."""
        return self._unsent

    @property
    def room(self) -> int:
        unsent = self._unsent
        return min(self._credit - unsent, self._most_unsent - unsent)

    def stream_room(self, stream_id: int) -> int:
        stream = self._stream(stream_id)
        return stream.credit - len(stream.queue)

    @property
    def waits_for_peer(self) -> bool:
        return self._unsent > 0 or self._unacknowledged > 0 or bool(self._output)

    def _stream(self, stream_id: int) -> _Sending:
        stream = self._sending.get(stream_id)
        if stream is None:
            stream = self._sending[stream_id] = _Sending(self._peer_stream_window)
        return stream

    def open_unidirectional(self) -> int:
        stream_id = self._next_unidirectional
        self._next_unidirectional += 4
        return stream_id

    def send(self, stream_id: int, data: bytes | memoryview, *, end: bool = False) -> None:
        stream = self._stream(stream_id)
        if stream.over:
            return
        assert not stream.ending, f"stream {stream_id}: octets after its end"
        stream.queue += data
        stream.ending = end

    def reset(self, stream_id: int, code: int) -> None:
        stream = self._stream(stream_id)
        if not stream.over:
            stream.over = True
            stream.queue.clear()
            self.resets[stream_id] = code
            self._output += self._frame(_RESET, stream_id, code)

    def stop(self, stream_id: int, code: int) -> None:
        self.stopped[stream_id] = code
        self._output += self._frame(_STOP, stream_id, code)

    def give_credit(self, stream_id: int | None, octets: int) -> None:
        assert octets >= 0, "credit is never taken back"
        if not octets or self._dead:
            return
        if stream_id is None:
            self._may_receive += octets
            self._output += self._frame(_CREDIT, _CONNECTION, octets)
        else:
            known = self._may_receive_on.setdefault(stream_id, self._stream_window)
            self._may_receive_on[stream_id] = known + octets
            self._output += self._frame(_CREDIT, stream_id, octets)

    def ping(self) -> None:
        self._output += self._frame(_PING)

    def close(self, code: int, reason: str) -> None:
        if not self._dead:
            self._dead = True
            self.closed_with = code, reason
            self._output += self._frame(_CLOSE, 0, code, reason.encode())
