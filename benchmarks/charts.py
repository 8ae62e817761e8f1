"""Charts as SVG: bars beside each other, and lines over a logarithmic axis.

Promise: a chart is a whole SVG document without a background, for light and dark pages, and is the
same for the same figures.  It needs nothing but this module.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

#: Colours that people with the usual weaknesses of sight tell apart (Okabe and Ito), ours first.
COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00")
_WIDTH = 760
#: Room for names on the left, and for everything around.
_LEFT, _EDGE = 230, 16
_BAR, _GAP, _LINE = 11, 12, 18
_STYLE = (
    "text{font:12px sans-serif;fill:#24292f}.h{font-weight:bold;font-size:14px}"
    ".n{fill:#57606a;font-size:11px}line{stroke:#8c959f;stroke-width:.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.n{fill:#9198a1}}"
)


def bars(title: str, note: str, rows: Mapping[str, Mapping[str, float]]) -> str:
    """For each row a group of bars: series → value, longer is more; ``note``: what a bar is.

    A row is drawn to its own scale: its longest bar fills the width.
    """
    series = _series(rows.values())
    parts, y = _opening(title, note, series)
    width = _WIDTH - _LEFT - _EDGE - 70
    for name, values in rows.items():
        longest = max(values.values(), default=0.0) or 1.0
        middle = y + len(values) * _BAR / 2 + 4
        parts.append(_text(_LEFT - 8, middle, name, anchor="end"))
        for one, value in values.items():
            length = max(1.0, value / longest * width)
            color = COLORS[series.index(one) % len(COLORS)]
            parts.append(
                f'<rect x="{_LEFT}" y="{y:.1f}" width="{length:.1f}" height="{_BAR - 2}"'
                f' fill="{color}"><title>{escape(one)}: {value:,.2f}</title></rect>'
            )
            parts.append(_text(_LEFT + length + 5, y + 8.5, number(value), kind="n"))
            y += _BAR
        y += _GAP
    return _closed(parts, y)


def lines(
    title: str, note: str, axis: str, series: Mapping[str, Sequence[tuple[float, float]]]
) -> str:
    """For each series a line through (x, y): x on a logarithmic axis, y from zero."""
    parts, top = _opening(title, note, list(series))
    height, left = 260, 64
    width = _WIDTH - left - _EDGE - 20
    points = [point for one in series.values() for point in one]
    places = sorted({x for x, _ in points})
    highest = max((y for _, y in points), default=1.0) or 1.0
    least, most = math.log(places[0]), math.log(places[-1])

    def across(x: float) -> float:
        return left + (math.log(x) - least) / ((most - least) or 1.0) * width

    def up(y: float) -> float:
        return top + height - y / highest * height

    for quarter in range(5):
        value = highest * quarter / 4
        at = up(value)
        parts.append(f'<line x1="{left}" y1="{at:.1f}" x2="{left + width}" y2="{at:.1f}"/>')
        parts.append(_text(left - 6, at + 4, number(value), anchor="end", kind="n"))
    for x in places:
        parts.append(_text(across(x), top + height + 16, f"{x:,.0f}", anchor="middle", kind="n"))
    parts.append(_text(left + width / 2, top + height + 34, axis, anchor="middle"))
    for place, (name, one) in enumerate(series.items()):
        color = COLORS[place % len(COLORS)]
        path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(one))
        parts.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        for x, y in one:
            parts.append(
                f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{color}">'
                f"<title>{escape(name)}: {x:,.0f}, {y:,.2f}</title></circle>"
            )
    return _closed(parts, top + height + 40)


def number(value: float) -> str:
    """``value`` with as many digits as are worth reading."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _series(rows: Iterable[Mapping[str, float]]) -> list[str]:
    found: dict[str, None] = {}
    for row in rows:
        found.update(dict.fromkeys(row))
    return list(found)


def _opening(title: str, note: str, series: Sequence[str]) -> tuple[list[str], float]:
    parts = [_text(_EDGE, 24, title, kind="h"), _text(_EDGE, 42, note, kind="n")]
    x = float(_EDGE)
    for place, name in enumerate(series):
        color = COLORS[place % len(COLORS)]
        parts.append(f'<rect x="{x}" y="52" width="10" height="10" fill="{color}"/>')
        parts.append(_text(x + 14, 61, name))
        x += 34 + 7 * len(name)
    return parts, 60.0 + _LINE + 4


def _text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    style = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{style}>{escape(text)}</text>'


def _closed(parts: Sequence[str], height: float) -> str:
    size = f'width="{_WIDTH}" height="{height + _EDGE:.0f}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img"><style>{_STYLE}</style>'
    return "\n".join([head, *parts, "</svg>\n"])
