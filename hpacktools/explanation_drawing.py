"""The life of a dynamic table as a drawing: one column per case, one row per entry."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from .explanation_text import shown
from .table_life import Entry, ExplainedStory

STYLE: Final = """
svg.life { display: block; font: 11px system-ui, sans-serif; }
svg.life text { fill: var(--ink); } svg.life text.soft { fill: var(--soft); }
svg.life .grid { stroke: var(--line); stroke-width: 1; }
svg.life .alive { stroke: var(--with); stroke-width: 5; stroke-linecap: round; opacity: .38; }
svg.life .wasted { stroke: var(--bad); stroke-width: 5; stroke-linecap: round; opacity: .38; }
svg.life .use { fill: var(--with); } svg.life .name { fill: var(--ground); stroke: var(--with);
  stroke-width: 1.6; }
svg.life .born { fill: var(--ink); } svg.life .gone { stroke: var(--ink); stroke-width: 1.6; }
svg.life .full { fill: var(--with); opacity: .3; } svg.life .most { fill: none;
  stroke: var(--bad); stroke-width: 1.4; stroke-dasharray: 4 3; }
.key span { margin-right: 1.2rem; white-space: nowrap; } .key svg { vertical-align: middle; }
"""

#: Maximum numbers of entries and cases drawn.
_ENTRIES_SHOWN: Final = 400
_CASES_SHOWN: Final = 600
#: Measures in pixels.
_LABEL: Final = 320
_ROW: Final = 17
_PLOT: Final = 70
_AXIS: Final = 24
_WIDEST: Final = 34.0
_NARROWEST: Final = 5.0
_DRAWING: Final = 840.0
#: Intervals between numbered cases, and the least distance between numbers in pixels.
_STEPS: Final = (1, 2, 5, 10, 20)
_APART: Final = 28
#: Maximum length of a label in characters.
_TEXT: Final = 42


def draw(story: ExplainedStory) -> Iterator[str]:
    """The drawing with its legend."""
    if not story.entries:
        yield '<p class="soft">No entries were inserted.</p>'
        return
    cases = min(len(story.cases), _CASES_SHOWN)
    entries = [entry for entry in story.entries if entry.inserted < cases][:_ENTRIES_SHOWN]
    yield from _key()
    width = min(_WIDEST, max(_NARROWEST, _DRAWING / cases))
    height = _PLOT + _AXIS + _ROW * len(entries) + 6
    total = _LABEL + width * cases + 16
    yield f'<div class="scroll"><svg class="life" width="{total:.0f}" height="{height}" '
    yield f'viewBox="0 0 {total:.0f} {height}" role="img" aria-label="{_summary(story)}">'
    yield from _fullness(story, cases, width)
    yield from _grid(cases, width, height)
    for row, entry in enumerate(entries):
        yield from _life(entry, _PLOT + _AXIS + _ROW * row + _ROW / 2, cases, width)
    yield "</svg></div>"
    left = len(story.entries) - len(entries)
    if left:
        yield f'<p class="soft">{left} more entries are not drawn.</p>'


def _summary(story: ExplainedStory) -> str:
    wasted = sum(entry.wasted for entry in story.entries)
    evicted = sum(entry.evicted is not None for entry in story.entries)
    return (
        f"{len(story.entries)} entries in {len(story.cases)} cases; {evicted} were evicted, "
        f"{wasted} never used"
    )


def _key() -> Iterator[str]:
    marks = (
        ('<circle class="born" cx="8" cy="8" r="2.5"/>', "inserted"),
        ('<circle class="use" cx="8" cy="8" r="4"/>', "field used"),
        ('<circle class="name" cx="8" cy="8" r="3.5"/>', "only its name used"),
        ('<path class="gone" d="M8 3v10"/>', "evicted"),
        ('<path class="wasted" d="M3 8h10"/>', "never used"),
    )
    yield '<p class="key soft">'
    for mark, text in marks:
        yield f'<span><svg class="life" width="16" height="16" style="display:inline">{mark}</svg> '
        yield f"{text}</span>"
    yield "</p>"


def _middle(case: int, width: float) -> float:
    return _LABEL + width * (case + 0.5)


def _fullness(story: ExplainedStory, cases: int, width: float) -> Iterator[str]:
    """The size of the table after each case, below its maximum."""
    moments = story.moments[:cases]
    top = max(max(each.size, each.maximum or 0) for each in moments) or 1

    def height(octets: int) -> float:
        return 4 + (_PLOT - 4) * (1 - octets / top)

    points = [f"M{_LABEL} {_PLOT}"]
    most: list[str] = []
    for case, moment in enumerate(moments):
        left, right = _LABEL + width * case, _LABEL + width * (case + 1)
        level = height(moment.size)
        points.append(f"L{left:.1f} {level:.1f}L{right:.1f} {level:.1f}")
        if moment.maximum is not None:
            limit = height(moment.maximum)
            most.append(f"{'L' if most else 'M'}{left:.1f} {limit:.1f}L{right:.1f} {limit:.1f}")
    points.append(f"L{_LABEL + width * cases:.1f} {_PLOT}Z")
    yield f'<path class="full" d="{"".join(points)}"/>'
    if most:
        yield f'<path class="most" d="{"".join(most)}"/>'
    label = f'<text class="soft" x="{_LABEL - 8}" text-anchor="end" y='
    yield f'{label}"14">{top} octets</text>'
    yield f'{label}"{_PLOT}">table size</text>'


def _grid(cases: int, width: float, height: int) -> Iterator[str]:
    """Grid lines and numbers at regular intervals of cases."""
    step = next(step for step in _STEPS if width * step >= _APART)
    y = _PLOT + 15
    for case in range(0, cases, step):
        x = _middle(case, width)
        yield f'<path class="grid" d="M{x:.1f} {_PLOT + _AXIS - 4}V{height}"/>'
        yield f'<text class="soft" x="{x:.1f}" y="{y}" text-anchor="middle">{case}</text>'
    yield f'<text class="soft" x="{_LABEL - 8}" y="{y}" text-anchor="end">case</text>'


def _life(entry: Entry, y: float, cases: int, width: float) -> Iterator[str]:
    text = f"{shown(entry.field[0])}: {shown(entry.field[1])}"
    end = cases if entry.evicted is None else min(entry.evicted, cases)
    start = _middle(entry.inserted, width)
    stop = _LABEL + width * cases if end >= cases else _middle(end, width)
    fate = "still in the table" if entry.evicted is None else f"evicted in case {entry.evicted}"
    uses = f"used {len(entry.uses)} times, only its name {len(entry.name_uses)} times"
    yield f"<g><title>{escape(text)}\n{entry.size} octets, inserted in case {entry.inserted}, "
    yield f"{fate}; {uses}</title>"
    label = text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"
    yield f'<text x="{_LABEL - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(label)}</text>'
    kind = "wasted" if entry.wasted else "alive"
    yield f'<path class="{kind}" d="M{start:.1f} {y}H{max(stop, start + 0.1):.1f}"/>'
    yield f'<circle class="born" cx="{start:.1f}" cy="{y}" r="2.5"/>'
    for case in sorted(set(entry.name_uses) - set(entry.uses)):
        if case < cases:
            yield f'<circle class="name" cx="{_middle(case, width):.1f}" cy="{y}" r="3"/>'
    for case in sorted(set(entry.uses)):
        if case < cases:
            yield f'<circle class="use" cx="{_middle(case, width):.1f}" cy="{y}" r="3.6"/>'
    if entry.evicted is not None and entry.evicted < cases:
        yield f'<path class="gone" d="M{stop:.1f} {y - 5}v10"/>'
    yield "</g>"
