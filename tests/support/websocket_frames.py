"""Frames of WebSocket, written and read by hand (RFC 6455 section 5.2).

Promise: :func:`frame` writes any frame, right or wrong; :func:`read_frames` reads what a server
sends and accepts only what a server may send.  Nothing of the library under test is used.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

CONT: Final = 0x0
TEXT: Final = 0x1
BINARY: Final = 0x2
CLOSE: Final = 0x8
PING: Final = 0x9
PONG: Final = 0xA

#: RFC 6455 section 5.7 uses this one.
KEY: Final = b"\x37\xfa\x21\x3d"


class Frame(NamedTuple):
    """A frame that a server has sent."""

    opcode: int
    data: bytes
    fin: bool = True
    #: The message is compressed (RFC 7692).
    rsv1: bool = False


def masked(data: bytes, key: bytes = KEY) -> bytes:
    """``data`` with the mask on, or off again."""
    size = len(data)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bool = True,
    length_octets: int | None = None,
) -> bytes:
    """A client's frame.

    ``rsv``: the three reserved bits; ``length_octets``: how many the extended length has, the
    fewest unless given.
    """
    size = len(data)
    if length_octets is None:
        length_octets = 0 if size < 126 else 2 if size < 65_536 else 8
    head = (0x80 if fin else 0) | rsv << 4 | opcode
    bit = 0x80 if mask else 0
    if length_octets == 0:
        octets = struct.pack("!BB", head, bit | size)
    elif length_octets == 2:
        octets = struct.pack("!BBH", head, bit | 126, size)
    else:
        octets = struct.pack("!BBQ", head, bit | 127, size)
    return octets + (KEY + masked(data) if mask else data)


def text(message: str) -> bytes:
    """A client's text message, in one frame."""
    return frame(TEXT, message.encode())


def close(code: int | None = None, reason: str = "") -> bytes:
    """A client's close frame."""
    return frame(CLOSE, b"" if code is None else struct.pack("!H", code) + reason.encode())


def closed(code: int, reason: str = "") -> Frame:
    """The close frame of a server."""
    return Frame(CLOSE, struct.pack("!H", code) + reason.encode())


def read_frames(octets: bytes) -> list[Frame]:
    """The frames in ``octets``, which must be whole ones."""
    frames, rest = split_frames(octets)
    assert not rest, f"{len(rest)} octets of a frame"
    return frames


def split_frames(octets: bytes) -> tuple[list[Frame], bytes]:
    """The frames in ``octets``, and what is left of them."""
    frames: list[Frame] = []
    position = 0
    while position + 2 <= len(octets):
        head, second = octets[position], octets[position + 1]
        # "A server MUST NOT mask any frames that it sends to the client" (section 5.1).
        assert not second & 0x80, "a masked frame of a server"
        assert not head & 0x30, "reserved bits"
        size, start = second & 0x7F, position + 2
        if size == 126:
            size, start = int.from_bytes(octets[start : start + 2], "big"), start + 2
            assert size >= 126, "not the fewest octets for the length"
        elif size == 127:
            size, start = int.from_bytes(octets[start : start + 8], "big"), start + 8
            assert size >= 65_536, "not the fewest octets for the length"
        if start + size > len(octets):
            break
        opcode = head & 0x0F
        assert opcode in (CONT, TEXT, BINARY, CLOSE, PING, PONG)
        assert opcode < CLOSE or (head & 0x80 and size <= 125), "a control frame that is none"
        frames.append(
            Frame(opcode, octets[start : start + size], bool(head & 0x80), bool(head & 0x40))
        )
        position = start + size
    return frames, octets[position:]
