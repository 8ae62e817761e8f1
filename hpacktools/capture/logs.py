"""Logs with hex dumps: ``h2static --hexdump`` and ``nghttp -v --hexdump``.

Contract: a server's log gives both directions of every connection, because each dump names its
peer.  A client's log gives only the direction from the server, because nghttp dumps nothing else,
with the settings that the log says the client sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from hpacktools.stories import UnusableError

from .connection import Connection, Direction
from .dumps import Dump, NotHexError

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: The line before each dump in h2static's log.
_WHOSE = re.compile(r"(recv|send) (\S+)$")
_DUMPED = re.compile(r"[0-9a-f]{8}(?:  |$)|\*$")
#: Lines of nghttp's log.
_SENT_SETTINGS = re.compile(r"\[ *[0-9.]+\] send SETTINGS frame <.*flags=0x00")
_CONNECTED = re.compile(r"\[ *[0-9.]+\] Connected$")
_TABLE_SIZE = re.compile(r" +\[SETTINGS_HEADER_TABLE_SIZE\(0x01\):([0-9]{1,10})\]$")


def read_hexdump(lines: Iterable[str], *, from_the_middle: bool) -> list[Direction]:
    """The connections in a log of ``h2static --hexdump``.  Raises :class:`UnusableError`."""
    connections: dict[str, Connection] = {}
    for whose, octets in _dumps(lines):
        found = _WHOSE.match(whose)
        if found is None:
            raise UnusableError("no 'recv ADDRESS' or 'send ADDRESS' before a dump")
        connection = connections.setdefault(found[2], Connection(from_the_middle=from_the_middle))
        connection.octets(int(found[1] == "send"), octets)
    if not connections:
        raise UnusableError("no dumps: h2static writes them with --hexdump")
    directions = []
    for peer, connection in connections.items():
        for number, name, context in (
            (0, f"from {peer}", "request"),
            (1, f"to {peer}", "response"),
        ):
            blocks = connection.blocks(number)
            if blocks:
                directions.append(Direction(name=name, context=context, blocks=blocks))
    return directions


def read_nghttp(lines: Iterable[str], *, from_the_middle: bool) -> list[Direction]:
    """The connections in a log of ``nghttp -v --hexdump``.  Raises :class:`UnusableError`."""
    connections: list[Connection] = []
    dumped = False

    def connection() -> Connection:
        if not connections:
            connections.append(Connection(from_the_middle=from_the_middle))
        return connections[-1]

    #: Table sizes in the SETTINGS frame that the log is describing.
    sizes: list[int] | None = None

    def settle() -> None:
        nonlocal sizes
        if sizes is not None:
            connection().settings(0, tuple(sizes))
        sizes = None

    for line, octets in _lines_and_dumps(lines):
        if octets is not None:
            settle()
            dumped = True
            connection().octets(1, octets)
        elif _CONNECTED.match(line):
            settle()
            connections.append(Connection(from_the_middle=from_the_middle))
        elif _SENT_SETTINGS.match(line):
            settle()
            sizes = []
        elif sizes is not None:
            found = _TABLE_SIZE.match(line)
            if found is not None:
                sizes.append(int(found[1]))
            elif not line.startswith(" "):
                settle()
    if not dumped:
        raise UnusableError("no dumps: nghttp writes them with --hexdump")
    many = len(connections) > 1
    return [
        Direction(
            name=f"to nghttp, connection {number}" if many else "to nghttp",
            context="response",
            blocks=each.blocks(1),
        )
        for number, each in enumerate(connections, 1)
    ]


def _dumps(lines: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Each dump with the line that precedes it."""
    before = ""
    for line, octets in _lines_and_dumps(lines):
        if octets is None:
            before = line
        else:
            yield before, octets


def _lines_and_dumps(lines: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
    """Lines of text, with the lines of a dump replaced by its octets."""
    dump: Dump | None = None
    for number, raw in enumerate(lines, 1):
        line = _COLOUR.sub("", raw).rstrip("\r\n")
        if _DUMPED.match(line):
            dump = dump or Dump()
            try:
                dump.line(line)
            except NotHexError as error:
                raise UnusableError(f"line {number}: {error}") from None
            if dump.ended:
                yield "", bytes(dump.octets)
                dump = None
            continue
        if dump is not None:
            yield "", bytes(dump.octets)
            dump = None
        yield line, None
    if dump is not None:
        yield "", bytes(dump.octets)
