"""Packet captures dissected by tshark: ``tshark -T json``, preferably with ``-x``.

Contract: both directions of every TCP connection in which tshark recognized HTTP/2, decrypted if it
could decrypt them.  With ``-x`` the octets of each frame are available.  Without it, a HEADERS
frame has its fragment in hexadecimal, but CONTINUATION and PUSH_PROMISE have theirs as text, in
which octets are lost: such a block is reported as broken.

For a layer that occurs twice, tshark writes a duplicate member, or an array with
``--no-duplicate-keys``; both are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TypeAlias

from hpacktools.jsonforms import integer_from_json, json_problem
from hpacktools.stories import UnusableError

from .connection import Connection, Direction
from .frames import ACK, PADDED, PRIORITY, Frame, FrameType

#: JSON with objects as lists of members, because names may be duplicated.
_Value: TypeAlias = "_Members | list[_Value] | str | int | float | bool | None"


class _Members:
    """A JSON object in which names may occur more than once."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, _Value]]) -> None:
        self.pairs = pairs

    def all(self, name: str) -> Iterator[_Value]:
        """The values of ``name``, with the items of an array one by one."""
        for key, value in self.pairs:
            if key == name:
                if isinstance(value, list):
                    yield from value
                else:
                    yield value

    def objects(self, name: str) -> Iterator[_Members]:
        return (value for value in self.all(name) if isinstance(value, _Members))

    def text(self, name: str) -> str:
        """The first string with ``name``, or an empty one."""
        return next((value for value in self.all(name) if isinstance(value, str)), "")

    def number(self, name: str) -> int:
        """A number in decimal or, with ``0x``, hexadecimal digits; 0 if there is none."""
        try:
            return int(self.text(name), 0)
        except ValueError:
            return 0


def read_tshark(text: str, *, from_the_middle: bool) -> list[Direction]:
    """The connections of a capture.  Raises :class:`UnusableError`."""
    try:
        packets = json.loads(text, object_pairs_hook=_Members, parse_int=integer_from_json)
    except (ValueError, RecursionError) as error:
        raise UnusableError(f"not JSON: {json_problem(error, text)}") from None
    if not isinstance(packets, list):
        raise UnusableError("not an array of packets as written by tshark -T json")
    connections = _Connections(from_the_middle)
    for packet in packets:
        if isinstance(packet, _Members):
            for source in packet.objects("_source"):
                for layers in source.objects("layers"):
                    connections.packet(layers)
    directions = connections.directions()
    if not directions:
        raise UnusableError(
            "no HTTP/2 in these packets: name the port with tshark -d tcp.port==PORT,http2, "
            "and the keys of TLS with -o tls.keylog_file:FILE"
        )
    return directions


class _Connections:
    """The connections of a capture, by tshark's number."""

    def __init__(self, from_the_middle: bool) -> None:
        self._from_the_middle = from_the_middle
        self._connections: dict[str, tuple[Connection, list[str]]] = {}
        #: The side that sent something only a client sends.
        self._clients: set[tuple[str, str]] = set()

    def packet(self, layers: _Members) -> None:
        """Add the layers of a packet."""
        if not any(layers.objects("http2")):
            return
        tcp = next(layers.objects("tcp"), _Members([]))
        stream = tcp.text("tcp.stream")
        source = f"{_address(layers, 'src')}:{tcp.text('tcp.srcport')}"
        target = f"{_address(layers, 'dst')}:{tcp.text('tcp.dstport')}"
        connection, sides = self._connections.setdefault(
            stream, (Connection(from_the_middle=self._from_the_middle), [source, target])
        )
        direction = sides.index(source) if source in sides else 0
        for layer, raw in _layers(layers):
            for frame in layer.objects("http2.stream"):
                if frame.text("http2.magic"):
                    self._clients.add((stream, source))
                elif frame.text("http2.type"):
                    _follow(connection, direction, frame, raw)

    def directions(self) -> list[Direction]:
        """All directions, once every packet has been added."""
        found = []
        for stream, (connection, sides) in self._connections.items():
            client = next((side for side in sides if (stream, side) in self._clients), None)
            for number, (source, target) in enumerate((sides, sides[::-1])):
                context = ""
                if client is not None:
                    context = "request" if source == client else "response"
                blocks = connection.blocks(number)
                if blocks:
                    name = f"from {source} to {target}"
                    found.append(Direction(name=name, context=context, blocks=blocks))
        return found


def _address(layers: _Members, end: str) -> str:
    for layer, name in (("ip", f"ip.{end}"), ("ipv6", f"ipv6.{end}")):
        for members in layers.objects(layer):
            text = members.text(name)
            return f"[{text}]" if layer == "ipv6" else text
    return ""


def _layers(layers: _Members) -> Iterator[tuple[_Members, bytes | None]]:
    """The HTTP/2 layers of a packet, each with its octets if ``-x`` wrote them."""
    raw: list[bytes | None] = []
    objects = list(layers.objects("http2"))
    for key, value in layers.pairs:
        if key == "http2_raw" and isinstance(value, list) and value:
            # One layer: [digits, position, length, ...]; several without duplicate keys: arrays.
            rows = value if isinstance(value[0], list) else [value]
            raw += [_octets(row[0]) if isinstance(row, list) and row else None for row in rows]
    raw += [None] * (len(objects) - len(raw))
    return zip(objects, raw, strict=False)


def _octets(digits: _Value) -> bytes | None:
    try:
        return bytes.fromhex(digits.replace(":", "")) if isinstance(digits, str) else None
    except ValueError:
        return None


def _follow(connection: Connection, direction: int, frame: _Members, raw: bytes | None) -> None:
    """Add a frame to its connection."""
    kind = frame.number("http2.type")
    flags = frame.number("http2.flags")
    payload = b""
    if raw is not None and len(raw) >= 9:
        payload = raw[9:]
    elif kind == FrameType.SETTINGS:
        if not flags & ACK:
            sizes = [
                settings.number("http2.settings.header_table_size")
                for settings in frame.objects("http2.settings")
                if settings.text("http2.settings.header_table_size")
            ]
            connection.settings(direction, tuple(sizes))
            return
    elif kind == FrameType.HEADERS:
        payload = _octets(frame.text("http2.headers")) or b""
        flags &= ~(PADDED | PRIORITY)
    elif kind in (FrameType.CONTINUATION, FrameType.PUSH_PROMISE):
        connection.lost(
            direction,
            Frame(
                type=kind,
                flags=flags,
                stream_id=frame.number("http2.streamid"),
                payload=b"",
            ),
            "tshark wrote it as text, which loses octets: use tshark -x",
        )
        return
    connection.frame(
        direction,
        Frame(type=kind, flags=flags, stream_id=frame.number("http2.streamid"), payload=payload),
    )
