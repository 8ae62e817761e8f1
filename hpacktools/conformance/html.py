"""A report as one self-contained HTML page: the table, a chart of ratios, explained failures."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from hpacktools.shapes import JSON, Object

from .results import Failure, Refusal, Report, Row
from .text import verdict

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5d6880; --line: #d8deea;
  --ground: #ffffff; --panel: #f5f7fb; --decode: #3f72af; --encode: #2a9d6f; --bad: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #9aa6bd; --line: #333c4f;
  --ground: #151a24; --panel: #1d2433; --decode: #6ea0dc; --encode: #4fc596; --bad: #ff7b6b; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
p.verdict { font-weight: 600; } p.bad { color: var(--bad); } .soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; } thead th { color: var(--soft); }
@media (max-width: 40rem) { table { font-size: .8rem; } th, td { padding: .25rem .3rem; } }
tr.suite th { text-align: left; padding-top: 1rem; } td.bad { color: var(--bad); font-weight: 600; }
.chart { display: grid; grid-template-columns: max-content 1fr; gap: .2rem .8rem;
  align-items: center; }
.chart .name { text-align: right; font-size: .85rem; }
.bar { display: flex; align-items: center; gap: .5rem; font-size: .8rem; color: var(--soft); }
.bar i { display: block; height: .9rem; border-radius: 0 3px 3px 0; background: var(--decode); }
.bar i.encode { background: var(--encode); }
.key i { display: inline-block; width: .8rem; height: .8rem; border-radius: 3px;
  background: var(--decode); margin: 0 .3rem 0 1rem; } .key i.encode { background: var(--encode); }
details { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .5rem .8rem; margin: .6rem 0; } summary { cursor: pointer; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
details table { font-size: .85rem; margin-top: .5rem; }
details td, details th, .text td, .text th { text-align: left; vertical-align: top; }
"""

_TITLES: Final = {
    "decode": "Decoded",
    "encode": "Encoded and decoded back",
    "accept": "Must be accepted",
    "refuse": "Must be refused",
    "encoder": "Must be encoded correctly",
}


def render(report: Report) -> str:
    """The page."""
    return "\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>HPACK conformance</title><style>{_STYLE}</style></head><body>"
    yield "<h1>HPACK conformance</h1>"
    yield (
        f'<p class="soft">hpacktools {escape(report.version)}; '
        f"decoder <code>{escape(report.decoder)}</code>, "
        f"encoder <code>{escape(report.encoder)}</code></p>"
    )
    bad = "" if report.exit_code() == 0 else " bad"
    yield f'<p class="verdict{bad}">{escape(verdict(report))}</p>'
    rows = report.rows()
    yield from _table(rows)
    yield from _chart(rows)
    yield from _notes(report)
    yield from _failures("Failures", report.failures(), report.failure_count())
    noted = sum(row.noted for row in rows)
    yield from _failures("Not counted", report.noted(), noted)
    yield from _refusals(report.refusals())
    yield "</body></html>"


