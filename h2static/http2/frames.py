"""One class per frame type: parse, check, serialize (RFC 9113 section 6).

Contract: ``PARSERS[type](flags, stream_id, payload)`` creates a frame from a complete payload whose
length has been checked against SETTINGS_MAX_FRAME_SIZE, or raises a violation with the scope and
code that the RFC specifies.  It checks everything that depends only on the frame: length, padding,
stream identifier.  ``serialize()`` returns the octets of the whole frame.  Unknown flags and the
reserved bits are ignored when parsing and zero when serializing (section 4.1).

Strategy: frame objects are for rare frames and for observers (``-v``, tests); the loops that send
DATA and cached HEADERS write octets directly with :func:`frame_head`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.registry import ErrorCode

#: Octets of a SETTINGS frame that is remembered when it has been parsed, and how many are.
_USUAL_SETTINGS: Final = 60
_REMEMBERED: Final = 64
_HEAD = struct.Struct(">IBI")  # length and type together, flags, stream identifier
_SETTING = struct.Struct(">HI")
_UINT32 = struct.Struct(">I")
_PRIORITY = struct.Struct(">IB")

#: Length and type in one number, flags, stream identifier with its reserved bit.
unpack_header = _HEAD.unpack_from


def frame_head(length: int, frame_type: int, flags: int) -> bytes:
    """The first five octets of a frame header; four of stream identifier follow."""
    return _HEAD.pack(length << 8 | frame_type, flags, 0)[:5]


def frame(frame_type: int, flags: int, stream_id: int, payload: bytes) -> bytes:
    """The octets of a whole frame."""
    return _HEAD.pack(len(payload) << 8 | frame_type, flags, stream_id) + payload


@dataclass(slots=True, kw_only=True)
class PriorityFields:
    """The priority signals of RFC 7540 section 5.3: shown, but ignored (RFC 9113 section 5.3.2)."""

    dependency: int
    weight: int
    exclusive: bool


@dataclass(slots=True, kw_only=True)
class Data:
    """DATA (RFC 9113 section 6.1)."""

    stream_id: int
    flags: int = 0
    data: bytes = b""
    #: Octets of padding including the Pad Length octet.
    padding: int = 0

    def serialize(self) -> bytes:
        return frame(r.DATA, self.flags, self.stream_id, _padded(self.data, self.padding))


@dataclass(slots=True, kw_only=True)
class Headers:
    """HEADERS (RFC 9113 section 6.2)."""

    stream_id: int
    flags: int = 0
    fragment: bytes = b""
    padding: int = 0
    priority: PriorityFields | None = None

    def serialize(self) -> bytes:
        signal = b"" if self.priority is None else _priority_octets(self.priority)
        payload = _padded(signal + self.fragment, self.padding)
        return frame(r.HEADERS, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class Priority:
    """PRIORITY (RFC 9113 section 6.3)."""

    stream_id: int
    flags: int = 0
    priority: PriorityFields

    def serialize(self) -> bytes:
        return frame(r.PRIORITY, self.flags, self.stream_id, _priority_octets(self.priority))


@dataclass(slots=True, kw_only=True)
class RstStream:
    """RST_STREAM (RFC 9113 section 6.4)."""

    stream_id: int
    flags: int = 0
    code: int

    def serialize(self) -> bytes:
        return frame(r.RST_STREAM, self.flags, self.stream_id, _UINT32.pack(self.code))


@dataclass(slots=True, kw_only=True)
class Settings:
    """SETTINGS (RFC 9113 section 6.5).  ``entries`` keeps order and repetitions."""

    stream_id: int = 0
    flags: int = 0
    entries: tuple[tuple[int, int], ...] = ()

    def serialize(self) -> bytes:
        payload = b"".join([_SETTING.pack(*entry) for entry in self.entries])
        return frame(r.SETTINGS, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class PushPromise:
    """PUSH_PROMISE (RFC 9113 section 6.6)."""

    stream_id: int
    flags: int = 0
    promised_stream_id: int
    fragment: bytes = b""
    padding: int = 0

    def serialize(self) -> bytes:
        content = _UINT32.pack(self.promised_stream_id) + self.fragment
        return frame(r.PUSH_PROMISE, self.flags, self.stream_id, _padded(content, self.padding))


@dataclass(slots=True, kw_only=True)
class Ping:
    """PING (RFC 9113 section 6.7)."""

    stream_id: int = 0
    flags: int = 0
    opaque: bytes = bytes(8)

    def serialize(self) -> bytes:
        return frame(r.PING, self.flags, self.stream_id, self.opaque)


@dataclass(slots=True, kw_only=True)
class GoAway:
    """GOAWAY (RFC 9113 section 6.8)."""

    stream_id: int = 0
    flags: int = 0
    last_stream_id: int
    code: int
    debug: bytes = b""

    def serialize(self) -> bytes:
        payload = struct.pack(">II", self.last_stream_id, self.code) + self.debug
        return frame(r.GOAWAY, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class WindowUpdate:
    """WINDOW_UPDATE (RFC 9113 section 6.9)."""

    stream_id: int
    flags: int = 0
    increment: int

    def serialize(self) -> bytes:
        return frame(r.WINDOW_UPDATE, self.flags, self.stream_id, _UINT32.pack(self.increment))


@dataclass(slots=True, kw_only=True)
class Continuation:
    """CONTINUATION (RFC 9113 section 6.10)."""

    stream_id: int
    flags: int = 0
    fragment: bytes = b""

    def serialize(self) -> bytes:
        return frame(r.CONTINUATION, self.flags, self.stream_id, self.fragment)


@dataclass(slots=True, kw_only=True)
class AltSvc:
    """ALTSVC (RFC 7838 section 4)."""

    stream_id: int = 0
    flags: int = 0
    origin: bytes = b""
    value: bytes = b""

    def serialize(self) -> bytes:
        payload = struct.pack(">H", len(self.origin)) + self.origin + self.value
        return frame(r.ALTSVC, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class Origin:
    """ORIGIN (RFC 8336 section 2)."""

    stream_id: int = 0
    flags: int = 0
    origins: tuple[bytes, ...] = ()

    def serialize(self) -> bytes:
        payload = b"".join([struct.pack(">H", len(item)) + item for item in self.origins])
        return frame(r.ORIGIN, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class PriorityUpdate:
    """PRIORITY_UPDATE (RFC 9218 section 7.1)."""

    stream_id: int = 0
    flags: int = 0
    prioritized_stream_id: int
    value: bytes = b""

    def serialize(self) -> bytes:
        payload = _UINT32.pack(self.prioritized_stream_id) + self.value
        return frame(r.PRIORITY_UPDATE, self.flags, self.stream_id, payload)


@dataclass(slots=True, kw_only=True)
class Unknown:
    """A frame of unknown type (RFC 9113 section 5.5), which must be ignored."""

    frame_type: int
    stream_id: int
    flags: int = 0
    payload: bytes = b""

    def serialize(self) -> bytes:
        return frame(self.frame_type, self.flags, self.stream_id, self.payload)


Frame: TypeAlias = (
    Data
    | Headers
    | Priority
    | RstStream
    | Settings
    | PushPromise
    | Ping
    | GoAway
    | WindowUpdate
    | Continuation
    | AltSvc
    | Origin
    | PriorityUpdate
    | Unknown
)


def _padded(content: bytes, padding: int) -> bytes:
    if not padding:
        return content
    return bytes((padding - 1,)) + content + bytes(padding - 1)


def _priority_octets(signal: PriorityFields) -> bytes:
    return _PRIORITY.pack(signal.dependency | signal.exclusive << 31, signal.weight - 1)


def _unpadded(name: str, flags: int, payload: bytes) -> tuple[bytes, int]:
    """The content without padding, and the octets of padding (sections 6.1 and 6.2)."""
    if not flags & r.PADDED:
        return payload, 0
    if not payload:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, f"{name}: no room for Pad Length")
    pad_length = payload[0]
    # "If the length of the padding is the length of the frame payload or greater, the recipient
    # MUST treat this as a connection error of type PROTOCOL_ERROR" (6.1).
    if pad_length >= len(payload):
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, f"{name}: padding exceeds the payload")
    return payload[1 : len(payload) - pad_length], pad_length + 1


def _on_stream(name: str, stream_id: int) -> None:
    # "If a … frame is received whose Stream Identifier field is 0x00, the recipient MUST respond
    # with a connection error of type PROTOCOL_ERROR" (6.1, 6.2, 6.3, 6.4, 6.10).
    if stream_id == 0:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, f"{name}: on stream 0")


def _on_connection(name: str, stream_id: int) -> None:
    # "If an endpoint receives a … frame whose Stream Identifier field is anything other than 0x00,
    # the endpoint MUST respond with a connection error of type PROTOCOL_ERROR" (6.5, 6.7, 6.8).
    if stream_id != 0:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, f"{name}: on stream {stream_id}")


def _parse_data(flags: int, stream_id: int, payload: bytes) -> Data:
    _on_stream("DATA", stream_id)
    data, padding = _unpadded("DATA", flags, payload)
    return Data(stream_id=stream_id, flags=flags, data=data, padding=padding)


def _parse_priority_fields(octets: bytes) -> PriorityFields:
    dependency, weight = _PRIORITY.unpack_from(octets)
    return PriorityFields(
        dependency=dependency & r.MAXIMUM_STREAM_ID,
        weight=weight + 1,
        exclusive=dependency >> 31 == 1,
    )


def _parse_headers(flags: int, stream_id: int, payload: bytes) -> Headers:
    _on_stream("HEADERS", stream_id)
    content, padding = _unpadded("HEADERS", flags, payload)
    priority = None
    if flags & r.PRIORITY_FLAG:
        if len(content) < 5:
            raise ConnectionViolation(
                ErrorCode.FRAME_SIZE_ERROR, "HEADERS: no room for the priority fields"
            )
        priority = _parse_priority_fields(content)
        content = content[5:]
    return Headers(
        stream_id=stream_id, flags=flags, fragment=content, padding=padding, priority=priority
    )


def _parse_priority(flags: int, stream_id: int, payload: bytes) -> Priority:
    _on_stream("PRIORITY", stream_id)
    # "A PRIORITY frame with a length other than 5 octets MUST be treated as a stream error of type
    # FRAME_SIZE_ERROR" (6.3).
    if len(payload) != 5:
        raise StreamViolation(stream_id, ErrorCode.FRAME_SIZE_ERROR, "PRIORITY: length is not 5")
    return Priority(stream_id=stream_id, flags=flags, priority=_parse_priority_fields(payload))


def _parse_rst_stream(flags: int, stream_id: int, payload: bytes) -> RstStream:
    _on_stream("RST_STREAM", stream_id)
    # "A RST_STREAM frame with a length other than 4 octets MUST be treated as a connection error of
    # type FRAME_SIZE_ERROR" (6.4).
    if len(payload) != 4:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM: length is not 4")
    return RstStream(stream_id=stream_id, flags=flags, code=_UINT32.unpack(payload)[0])


def _parse_settings(flags: int, stream_id: int, payload: bytes) -> Settings:
    # Clients of one kind begin with the same settings.
    if len(payload) <= _USUAL_SETTINGS:
        return _parse_usual_settings(flags, stream_id, payload)
    return _parse_any_settings(flags, stream_id, payload)


def _parse_any_settings(flags: int, stream_id: int, payload: bytes) -> Settings:
    _on_connection("SETTINGS", stream_id)
    # "Receipt of a SETTINGS frame with the ACK flag set and a length field value other than 0 MUST
    # be treated as a connection error of type FRAME_SIZE_ERROR" (6.5).
    if flags & r.ACK and payload:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS: ACK with a payload")
    # "A SETTINGS frame with a length other than a multiple of 6 octets MUST be treated as a
    # connection error of type FRAME_SIZE_ERROR" (6.5).
    if len(payload) % 6:
        raise ConnectionViolation(
            ErrorCode.FRAME_SIZE_ERROR, "SETTINGS: length is not a multiple of 6"
        )
    return Settings(flags=flags, entries=tuple(_SETTING.iter_unpack(payload)))


#: As :func:`_parse_any_settings`; nothing changes a frame that was parsed.
_parse_usual_settings = lru_cache(maxsize=_REMEMBERED)(_parse_any_settings)


def _parse_push_promise(flags: int, stream_id: int, payload: bytes) -> PushPromise:
    _on_stream("PUSH_PROMISE", stream_id)
    content, padding = _unpadded("PUSH_PROMISE", flags, payload)
    if len(content) < 4:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "PUSH_PROMISE: too short")
    promised = _UINT32.unpack_from(content)[0] & r.MAXIMUM_STREAM_ID
    return PushPromise(
        stream_id=stream_id,
        flags=flags,
        promised_stream_id=promised,
        fragment=content[4:],
        padding=padding,
    )


def _parse_ping(flags: int, stream_id: int, payload: bytes) -> Ping:
    _on_connection("PING", stream_id)
    # "Receipt of a PING frame with a length field value other than 8 MUST be treated as a
    # connection error of type FRAME_SIZE_ERROR" (6.7).
    if len(payload) != 8:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "PING: length is not 8")
    return Ping(flags=flags, opaque=payload)


def _parse_goaway(flags: int, stream_id: int, payload: bytes) -> GoAway:
    _on_connection("GOAWAY", stream_id)
    if len(payload) < 8:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY: too short")
    last_stream_id, code = struct.unpack_from(">II", payload)
    return GoAway(
        flags=flags,
        last_stream_id=last_stream_id & r.MAXIMUM_STREAM_ID,
        code=code,
        debug=payload[8:],
    )


def _parse_window_update(flags: int, stream_id: int, payload: bytes) -> WindowUpdate:
    # "A WINDOW_UPDATE frame with a length other than 4 octets MUST be treated as a connection error
    # of type FRAME_SIZE_ERROR" (6.9).
    if len(payload) != 4:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE: length is not 4")
    increment = _UINT32.unpack(payload)[0] & r.MAXIMUM_WINDOW_SIZE
    return WindowUpdate(stream_id=stream_id, flags=flags, increment=increment)


def _parse_continuation(flags: int, stream_id: int, payload: bytes) -> Continuation:
    _on_stream("CONTINUATION", stream_id)
    return Continuation(stream_id=stream_id, flags=flags, fragment=payload)


def _parse_altsvc(flags: int, stream_id: int, payload: bytes) -> Frame:
    # RFC 7838 section 4: "An ALTSVC frame from a client to a server MUST be ignored", whatever is
    # in it; a malformed one is shown as an unknown frame.
    if len(payload) < 2 or 2 + int.from_bytes(payload[:2], "big") > len(payload):
        return Unknown(frame_type=r.ALTSVC, stream_id=stream_id, flags=flags, payload=payload)
    end = 2 + int.from_bytes(payload[:2], "big")
    return AltSvc(stream_id=stream_id, flags=flags, origin=payload[2:end], value=payload[end:])


def _parse_origin(flags: int, stream_id: int, payload: bytes) -> Frame:
    # RFC 8336 section 2.1: a server ignores ORIGIN; see ALTSVC.
    origins = []
    rest = payload
    while rest:
        end = 2 + int.from_bytes(rest[:2], "big")
        if len(rest) < 2 or end > len(rest):
            return Unknown(frame_type=r.ORIGIN, stream_id=stream_id, flags=flags, payload=payload)
        origins.append(rest[2:end])
        rest = rest[end:]
    return Origin(stream_id=stream_id, flags=flags, origins=tuple(origins))


def _parse_priority_update(flags: int, stream_id: int, payload: bytes) -> PriorityUpdate:
    # RFC 9218 section 7.1: "Receiving a PRIORITY_UPDATE frame with a field of a nonzero value MUST
    # be treated as a connection error of type PROTOCOL_ERROR"; FRAME_SIZE_ERROR when too short.
    _on_connection("PRIORITY_UPDATE", stream_id)
    if len(payload) < 4:
        raise ConnectionViolation(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY_UPDATE: too short")
    prioritized = _UINT32.unpack_from(payload)[0] & r.MAXIMUM_STREAM_ID
    # "If the prioritized stream ID is … 0x00, the recipient MUST respond with a connection error of
    # type PROTOCOL_ERROR" (7.1).
    if prioritized == 0:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE: for stream 0")
    return PriorityUpdate(flags=flags, prioritized_stream_id=prioritized, value=payload[4:])


#: Parsers by frame type; other types are :class:`Unknown`.
PARSERS: Final[dict[int, Callable[[int, int, bytes], Frame]]] = {
    r.DATA: _parse_data,
    r.HEADERS: _parse_headers,
    r.PRIORITY: _parse_priority,
    r.RST_STREAM: _parse_rst_stream,
    r.SETTINGS: _parse_settings,
    r.PUSH_PROMISE: _parse_push_promise,
    r.PING: _parse_ping,
    r.GOAWAY: _parse_goaway,
    r.WINDOW_UPDATE: _parse_window_update,
    r.CONTINUATION: _parse_continuation,
    r.ALTSVC: _parse_altsvc,
    r.ORIGIN: _parse_origin,
    r.PRIORITY_UPDATE: _parse_priority_update,
}


def parse(frame_type: int, flags: int, stream_id: int, payload: bytes) -> Frame:
    """Parse a frame.  Raises :class:`ConnectionViolation` or :class:`StreamViolation`."""
    parser = PARSERS.get(frame_type)
    if parser is None:
        return Unknown(frame_type=frame_type, stream_id=stream_id, flags=flags, payload=payload)
    return parser(flags, stream_id, payload)
