"""What was measured, as tables, as JSON and as a picture.

Promise: every figure has its median, least and most of all rounds beside it in the JSON; tables and
pictures show medians.  Servers that were not measured under a load are left out of its row.
"""

from __future__ import annotations

import dataclasses
import json
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import charts
from benchmarks.load import Measurement
from benchmarks.scenarios import SCENARIOS

#: Runs of one scenario: server → one measurement per round.
Runs = dict[str, list[Measurement]]

#: Figures of a measurement, and what a table says above them.
TABLES = {
    "rate": "Requests per second",
    "cpu": "CPU time of the server, µs for each request",
    "client": "CPU time of the client, µs for each request",
}

#: Characters beside the bars of a chart.
_LABEL = 32


def median(runs: Sequence[Measurement], figure: str) -> float:
    """The median of a figure of ``runs``."""
    return float(statistics.median(getattr(run, figure) for run in runs))


def table(results: Mapping[str, Runs], names: Sequence[str], figure: str) -> str:
    """Medians with least and most of one figure, and the ratio of the first server's to each of the
    others' such that more than 1 is better, in Markdown."""
    first, *others = names
    rate = figure == "rate"
    rows = [["", "load", *names, *(f"/ {one}" if rate else f"{one} /" for one in others)]]
    if rate:
        rows[0].append("to reach")
    for key, runs in results.items():
        medians = {name: median(of, figure) for name, of in runs.items() if of}
        cells = [_cell(runs.get(name, ()), figure) for name in names]
        ratios = [_ratio(medians.get(first), medians.get(one), upside=rate) for one in others]
        row = [key, SCENARIOS[key].load, *cells, *ratios]
        if rate:
            target = SCENARIOS[key].target
            row.append("" if target is None or "nghttpd" not in others else f"{target:.2f}")
        rows.append(row)
    return markdown(rows)


def _cell(runs: Sequence[Measurement], figure: str) -> str:
    if not runs:
        return ""
    digits = ",.0f" if figure == "rate" else ",.2f"
    values = [getattr(run, figure) for run in runs]
    text = format(statistics.median(values), digits)
    if len(values) == 1:
        return text
    return f"{text} ({format(min(values), digits)} to {format(max(values), digits)})"


def _ratio(own: float | None, other: float | None, *, upside: bool) -> str:
    if own is None or other is None:
        return ""
    above, below = (own, other) if upside else (other, own)
    return f"{above / below:.2f}" if below else ""


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """``rows``, of which the first is the head; figures begin in the third column."""
    ruler = ["---"] * 2 + ["---:"] * (len(rows[0]) - 2)
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ruler, *rows[1:]])


def summary(facts: Mapping[str, str], versions: Sequence[str]) -> str:
    """The machine and the servers, in words."""
    said = "; ".join(f"{name}: {value}" for name, value in facts.items())
    return f"{said}\nServers: {'; '.join(versions)}"


def report(
    facts: Mapping[str, str],
    versions: Sequence[str],
    results: Mapping[str, Runs],
    names: Sequence[str],
    rounds: int,
) -> str:
    """Everything as Markdown."""
    parts = [summary(facts, versions)]
    for figure, title in TABLES.items():
        what = f"{title}: median of {rounds} (least and most)" if rounds > 1 else title
        parts += [what, table(results, names, figure)]
    return "\n\n".join(parts)


def write(
    folder: Path,
    stem: str,
    facts: Mapping[str, str],
    versions: Sequence[str],
    results: Mapping[str, Runs],
    names: Sequence[str],
    rounds: int,
) -> list[Path]:
    """Write the report, the JSON and the picture as files of ``folder``; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "machine": dict(facts),
        "servers": list(versions),
        "rounds": rounds,
        "loads": {
            key: {
                "load": SCENARIOS[key].load,
                "requests": SCENARIOS[key].requests,
                "runs": {
                    name: [dataclasses.asdict(one) for one in of] for name, of in runs.items()
                },
            }
            for key, runs in results.items()
        },
    }
    texts = {
        ".json": json.dumps(document, indent=1, ensure_ascii=False) + "\n",
        ".md": report(facts, versions, results, names, rounds) + "\n",
        ".svg": picture(facts, results, names),
    }
    for ending, text in texts.items():
        (folder / f"{stem}{ending}").write_text(text, encoding="utf-8")
    return [folder / f"{stem}{ending}" for ending in texts]


def picture(facts: Mapping[str, str], results: Mapping[str, Runs], names: Sequence[str]) -> str:
    """Requests per second under every load as bars."""
    rows = {
        _label(key): {name: median(runs[name], "rate") for name in names if runs.get(name)}
        for key, runs in results.items()
    }
    kernel = ", ".join(facts[name] for name in ("processor", "kernel", "date") if name in facts)
    return charts.bars("Requests per second; longer is better", kernel, rows)


def _label(key: str) -> str:
    """What a load is called beside its bars: what h2load is told, or the name says it."""
    load = SCENARIOS[key].load
    return f"{key}: {load}" if key[0] == "S" else key if len(load) > _LABEL else load
