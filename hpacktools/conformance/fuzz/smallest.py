"""Minimizing a case that shows a difference.

Contract: the result shows the same kind of difference, and removing any single part that is tried
here (a block, a setting, a representation, some octets) would lose it, unless the bound on the
number of trials ends the search first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from .blocks import Block, Connection

#: Maximum number of connections tried for one difference.
TRIALS: Final = 1500


def smallest(connection: Connection, shows: Callable[[Connection], bool]) -> Connection:
    """The smallest connection found for which ``shows`` is true; it must be for ``connection``."""
    trials = 0
    found = True
    while found:
        found = False
        for candidate in _smaller(connection):
            if trials >= TRIALS:
                return connection
            trials += 1
            if shows(candidate):
                connection = candidate
                found = True
                break
    return connection


def _smaller(connection: Connection) -> Iterator[Connection]:
    """Connections with one part removed, the largest parts first."""
    for number in reversed(range(len(connection))):
        yield connection[:number] + connection[number + 1 :]
    for number, block in enumerate(connection):
        for smaller in _smaller_blocks(block):
            yield (*connection[:number], smaller, *connection[number + 1 :])


def _smaller_blocks(block: Block) -> Iterator[Block]:
    for number in range(len(block.sizes)):
        yield replace(block, sizes=block.sizes[:number] + block.sizes[number + 1 :])
    for number in range(len(block.pieces)):
        yield replace(block, pieces=block.pieces[:number] + block.pieces[number + 1 :])
    for number, piece in enumerate(block.pieces):
        for smaller in _smaller_octets(piece):
            pieces = (*block.pieces[:number], smaller, *block.pieces[number + 1 :])
            yield replace(block, pieces=pieces)


def _smaller_octets(octets: bytes) -> Iterator[bytes]:
    """``octets`` with some removed; where a string may begin, with its length adjusted."""
    width = len(octets) // 2
    while width:
        for start in range(0, len(octets) - width + 1, max(1, width // 2)):
            yield octets[:start] + octets[start + width :]
        width //= 2
    for place in range(len(octets) - 1):
        length = octets[place] & 0x7F
        if 1 < length < 127 and place + length < len(octets):
            kept = bytes((octets[place] & 0x80 | 1,))
            yield octets[:place] + kept + octets[place + length :]
            yield (
                octets[:place] + kept + octets[place + 1 : place + 2] + octets[place + 1 + length :]
            )