def _table(rows: list[Row]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr><th></th><th>stories</th><th>blocks</th>'
    yield "<th>failures</th><th>octets before</th><th>octets after</th><th>ratio</th></tr></thead>"
    yield "<tbody>"
    suite = ""
    for row in rows:
        if row.suite != suite:
            suite = row.suite
            yield f'<tr class="suite"><th colspan="7">{_TITLES[suite]}</th></tr>'
        ratio = "" if row.ratio is None else f"{row.ratio:.4f}"
        failed = ' class="bad"' if row.failures else ""
        yield (
            f"<tr><td>{escape(row.name)}</td><td>{row.stories}</td><td>{row.blocks}</td>"
            f"<td{failed}>{row.failures}</td><td>{row.input_length}</td>"
            f"<td>{row.output_length}</td><td>{ratio}</td></tr>"
        )
    yield "</tbody></table></div>"


def _chart(rows: list[Row]) -> Iterator[str]:
    """Bars for the corpus; the ratios of vectors are not worth comparing."""
    measured = [
        (row.ratio, row)
        for row in rows
        if row.ratio is not None and row.suite in ("decode", "encode")
    ]
    if not measured:
        return
    measured.sort(key=lambda pair: pair[0])
    longest = max(ratio for ratio, _ in measured)
    yield "<h2>Compression ratio</h2>"
    yield '<p class="soft key">Octets of header blocks per octet of names and values; shorter'
    yield 'is better. <i></i>as found in the corpus<i class="encode"></i>encoded now</p>'
    yield '<div class="chart">'
    for ratio, row in measured:
        width = 85 * ratio / longest if longest else 0
        kind = ' class="encode"' if row.suite == "encode" else ""
        yield (
            f'<span class="name">{escape(row.name)}</span><span class="bar">'
            f'<i{kind} style="width:{width:.1f}%"></i>{ratio:.4f}</span>'
        )
    yield "</div>"


def _notes(report: Report) -> Iterator[str]:
    """Unusable files, and stories that were not run."""
    for title, pairs in (
        ("Unusable", [(each.story, each.problem) for each in report.problems()]),
        ("Skipped", [(each.story, each.skipped) for each in report.skipped()]),
    ):
        if pairs:
            yield f"<h2>{title}</h2><ul>"
            for story, reason in pairs:
                yield f"<li><code>{escape(story)}</code>: {escape(reason)}</li>"
            yield "</ul>"


def _failures(title: str, failures: list[Failure], count: int) -> Iterator[str]:
    if not failures:
        return
    yield f"<h2>{title} ({count})</h2>"
    for number, failure in enumerate(failures):
        yield from _failure(failure, is_open=number < 3)


def _refusals(refusals: list[Refusal]) -> Iterator[str]:
    """The reasons a command gave for correct refusals."""
    if not refusals:
        return
    yield f"<h2>Refused as expected ({len(refusals)})</h2>"
    yield '<div class="scroll"><table class="text"><thead><tr><th>story</th><th>case</th>'
    yield "<th>by</th><th>reason</th></tr></thead><tbody>"
    for refusal in refusals:
        bad = ' class="bad"' if refusal.by == "exception" else ""
        yield (
            f"<tr><td><code>{escape(refusal.story)}</code></td><td>{refusal.case}</td>"
            f"<td{bad}>{escape(refusal.by)}</td><td>{escape(refusal.reason)}</td></tr>"
        )
    yield "</tbody></table></div>"


def _failure(failure: Failure, *, is_open: bool) -> Iterator[str]:
    case = "" if failure.case is None else f", case {failure.case}"
    yield (
        f"<details{' open' if is_open else ''}><summary>{escape(failure.suite)} "
        f"<code>{escape(failure.story)}</code>{case}: {escape(failure.message)}</summary>"
    )
    if failure.needs:
        yield f"<p>The story needs {escape(', '.join(failure.needs))}.</p>"
    if failure.wire:
        yield f"<p><code>{failure.wire}</code></p>"
    steps = failure.explanation.get("representations")
    if isinstance(steps, list) and steps:
        yield '<div class="scroll"><table><thead><tr><th>octet</th><th>octets</th><th>field</th>'
        yield "<th>representation</th><th>table after</th></tr></thead><tbody>"
        for step in steps:
            assert isinstance(step, dict)
            yield _step(step)
        yield "</tbody></table></div>"
    error = failure.explanation.get("error")
    if isinstance(error, dict):
        yield (
            f'<p class="bad">{escape(str(error["message"]))} '
            f"({escape(str(error['section']))}, octet {error['offset']})</p>"
        )
    yield "</details>"


def _step(step: Object) -> str:
    name = f"{step['name']}: {step['value']}" if "name" in step else ""
    kind = str(step["kind"])
    if "index" in step:
        kind += f", {step['from']} index {step['index']}"
    if "maximum" in step:
        kind += f" to {step['maximum']}"
    table = _members(step["table"])
    size = f"{table['size']} of {table['max_size']}"
    return (
        f"<tr><td>{step['offset']}</td><td><code>{escape(str(step['octets']))}</code></td>"
        f"<td><code>{escape(name)}</code></td><td>{escape(kind)}</td><td>{size}</td></tr>"
    )


def _members(value: JSON) -> Object:
    assert isinstance(value, dict)
    return value
