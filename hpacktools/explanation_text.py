"""An explained block as text for people, in color on request.

Octets from the peer are escaped, so that no control character reaches the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from .codec import FIRST_DYNAMIC_INDEX, DynamicTable, Field, entry_size
from .explanation import Explanation, Kind, Step
from .terminal import printable
from .unknown import UNKNOWN, known_entries, known_maximum

_COLOURS: Final = {
    Kind.INDEXED: "36",
    Kind.WITH_INDEXING: "32",
    Kind.WITHOUT_INDEXING: "33",
    Kind.NEVER_INDEXED: "35",
    Kind.SIZE_UPDATE: "34",
}
_DIM: Final = "2"
_BOLD: Final = "1"
_RED: Final = "1;31"

#: Octets shown of one representation; the rest of a long one is only counted.
_OCTETS_SHOWN: Final = 64
_OCTETS_PER_LINE: Final = 16
#: Characters shown of a value.
_TEXT_SHOWN: Final = 200


def escape(octets: bytes) -> str:
    """``octets`` for a terminal, with everything but printable ASCII as ``\\xNN``."""
    return "".join(
        chr(octet) if 0x20 <= octet < 0x7F and octet != 0x5C else f"\\x{octet:02x}"
        for octet in octets
    )


def shown(octets: bytes) -> str:
    """``octets`` for people: escaped, and shortened if there are many."""
    if octets is UNKNOWN:
        return "(unknown)"
    if len(octets) <= _TEXT_SHOWN:
        return escape(octets)
    return f"{escape(octets[:_TEXT_SHOWN])}… ({len(octets)} octets)"


class Renderer:
    """Renders explained blocks; ``colour`` adds ANSI color sequences."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text else text

    def render(self, title: str, explanation: Explanation) -> str:
        """The whole block, ending with a line feed."""
        return "\n".join(self._lines(title, explanation)) + "\n"

    def render_heading(self, name: str, context: str) -> str:
        """One line before the blocks of a direction."""
        text = printable(f"{name} ({context}s)" if context else name)
        return self._paint(text, _BOLD) + "\n"

    def render_undecoded(self, title: str, reason: str) -> str:
        """One line in place of a block that cannot be explained."""
        return f"{self._paint(title, _BOLD)} {self._paint(printable(reason), _RED)}\n"

    def _lines(self, title: str, explanation: Explanation) -> Iterator[str]:
        count = len(explanation.block)
        octets = f"{count} octet{'' if count == 1 else 's'}"
        yield f"{self._paint(title, _BOLD)} {self._paint(octets, _DIM)}"
        for step in explanation.steps:
            yield from self._step(step)
        error = explanation.error
        if error is not None:
            start = sum(len(step.octets) for step in explanation.steps)
            rest = explanation.block[start : start + _OCTETS_PER_LINE]
            yield f"  {start:5d}  {rest.hex(' ')}"
            yield self._paint(f"         error: {error.reason}", _RED)
            yield self._paint(f"                {error.section}, octet {error.offset}", _RED)
        table = explanation.table
        yield self._paint(
            f"         table: {_entries(len(known_entries(table)))}, {_size(table)}", _DIM
        )

    def _step(self, step: Step) -> Iterator[str]:
        head = step.octets[:_OCTETS_SHOWN]
        lines = [
            head[start : start + _OCTETS_PER_LINE].hex(" ")
            for start in range(0, len(head), _OCTETS_PER_LINE)
        ]
        if len(step.octets) > _OCTETS_SHOWN:
            lines.append(f"… {len(step.octets) - _OCTETS_SHOWN} more")
        yield f"  {self._paint(f'{step.offset:5d}', _DIM)}  {lines[0]}"
        for line in lines[1:]:
            yield f"         {line}"
        if step.field is not None:
            name, value = shown(step.field[0]), shown(step.field[1])
            yield f"         {self._paint(name, _BOLD)}: {value}"
        yield "         " + self._paint(what(step), _COLOURS[step.kind])
        change = self._change(step)
        if change:
            yield "         " + self._paint(change, _DIM)

    def _change(self, step: Step) -> str:
        """The effect of the representation on the table."""
        parts = []
        if step.kind is Kind.WITH_INDEXING:
            assert step.field is not None
            size = entry_size(step.field)
            if step.inserted:
                least = "at least " if step.field[0] is UNKNOWN else ""
                parts.append(f"inserted at {FIRST_DYNAMIC_INDEX}, {least}{size} octets")
            else:
                parts.append(f"not inserted: {size} octets exceed the table's maximum size")
        if step.evicted:
            parts.append("evicted " + ", ".join(map(_brief, step.evicted)))
        if parts:
            parts.append(f"table {_size(step.table)}")
        return "; ".join(parts)


def _size(table: DynamicTable) -> str:
    """The table's size and maximum, as far as they are known."""
    size = sum(map(entry_size, known_entries(table)))
    maximum = known_maximum(table)
    if maximum is None:
        return f"{size} known octets, maximum unknown"
    return f"{size} of {maximum} octets"


def _brief(field: Field) -> str:
    name = shown(field[0])
    text = f"{name}: {escape(field[1][:40])}"
    return text + "…" if len(field[1]) > 40 else text


def what(step: Step) -> str:
    """The kind, the source of the name, and the coding of the strings."""
    if step.kind is Kind.SIZE_UPDATE:
        return f"{step.kind}: the table holds at most {step.maximum} octets"
    parts = [str(step.kind)]
    if step.index is not None:
        table = "static" if step.index < FIRST_DYNAMIC_INDEX else "dynamic"
        part = "index" if step.kind is Kind.INDEXED else "name from index"
        parts.append(f"{part} {step.index} of the {table} table")
    for part, huffman in (("name", step.name_huffman), ("value", step.value_huffman)):
        if huffman is not None:
            parts.append(f"{part} {'Huffman' if huffman else 'plain'}")
    return ", ".join(parts)


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"
