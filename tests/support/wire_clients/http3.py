"""An HTTP/3 client at the level of octets (RFC 9114), over a fake of QUIC, with ls-qpack."""

from __future__ import annotations

from typing import Final

import pylsqpack

from h2static.http.fields import Field, Fields
from h2static.quic.transport import (
    Event,
    HandshakeCompleted,
    PingAcknowledged,
    SendingStopped,
    StreamData,
    StreamReset,
    Terminated,
)
from tests.support.fake_quic import HERE, FakeQuic
from tests.support.wire_clients.shape import Reply

_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0, 1, 4, 7
_FRAME: Final = 16_384


def integer(value: int) -> bytes:
    """RFC 9000 section 16."""
    for octets, prefix in ((1, 0), (2, 1), (4, 2), (8, 3)):
        bits = 8 * octets - 2
        if value < 1 << bits:
            return (value | prefix << bits).to_bytes(octets, "big")
    raise ValueError(value)


def frame(kind: int, payload: bytes) -> bytes:
    """RFC 9114 section 7.1."""
    return integer(kind) + integer(len(payload)) + payload


def take_integer(octets: bytearray) -> int | None:
    """Take an integer off the front; ``None``: not all of it is there."""
    if not octets or len(octets) < (size := 1 << (octets[0] >> 6)):
        return None
    value = int.from_bytes(octets[:size], "big") & ((1 << (8 * size - 2)) - 1)
    del octets[:size]
    return value


class Http3Client:
    """See :class:`tests.support.wire_clients.shape.WireClient`."""

    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.authority = b"example.test"
        #: Identifiers of GOAWAY frames.
        self.goaways: list[int] = []
        self.settings: dict[int, int] = {}
        self.quic = FakeQuic(client=True)
        self._encoder = pylsqpack.Encoder()
        self._decoder = pylsqpack.Decoder(0, 0)
        self._inputs: dict[int, bytearray] = {}
        self._control_type: int | None = None
        self._held: dict[int | None, int] | None = None
        self._tunnels: set[int] = set()
        control = self.quic.open_unidirectional()
        self.quic.send(control, b"\x00" + frame(_SETTINGS, b""))

    @staticmethod
    def stream_of(number: int) -> int:
        """The stream of a request."""
        return number * 4

    def take_output(self) -> bytes:
        return b"".join(data for data, _ in self.quic.datagrams_to_send(0.0))

    @property
    def held_back(self) -> int:
        return self.quic.unsent

    # ------------------------------------------------------------------ requests

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
        self.replies.append(Reply())
        self.quic.send(
            self.stream_of(number), frame(_HEADERS, self._encode(section)), end=not content
        )
        return number

    def _encode(self, section: list[Field]) -> bytes:
        instructions, block = self._encoder.encode(0, section)
        assert not instructions
        return bytes(block)

    def ask_for(self, protocol: bytes, path: bytes, fields: tuple[Field, ...]) -> int:
        number = self.request(
            b"CONNECT", path, fields, content=True, length=None, protocol=protocol
        )
        self._tunnels.add(number)
        return number

    def content(self, number: int, data: bytes) -> None:
        for start in range(0, len(data), _FRAME):
            self.quic.send(self.stream_of(number), frame(_DATA, data[start : start + _FRAME]))

    def end(self, number: int, trailers: Fields) -> None:
        section = frame(_HEADERS, self._encode(list(trailers))) if trailers else b""
        self.quic.send(self.stream_of(number), section, end=True)

    def malform(self, number: int) -> None:
        # RFC 9114 section 4.3: trailers with a pseudo-header field are malformed.
        self.end(number, ((b":path", b"/"),))

    def cancel(self, number: int) -> bool:
        stream_id = self.stream_of(number)
        self.quic.reset(stream_id, 0x10C)
        self.quic.stop(stream_id, 0x10C)
        return True

    # ------------------------------------------------------------------ responses

    def receive(self, data: bytes) -> None:
        self.quic.receive_datagram(data, HERE, 0.0)
        while (event := self.quic.next_event()) is not None:
            self._handle(event)

    def closed(self) -> None:
        for reply in self.replies:
            reply.broken = reply.broken or not reply.whole

    def _handle(self, event: Event) -> None:
        if isinstance(event, StreamData):
            self._credit(None, len(event.data))
            self._credit(event.stream_id, len(event.data))
            octets = self._inputs.setdefault(event.stream_id, bytearray())
            octets += event.data
            if event.stream_id % 4 == 3:
                self._control(octets)
            else:
                self._frames(event.stream_id, octets, ended=event.ended)
        elif isinstance(event, StreamReset):
            reply = self.replies[event.stream_id // 4]
            reply.broken = reply.broken or not reply.whole
        elif isinstance(event, Terminated):
            self.closed()
        else:
            assert isinstance(event, SendingStopped | HandshakeCompleted | PingAcknowledged)

    def _control(self, octets: bytearray) -> None:
        if self._control_type is None:
            self._control_type = take_integer(octets)
        assert self._control_type in (0, None), "no control stream"
        while (found := self._take_frame(octets)) is not None:
            kind, payload = found
            if kind == _SETTINGS:
                while payload:
                    key, value = take_integer(payload), take_integer(payload)
                    assert key is not None
                    assert value is not None
                    self.settings[key] = value
            else:
                assert kind == _GOAWAY, f"unexpected: {kind}"
                identifier = take_integer(payload)
                assert identifier is not None
                self.goaways.append(identifier)

    @staticmethod
    def _take_frame(octets: bytearray) -> tuple[int, bytearray] | None:
        copy = bytearray(octets)
        kind = take_integer(copy)
        length = take_integer(copy)
        if kind is None or length is None or len(copy) < length:
            return None
        payload = copy[:length]
        octets[:] = copy[length:]
        return kind, payload

    def _frames(self, stream_id: int, octets: bytearray, *, ended: bool) -> None:
        number = stream_id // 4
        reply = self.replies[number]
        assert not reply.whole, f"octets on stream {stream_id}, which is over"
        while (found := self._take_frame(octets)) is not None:
            kind, payload = found
            if kind == _DATA:
                assert reply.status, "DATA before HEADERS"
                reply.received += payload
            else:
                assert kind == _HEADERS, f"unexpected: {kind}"
                self._section(number, stream_id, reply, bytes(payload))
        if ended:
            assert not octets, f"stream {stream_id} ends within a frame"
            reply.whole = True

    def _section(self, number: int, stream_id: int, reply: Reply, payload: bytes) -> None:
        _, decoded = self._decoder.feed_header(stream_id, payload)
        fields = tuple((bytes(name), bytes(value)) for name, value in decoded)
        if reply.status:
            reply.trailers = fields
            return
        assert fields[0][0] == b":status"
        status = int(fields[0][1])
        if status < 200:
            reply.informational.append((status, fields[1:]))
        else:
            reply.status, reply.fields = status, fields[1:]
            reply.granted = number in self._tunnels and status < 300

    # ------------------------------------------------------------------ credit

    def hold_credit(self) -> bool:
        self._held = {} if self._held is None else self._held
        return True

    def return_credit(self) -> None:
        held, self._held = self._held, None
        for stream_id, octets in (held or {}).items():
            self._credit(stream_id, octets)

    def _credit(self, stream_id: int | None, octets: int) -> None:
        if self._held is not None:
            self._held[stream_id] = self._held.get(stream_id, 0) + octets
        else:
            self.quic.give_credit(stream_id, octets)
