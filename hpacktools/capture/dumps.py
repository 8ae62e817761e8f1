"""Reading octets from pasted hexadecimal text.

Contract: :class:`Dump` takes the lines of one dump.  It reads plain digits in any grouping, with
spaces, colons, commas, ``0x`` or ``\\x`` between the octets, and the dumps of ``hexdump -C``,
``xxd``, ``od -A x -t x1`` and Wireshark, with their offsets and their column of text.

Strategy: the offset of a line in a dump is the number of octets before it.  So a separate group of
digits at the beginning of a line with just that value is an offset, not data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

#: A separate group of digits at the beginning of a line.
_OFFSET = re.compile(r"\s*([0-9a-fA-F]{4,16})(?::\s*|\s*$|\s{2,}|\s(?=[0-9a-fA-F]{2}(?:\s|$)))")
_GROUP = re.compile(r"(\s*)((?:[0-9a-fA-F]{2})+)(?=\s|\||$)")
#: Separators allowed between and around octets if there are no offsets.
_AROUND = re.compile(r"0[xX]|\\x|[\s:,;\-{}\[\]()\"'+]+")
_OCTETS_IN_LINE: Final = 16
_HALF: Final = 8
#: The most octets that a ``*`` in a dump may represent.
_MOST_REPEATED: Final = 1 << 24


class NotHexError(ValueError):
    """Text that is not hexadecimal; the message says what was found."""


class Dump:
    """The octets of one dump, line by line."""

    def __init__(self) -> None:
        self.octets = bytearray()
        #: Whether a line consisted of an offset only, which ends a dump.
        self.ended = False
        self._repeated = False
        self._last = b""

    def line(self, line: str) -> None:
        """Add a line.  Raises :class:`NotHexError`."""
        if line.strip() == "*" and self._last:
            self._repeated = True
            return
        offset = _OFFSET.match(line)
        if offset is not None and self._is_offset(int(offset[1], 16)):
            row = _row(line[offset.end() :])
            self.ended = not row
        else:
            row = digits(line)
        self.octets += row
        self._last = row or self._last

    def _is_offset(self, offset: int) -> bool:
        """Whether ``offset`` octets precede this line; fills in those that ``*`` represents."""
        missing = offset - len(self.octets)
        if self._repeated and 0 < missing <= _MOST_REPEATED and missing % len(self._last) == 0:
            self.octets += self._last * (missing // len(self._last))
            missing = 0
        self._repeated = False
        return not missing


def _row(text: str) -> bytes:
    """The octets of a line of a dump, after its offset."""
    row = bytearray()
    position = 0
    while len(row) < _OCTETS_IN_LINE:
        group = _GROUP.match(text, position)
        if group is None:
            break
        # The column of text is further away than the next octet; the two halves of a line may be
        # separated by two spaces.
        apart = len(group[1].expandtabs())
        if row and apart > (2 if len(row) == _HALF else 1):
            break
        row += bytes.fromhex(group[2])
        position = group.end()
    return bytes(row[:_OCTETS_IN_LINE])


def digits(text: str) -> bytes:
    """The octets of purely hexadecimal text.  Raises :class:`NotHexError`."""
    groups = _AROUND.sub(" ", text)
    try:
        return bytes.fromhex(groups)
    except ValueError:
        pass
    for group in groups.split():
        if not re.fullmatch("[0-9a-fA-F]*", group):
            raise NotHexError(f"{group[:40]!r} is not hexadecimal digits")
        if len(group) % 2:
            raise NotHexError(f"{group[:40]!r} has an odd number of digits")
    raise AssertionError("fromhex and the groups disagree")


def paragraphs(lines: Iterable[str]) -> Iterator[tuple[int, bytes]]:
    """The dumps in ``lines``, separated by empty lines: number of the first line, and octets.

    Raises :class:`NotHexError` with the number of the line.
    """
    dump: Dump | None = None
    first = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            if dump is not None:
                yield first, bytes(dump.octets)
            dump = None
            continue
        if dump is None or dump.ended:
            if dump is not None:
                yield first, bytes(dump.octets)
            dump, first = Dump(), number
        try:
            dump.line(line)
        except NotHexError as error:
            raise NotHexError(f"line {number}: {error}") from None
    if dump is not None:
        yield first, bytes(dump.octets)
