"""Frames to send as octets, and octets that came as frames; neither checks any rule.

Contract: :class:`Writer` and :class:`Reader` follow one direction of one connection, header
compression included.  A reader takes whatever comes: what cannot be read is told in
:attr:`~h2static.h2get.script.model.Received.problem`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h2static.h2get.script.model import FrameSpec, Received, Representation
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.http2.errors import ProtocolViolation
from hpacktools.codec import Decoder, Encoder, HPACKError
from hpacktools.codec import Representation as Written

_WRITTEN: Final = {
    Representation.INDEXED: Written.WITH_INDEXING,
    Representation.LITERAL: Written.WITHOUT_INDEXING,
    Representation.NEVER: Written.NEVER_INDEXED,
}

#: Octets of a fragment that every server accepts (RFC 9113 section 4.2).
_FRAGMENT: Final = r.MINIMUM_MAX_FRAME_SIZE


class Writer:
    """Makes octets of what a script sends.

    Fields that do not fit into a frame go on in CONTINUATION; a ``payload``, ``block`` or
    ``length`` is sent as it is written.
    """

    def __init__(self) -> None:
        self.encoder = Encoder()

    def octets(self, what: FrameSpec | bytes) -> bytes:
        """The octets of a frame, or octets as they are."""
        if isinstance(what, bytes):
            return what
        payload = what.payload
        if payload is None:
            for size in what.resize:
                self.encoder.change_maximum(size)
            fields = [(x.name, x.value, _WRITTEN[x.representation]) for x in what.fields]
            payload = what.prefix + self.encoder.encode(fields)
        rest = b""
        if what.payload is None and what.length is None and what.flags & r.END_HEADERS:
            payload, rest = payload[:_FRAGMENT], payload[_FRAGMENT:]
        if what.padding:
            payload = bytes((min(what.padding - 1, 0xFF),)) + payload + bytes(what.padding - 1)
        flags = what.flags & ~r.END_HEADERS if rest else what.flags
        length = len(payload) if what.length is None else what.length
        stream = what.stream | what.reserved << 31
        head = (length & 0xFFFFFF).to_bytes(3, "big") + bytes((what.type, flags & 0xFF))
        octets = head + (stream & 0xFFFFFFFF).to_bytes(4, "big") + payload
        while rest:
            fragment, rest = rest[:_FRAGMENT], rest[_FRAGMENT:]
            flags = 0 if rest else r.END_HEADERS
            octets += f.frame(r.CONTINUATION, flags, what.stream, fragment)
        return octets


class Reader:
    """Parses received octets into frames."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self._buffer = b""
        #: The fragments of an incomplete header block.
        self._block: tuple[Received, list[bytes]] | None = None

    def receive(self, octets: bytes, time: float) -> Iterator[Received]:
        """The frames that ``octets`` complete."""
        data = self._buffer + octets
        position = 0
        while position + r.FRAME_HEADER_SIZE <= len(data):
            length_type, flags, stream = f.unpack_header(data, position)
            start = position + r.FRAME_HEADER_SIZE
            end = start + (length_type >> 8)
            if end > len(data):
                break
            position = end
            yield self._frame(length_type & 0xFF, flags, stream, data[start:end], time)
        self._buffer = data[position:]

    @property
    def rest(self) -> bytes:
        """The octets of an incomplete frame."""
        return self._buffer

    def _frame(
        self, frame_type: int, flags: int, stream: int, payload: bytes, time: float
    ) -> Received:
        received = Received(
            type=frame_type, flags=flags, stream=stream & r.MAXIMUM_STREAM_ID,
            length=len(payload), time=time, payload=payload,
        )  # fmt: skip
        try:
            frame = f.parse(frame_type, flags, received.stream, payload)
        except ProtocolViolation as violation:
            received.problem = violation.reason
            return received
        received.values = values_of(frame)
        if isinstance(frame, f.Headers | f.PushPromise | f.Continuation):
            self._fragment(received, frame)
        return received

    def _fragment(
        self, received: Received, frame: f.Headers | f.PushPromise | f.Continuation
    ) -> None:
        """Fields belong to the first frame of their block, once the block is complete."""
        if isinstance(frame, f.Continuation):
            if self._block is None:
                received.problem = "CONTINUATION without an open header block"
                return
            self._block[1].append(frame.fragment)
        else:
            self._block = (received, [frame.fragment])
        if not frame.flags & r.END_HEADERS:
            return
        opening, fragments = self._block
        self._block = None
        try:
            opening.fields = self.decoder.decode(b"".join(fragments)).fields
        except HPACKError as error:
            opening.problem = str(error)


def values_of(frame: f.Frame) -> dict[str, object]:
    """The values of a frame, by their names in patterns."""
    match frame:
        case f.Data():
            return {"data": frame.data, "padding": frame.padding}
        case f.Headers():
            return {"padding": frame.padding, **_priority(frame.priority)}
        case f.Priority():
            return _priority(frame.priority)
        case f.RstStream():
            return {"code": frame.code}
        case f.Settings():
            # The last value of a setting is the one that holds; a line has all of them.
            last = {f"setting {key}": value for key, value in frame.entries}
            return {**last, "entries": frame.entries}
        case f.PushPromise():
            return {"promised": frame.promised_stream_id, "padding": frame.padding}
        case f.Ping():
            return {"opaque": frame.opaque}
        case f.GoAway():
            return {
                "last_stream": frame.last_stream_id, "code": frame.code, "debug": frame.debug,
            }  # fmt: skip
        case f.WindowUpdate():
            return {"increment": frame.increment}
        case f.PriorityUpdate():
            return {"prioritized": frame.prioritized_stream_id, "value": frame.value}
        case _:
            return {}


def _priority(priority: f.PriorityFields | None) -> dict[str, object]:
    if priority is None:
        return {}
    return {
        "dependency": priority.dependency, "weight": priority.weight,
        "exclusive": int(priority.exclusive),
    }  # fmt: skip
