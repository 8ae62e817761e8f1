"""Parsing and serializing HTTP/3 frames (RFC 9114 section 7).

Contract: a :class:`FrameReader` follows one stream and returns complete parts, whatever the pieces
of octets: DATA in pieces as they arrive, other frames as a whole.  A frame longer than its limit is
refused by its header, before its payload arrives; unknown types are skipped (section 9).
:func:`parse_control` parses the frames of a control stream.  The stream decides whether a frame is
allowed in its place.

Raises :class:`~h2static.http3.errors.ConnectionViolation`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from h2static.http3 import registry as r
from h2static.http3.errors import ConnectionViolation
from h2static.http3.integers import decode_integer, encode_integer
from h2static.http3.registry import ErrorCode


@dataclass(slots=True, kw_only=True)
class Data:
    """Content (section 7.2.1), as a record for observers: its octets are elsewhere."""

    length: int


@dataclass(slots=True, kw_only=True)
class Headers:
    """A field section (section 7.2.2)."""

    section: bytes


@dataclass(slots=True, kw_only=True)
class Settings:
    """The settings of an endpoint (section 7.2.4)."""

    entries: tuple[tuple[int, int], ...]


@dataclass(slots=True, kw_only=True)
class GoAway:
    """Requests from this stream on are not processed (section 7.2.6); from a client, a push ID."""

    identifier: int


@dataclass(slots=True, kw_only=True)
class MaxPushId:
    """The largest push ID that the client accepts (section 7.2.7)."""

    identifier: int


@dataclass(slots=True, kw_only=True)
class CancelPush:
    """A push is not wanted (section 7.2.3)."""

    identifier: int


@dataclass(slots=True, kw_only=True)
class PriorityUpdate:
    """A new priority for a stream or a push (RFC 9218 section 7.2)."""

    frame_type: int
    identifier: int
    value: bytes


@dataclass(slots=True, kw_only=True)
class Unknown:
    """A frame of unknown type, which is skipped (section 9)."""

    frame_type: int
    length: int


ControlFrame: TypeAlias = Settings | GoAway | MaxPushId | CancelPush | PriorityUpdate
Frame: TypeAlias = Data | Headers | ControlFrame | Unknown


def frame_head(frame_type: int, length: int) -> bytes:
    """The frame header in front of a payload (section 7.1)."""
    return encode_integer(frame_type) + encode_integer(length)


def serialize(frame: Headers | ControlFrame) -> bytes:
    """A frame as octets."""
    match frame:
        case Headers():
            return frame_head(r.HEADERS, len(frame.section)) + frame.section
        case Settings():
            payload = b"".join(
                encode_integer(key) + encode_integer(value) for key, value in frame.entries
            )
            return frame_head(r.SETTINGS, len(payload)) + payload
        case GoAway():
            return _with_identifier(r.GOAWAY, frame.identifier)
        case MaxPushId():
            return _with_identifier(r.MAX_PUSH_ID, frame.identifier)
        case CancelPush():
            return _with_identifier(r.CANCEL_PUSH, frame.identifier)
        case PriorityUpdate():
            payload = encode_integer(frame.identifier) + frame.value
            return frame_head(frame.frame_type, len(payload)) + payload


def _with_identifier(frame_type: int, identifier: int) -> bytes:
    payload = encode_integer(identifier)
    return frame_head(frame_type, len(payload)) + payload


class Piece(NamedTuple):
    """A result of :class:`FrameReader`."""

    frame_type: int
    #: For DATA some of its octets, or none at the beginning of the frame; for another known frame
    #: its payload; empty for a frame that is skipped or too long.
    data: bytes
    #: Length of the whole payload in octets.
    length: int
    #: For DATA: whether the frame begins here.
    first: bool = True
    #: Whether the frame exceeds its limit: it is skipped, and its stream must handle that.
    too_long: bool = False


class FrameReader:
    """Splits the octets of one stream into frames."""

    __slots__ = ("_buffer", "_left", "_limits", "_skipping", "_type", "_whole")

    def __init__(self, limits: Mapping[int, int]) -> None:
        """``limits``: types of frames to collect -> maximum length in octets."""
        self._limits = limits
        self._buffer = bytearray()
        #: The current frame: its type, -1 between two frames; octets still to come; whether it is
        #: collected or skipped.
        self._type = -1
        self._left = 0
        self._whole = 0
        self._skipping = False

    @property
    def partial(self) -> bool:
        """Whether a frame has arrived only in part."""
        return bool(self._buffer) or self._type >= 0

    def feed(self, data: bytes) -> list[Piece]:
        """Add ``data``; returns the parts that are now complete."""
        pieces: list[Piece] = []
        position = 0
        if self._type < 0 and self._buffer:
            data = bytes(self._buffer) + data
            self._buffer.clear()
        end = len(data)
        while True:
            if self._type < 0:
                if position == end:
                    return pieces
                started = self._begin(data, position, pieces)
                if started is None:
                    self._buffer += data[position:]
                    return pieces
                position = started
                continue
            position = self._payload(data, position, pieces)
            if self._type >= 0:
                return pieces

    def _begin(self, data: bytes, position: int, pieces: list[Piece]) -> int | None:
        """Read a frame header; returns the start of its payload, ``None`` if it is incomplete."""
        frame_type = decode_integer(data, position)
        length = None if frame_type is None else decode_integer(data, frame_type[1])
        if frame_type is None or length is None:
            return None
        kind, size = frame_type[0], length[0]
        most = self._limits.get(kind)
        self._type, self._left, self._whole = kind, size, size
        self._skipping = False
        if kind == r.DATA:
            pieces.append(Piece(kind, b"", size))
        elif most is None:
            self._skipping = True
            pieces.append(Piece(kind, b"", size))
        elif size > most:
            self._skipping = True
            pieces.append(Piece(kind, b"", size, too_long=True))
        if not size:
            if kind != r.DATA and not self._skipping:
                pieces.append(Piece(kind, b"", 0))
            self._type = -1
        return length[1]

    def _payload(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        """Continue a frame; returns where it, or the input, ends."""
        size = min(self._left, len(data) - position)
        part = data[position : position + size]
        self._left -= size
        if self._type == r.DATA:
            if part:
                pieces.append(Piece(r.DATA, part, self._whole, first=False))
        elif not self._skipping:
            if self._left:
                self._buffer += part
            else:
                if self._buffer:
                    part = bytes(self._buffer) + part
                    self._buffer.clear()
                pieces.append(Piece(self._type, part, self._whole))
        if not self._left:
            self._type = -1
        return position + size


def parse_control(frame_type: int, payload: bytes) -> ControlFrame:
    """Parse a frame of a control stream."""
    if frame_type == r.SETTINGS:
        return _settings(payload)
    if frame_type in (r.PRIORITY_UPDATE, r.PRIORITY_UPDATE_PUSH):
        identifier, end = _integer(frame_type, payload, 0)
        return PriorityUpdate(frame_type=frame_type, identifier=identifier, value=payload[end:])
    identifier, end = _integer(frame_type, payload, 0)
    if end != len(payload):
        raise _malformed(frame_type)
    return _IDENTIFIERS[frame_type](identifier=identifier)


_IDENTIFIERS: Final[dict[int, type[GoAway] | type[MaxPushId] | type[CancelPush]]] = {
    r.GOAWAY: GoAway,
    r.MAX_PUSH_ID: MaxPushId,
    r.CANCEL_PUSH: CancelPush,
}


def _settings(payload: bytes) -> Settings:
    entries: dict[int, int] = {}
    position = 0
    while position < len(payload):
        key, position = _integer(r.SETTINGS, payload, position)
        value, position = _integer(r.SETTINGS, payload, position)
        # "The same setting identifier MUST NOT occur more than once in the SETTINGS frame.  A
        # receiver MAY treat the presence of duplicate setting identifiers as a connection error of
        # type H3_SETTINGS_ERROR" (7.2.4).
        if key in entries:
            raise ConnectionViolation(ErrorCode.H3_SETTINGS_ERROR, f"setting 0x{key:x} repeated")
        # "Setting identifiers that were defined in [HTTP/2] where there is no corresponding HTTP/3
        # setting … Receipt MUST be treated as a connection error of type H3_SETTINGS_ERROR"
        # (7.2.4.1).
        if key in r.SETTINGS_OF_HTTP2:
            raise ConnectionViolation(ErrorCode.H3_SETTINGS_ERROR, f"HTTP/2 setting 0x{key:x}")
        entries[key] = value
    return Settings(entries=tuple(entries.items()))


def _integer(frame_type: int, payload: bytes, position: int) -> tuple[int, int]:
    found = decode_integer(payload, position)
    if found is None:
        raise _malformed(frame_type)
    return found


def _malformed(frame_type: int) -> ConnectionViolation:
    # "A frame payload that contains additional bytes after the identified fields or a frame payload
    # that terminates before the end of the identified fields MUST be treated as a connection error
    # of type H3_FRAME_ERROR" (7.1).
    name = r.FRAME_NAMES[frame_type]
    return ConnectionViolation(
        ErrorCode.H3_FRAME_ERROR, f"{name}: length does not match its fields"
    )
