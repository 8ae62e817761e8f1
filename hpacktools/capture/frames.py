"""Reading HTTP/2 frames (RFC 9113 section 4.1).

Contract: :class:`FrameReader` takes the octets of one direction in pieces of any size and gives
complete frames.  It does not validate them or their order.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

#: The client connection preface (RFC 9113 section 3.4).
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Length of a frame header in octets.
HEADER_SIZE: Final = 9
#: The highest registered frame type (ORIGIN is 12, PRIORITY_UPDATE 16).
HIGHEST_TYPE: Final = 0x10

ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITY: Final = 0x20

#: The setting that HPACK depends on (RFC 9113 section 6.5.2).
HEADER_TABLE_SIZE: Final = 0x01
_SETTING_SIZE: Final = 6


class FrameType(enum.IntEnum):
    """The frame types that matter to HPACK (RFC 9113 section 6)."""

    HEADERS = 0x01
    SETTINGS = 0x04
    PUSH_PROMISE = 0x05
    CONTINUATION = 0x09


class FrameError(ValueError):
    """A frame whose content is invalid for its type; the message says why."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Frame:
    """One frame; ``type`` may be any octet."""

    type: int
    flags: int
    stream_id: int
    payload: bytes

    def fragment(self) -> bytes:
        """The header block fragment in a HEADERS, PUSH_PROMISE or CONTINUATION frame.

        Raises :class:`FrameError`.
        """
        if self.type == FrameType.CONTINUATION:
            return self.payload
        start, end = 0, len(self.payload)
        if self.flags & PADDED:
            if not end:
                raise FrameError("a padded frame without a Pad Length field")
            start, end = 1, end - self.payload[0]
        if self.type == FrameType.PUSH_PROMISE:
            start += 4
        elif self.flags & PRIORITY:
            start += 5
        # RFC 9113 6.2: "If the length of the padding is the length of the frame payload or greater,
        # the recipient MUST treat this as a connection error".
        if start > end:
            raise FrameError("the frame is shorter than its padding and fixed parts")
        return self.payload[start:end]

    def table_sizes(self) -> tuple[int, ...]:
        """The values of SETTINGS_HEADER_TABLE_SIZE in a SETTINGS frame, in order.

        Raises :class:`FrameError`.
        """
        if len(self.payload) % _SETTING_SIZE:
            raise FrameError("a SETTINGS frame whose length is not a multiple of 6")
        return tuple(
            int.from_bytes(self.payload[start + 2 : start + 6])
            for start in range(0, len(self.payload), _SETTING_SIZE)
            if int.from_bytes(self.payload[start : start + 2]) == HEADER_TABLE_SIZE
        )


class FrameReader:
    """Splits the octets of one direction into frames."""

    def __init__(self) -> None:
        self._octets = bytearray()
        self._started = False
        #: Whether the octets began with a client's connection preface.
        self.preface = False

    def feed(self, octets: bytes) -> Iterator[Frame]:
        """Add ``octets``; yields the frames that are now complete."""
        buffer = self._octets
        buffer += octets
        position = 0
        if not self._started:
            if len(buffer) < len(PREFACE) and PREFACE.startswith(buffer):
                return
            self._started = True
            self.preface = buffer.startswith(PREFACE)
            position = len(PREFACE) if self.preface else 0
        while len(buffer) - position >= HEADER_SIZE:
            start = position + HEADER_SIZE
            end = start + int.from_bytes(buffer[position : position + 3])
            if end > len(buffer):
                break
            yield Frame(
                type=buffer[position + 3],
                flags=buffer[position + 4],
                # RFC 9113 4.1: the reserved bit "MUST be ignored when receiving."
                stream_id=int.from_bytes(buffer[position + 5 : start]) & 0x7FFF_FFFF,
                payload=bytes(buffer[start:end]),
            )
            position = end
        del buffer[:position]

    def rest(self) -> bytes:
        """The octets of an incomplete frame."""
        return bytes(self._octets)


def looks_like_frames(octets: bytes) -> bool:
    """Whether ``octets`` are a client's preface, or complete frames of known types of which at
    least one may contain part of a header block."""
    if octets.startswith(PREFACE):
        return True
    reader = FrameReader()
    frames = list(reader.feed(octets))
    return (
        not reader.rest()
        and any(frame.type in (1, 5, 9) for frame in frames)
        and all(frame.type <= HIGHEST_TYPE for frame in frames)
    )
