"""What a soak has shown: faults, a table, a plot.

Promise: :func:`faults` is empty when nothing was lost or wrong and every process is flat.  Flat is,
for a supervisor, which lives from the start to the end: what it holds at the last rest is what it
held at the first one.  For a worker: what it holds at the last rest is what it held at the rest
before, and not more than the first ones held when they were warm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final

from tests.soak.run import Outcome
from tests.soak.subjects import Sample

MIB: Final = 1024 * 1024
#: A heap is not used alike twice: memory may grow by this share, and this much.
MEMORY_SHARE: Final = 0.1
MEMORY_ROOM: Final = 3 * MIB
#: Descriptors that a worker may hold more than before: files and folders that it keeps at hand.
DESCRIPTOR_ROOM: Final = 4

# ---------------------------------------------------------------------- faults


def faults(outcome: Outcome, *, memory: bool = True) -> list[str]:
    """What is wrong, in words; without ``memory`` that is not judged: it needs its time."""
    ledger = outcome.ledger
    found = list(outcome.failures)
    found += [f"lost: {text}" for text in ledger.lost_words()]
    found += [f"wrong: {text}" for text in ledger.wrong_words]
    if len(outcome.rests) < outcome.plan.segments:
        return [*found, "it did not come to its end"]
    found += [f"no answer: {kind}" for kind in kinds(outcome) if not ledger.answered[kind]]
    for before, after in _comparisons(outcome):
        if after.descriptors > before.descriptors + DESCRIPTOR_ROOM * (after.role == "worker"):
            found.append(
                f"{_name(after)}: {after.descriptors} descriptors after {before.descriptors}"
            )
        if memory and after.memory > before.memory * (1 + MEMORY_SHARE) + MEMORY_ROOM:
            found.append(
                f"{_name(after)}: {after.memory / MIB:.1f} MiB after {before.memory / MIB:.1f}"
            )
    return found


def _comparisons(outcome: Outcome) -> Iterator[tuple[Sample, Sample]]:
    """What was to be held, and what is held at the end."""
    first, earlier, last = outcome.rests[0], outcome.rests[-2], outcome.rests[-1]
    for sample in last:
        alike = [one for one in first if (one.server, one.role) == (sample.server, sample.role)]
        yield max(alike, key=lambda one: one.memory), sample
        yield from ((one, sample) for one in earlier if one.pid == sample.pid)


def _name(sample: Sample) -> str:
    return f"{sample.role} {sample.pid}, {sample.server}"


def kinds(outcome: Outcome) -> list[str]:
    """The kinds of well-behaved traffic that there were."""
    ledger = outcome.ledger
    lost = {loss.line.kind for loss in ledger.losses}
    return sorted(set(ledger.answered) | set(ledger.again) | lost)


# ---------------------------------------------------------------------- the table


def table(outcome: Outcome) -> str:
    """Traffic, processes and what was done to them."""
    ledger = outcome.ledger
    broken, lost = ledger.broken(), ledger.lost()
    rows: list[tuple[str, ...]]
    rows = [("well-behaved traffic", "answered", "again", "broken by a kill", "lost", "wrong")]
    columns = (ledger.answered, ledger.again, broken, lost, ledger.wrong)
    rows += [(kind, *(str(column[kind]) for column in columns)) for kind in kinds(outcome)]
    rows.append(("all", *(str(column.total()) for column in columns)))
    text = _aligned(rows)
    text += "\n" + _aligned([("hostile traffic", "times"), *_pairs(ledger.nuisances.items())])
    text += "\n" + _aligned([("done to the servers", "times"), *_pairs(outcome.counts().items())])
    text += f"edits of a page  {outcome.edits}\n"
    rests = "".join(f" {number}" for number in range(1, len(outcome.rests) + 1))
    text += f"\nat rest after segment{rests}: descriptors, MiB (proportional set)\n"
    return text + _aligned(list(_process_rows(outcome)))


def _pairs(items: Iterable[tuple[str, int]]) -> list[tuple[str, str]]:
    return [(name, str(count)) for name, count in sorted(items)]


def _process_rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """A process a row; those that a rest found no more, or not yet, have a dash there."""
    pids = {one.pid: _name(one) for rest in outcome.rests for one in rest}
    for pid, name in sorted(pids.items(), key=lambda entry: (entry[1].split(", ")[1], entry[0])):
        cells = []
        for rest in outcome.rests:
            found = [one for one in rest if one.pid == pid]
            cells.append(f"{found[0].descriptors}, {found[0].memory / MIB:.1f}" if found else "-")
        yield (name, *cells)


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


# ---------------------------------------------------------------------- the plot

_WIDTH: Final = 900
_HEIGHT: Final = 220
_LEFT: Final = 60
_TOP: Final = 40
_COLOURS: Final = {
    ("cleartext", "supervisor"): "#999",
    ("cleartext", "worker"): "#27a",
    ("TLS", "supervisor"): "#c96",
    ("TLS", "worker"): "#a22",
}
_EVENTS: Final = {"worker killed": "#e66", "reload": "#6b6", "logs reopened": "#ccc"}


def plot(outcome: Outcome) -> str:
    """An SVG image: memory and descriptors of every process, and what was done to them."""
    start = outcome.spans[0][0]
    end = max([one.when for one in outcome.samples] + [outcome.spans[-1][1]])
    height = 2 * (_HEIGHT + _TOP) + 50
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH + _LEFT + 20}" '
            f'height="{height}" font-family="sans-serif" font-size="12">'
        ),
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    memory = {
        key: [(when - start, sample.memory / MIB) for when, sample in line]
        for key, line in _lines(outcome).items()
    }
    descriptors = {
        key: [(when - start, float(sample.descriptors)) for when, sample in line]
        for key, line in _lines(outcome).items()
    }
    for number, (title, lines) in enumerate(
        (("MiB (proportional set)", memory), ("descriptors", descriptors))
    ):
        top = _TOP + number * (_HEIGHT + _TOP)
        parts += _chart(outcome, title, lines, top, start, end - start)
    names = [(f"{role}, {server}", colour) for (server, role), colour in _COLOURS.items()]
    for number, (name, colour) in enumerate([*names, *_EVENTS.items()]):
        x = 10 + number * 138
        parts.append(f'<rect x="{x}" y="{height - 24}" width="10" height="10" fill="{colour}"/>')
        parts.append(f'<text x="{x + 14}" y="{height - 15}">{name}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


#: Server, role and process.
_Key = tuple[str, str, int]


def _lines(outcome: Outcome) -> dict[_Key, list[tuple[float, Sample]]]:
    lines: dict[_Key, list[tuple[float, Sample]]] = {}
    for one in outcome.samples:
        lines.setdefault((one.server, one.role, one.pid), []).append((one.when, one))
    return lines


def _chart(
    outcome: Outcome,
    title: str,
    lines: dict[_Key, list[tuple[float, float]]],
    top: int,
    start: float,
    seconds: float,
) -> Iterator[str]:
    highest = max((value for line in lines.values() for _, value in line), default=1.0)
    step = 10 ** math.floor(math.log10(highest))
    ceiling = step * math.ceil(highest / step)

    def at(when: float, value: float) -> str:
        x = _LEFT + when / seconds * _WIDTH
        return f"{x:.1f},{top + _HEIGHT - value / ceiling * _HEIGHT:.1f}"

    yield f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{title}</text>'
    for began, ended in outcome.spans:
        x, width = (began - start) / seconds * _WIDTH, (ended - began) / seconds * _WIDTH
        yield (
            f'<rect x="{_LEFT + x:.1f}" y="{top}" width="{width:.1f}" height="{_HEIGHT}" '
            'fill="#f4f4f4"/>'
        )
    for when, what in outcome.events:
        x = _LEFT + (when - start) / seconds * _WIDTH
        yield (
            f'<path d="M{x:.1f} {top}v{_HEIGHT}" stroke="{_EVENTS[what]}" stroke-dasharray="2 3"/>'
        )
    for value in range(0, int(ceiling) + 1, max(1, int(step))):
        y = top + _HEIGHT - value / ceiling * _HEIGHT
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value}</text>'
        yield f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#ddd"/>'
    for minute in range(int(seconds // 60) + 1):
        x = _LEFT + minute * 60 / seconds * _WIDTH
        yield f'<text x="{x:.1f}" y="{top + _HEIGHT + 14}">{minute} min</text>'
    for (server, role, _), line in lines.items():
        points = " ".join(at(when, value) for when, value in line)
        colour = _COLOURS[server, role]
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.3"/>'
