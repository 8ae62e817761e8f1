"""Reading any form of capture with one function."""

from __future__ import annotations

from typing import Final

from hpacktools.stories import UnusableError, decode_text

from .connection import ANY_SIZE, BrokenBlock, Connection, Direction, HeaderBlock
from .dumps import NotHexError, paragraphs
from .frames import HEADER_SIZE, HIGHEST_TYPE, PREFACE, looks_like_frames
from .logs import read_hexdump, read_nghttp
from .tshark import read_tshark

#: The values of the option ``--from``, and what they mean.
FORMS: Final = {
    "frames": "raw HTTP/2 octets of one direction",
    "hex": "header blocks or frames in hexadecimal digits, plain or dumped",
    "nghttp": "a log of nghttp -v --hexdump",
    "hexdump": "a log of h2static --hexdump",
    "tshark": "tshark -T json -x",
}

_TLS_HANDSHAKE: Final = b"\x16\x03"


def read_capture(
    octets: bytes, form: str, *, peer: bytes | None = None, from_the_middle: bool = False
) -> list[Direction]:
    """The directions of the connections in ``octets``.

    ``form`` is one of :data:`FORMS`.  ``peer``, for the form ``frames``, is what the other side of
    the connection sent: its settings apply.  ``from_the_middle``: the connection was already in use
    when the input begins, so any table size may have been agreed.  Raises :class:`UnusableError`.
    """
    if form == "frames":
        return [_read_frames(octets, peer, from_the_middle)]
    text = decode_text(octets)
    if form == "hex":
        return [_read_hex(text, from_the_middle)]
    if form == "tshark":
        return read_tshark(text, from_the_middle=from_the_middle)
    read = {"nghttp": read_nghttp, "hexdump": read_hexdump}[form]
    return read(text.splitlines(), from_the_middle=from_the_middle)


def _read_frames(octets: bytes, peer: bytes | None, from_the_middle: bool) -> Direction:
    if not octets:
        raise UnusableError("is empty")
    if octets.startswith(_TLS_HANDSHAKE):
        raise UnusableError("encrypted TLS records, not HTTP/2 frames")
    # Type is the fourth octet, and the first frame of a connection is a SETTINGS frame.
    if len(octets) < HEADER_SIZE:
        if not PREFACE.startswith(octets):
            raise UnusableError("not HTTP/2 frames: shorter than a frame header of 9 octets")
    elif octets[3] > HIGHEST_TYPE and not octets.startswith(b"PRI * "):
        raise UnusableError(f"not HTTP/2 frames: the first would have type {octets[3]}")
    connection = Connection(from_the_middle=from_the_middle)
    if peer is not None:
        connection.octets(1, peer)
    connection.octets(0, octets)
    return _direction(connection)


def _direction(connection: Connection) -> Direction:
    client = connection.preface_from()
    context = "" if client is None else ("request", "response")[client]
    return Direction(name="", context=context, blocks=connection.blocks(0))


def _read_hex(text: str, from_the_middle: bool) -> Direction:
    try:
        dumps = list(paragraphs(text.splitlines()))
    except NotHexError as error:
        raise UnusableError(str(error)) from None
    joined = b"".join(octets for _, octets in dumps)
    if looks_like_frames(joined):
        return _read_frames(joined, None, from_the_middle)
    sizes = (ANY_SIZE,) if from_the_middle else ()
    blocks: list[HeaderBlock | BrokenBlock] = []
    for _, octets in dumps:
        blocks.append(HeaderBlock(octets=octets, table_sizes=sizes))
        sizes = ()
    return Direction(name="", blocks=blocks)
