"""The matrix as one self-contained page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from adapters.matrix_results import (
    SUITES,
    Codec,
    cell,
    corpus_cells,
    group_of,
    groups,
    levels,
    meaning,
)
from hpacktools.conformance.corpus import find_vectors

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5d6880; --line: #d8deea;
  --ground: #ffffff; --panel: #f5f7fb; --good: #2a7d4f; --bad: #b3261e; --badground: #fbe6e4; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf2; --soft: #9aa6bd; --line: #333c4f;
  --ground: #151a24; --panel: #1d2433; --good: #6fd19a; --bad: #ff8a7d; --badground: #3d2224; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }
th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); text-align: center; }
th:first-child, td:first-child { text-align: left; white-space: nowrap; position: sticky; left: 0;
  background: var(--ground); }
thead th { color: var(--soft); vertical-align: bottom; } td.good { color: var(--good); }
td.bad { color: var(--bad); background: var(--badground); font-weight: 600; }
details { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .4rem .8rem; margin: .5rem 0; } summary { cursor: pointer; }
code { font: 13px/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
abbr { text-decoration: none; border-bottom: 1px dotted var(--soft); cursor: help; }
"""
#: Failures shown for one codec.
_SHOWN: Final = 60


def page(codecs: Sequence[Codec], absent: Sequence[tuple[str, str]]) -> str:
    """The whole page."""
    return "\n".join(_parts(codecs, absent)) + "\n"


def _parts(codecs: Sequence[Codec], absent: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>HPACK codecs</title><style>{_STYLE}</style></head><body>"
    yield "<h1>HPACK codecs through hpack-conformance</h1>"
    yield (
        '<p class="soft">Stories that passed, of those that ran. Failures at <em>advice</em> break '
        "no rule; a crash (†) is a failure, even if the block must be refused. Decoding the corpus "
        "says nothing about refusing: compare the columns.</p>"
    )
    yield "<h2>Vectors</h2>"
    yield from _vectors(codecs)
    yield "<h2>The corpus</h2>"
    yield (
        '<p class="soft">Blocks decoded, blocks encoded and decoded back, octets of blocks per '
        "octet of names and values, and blocks encoded while the table size changes. Ratios in "
        "parentheses are those of encoders with blocks that decode to something else; one story "
        "(117 blocks) has pseudo-header fields after others, which some encoders put first.</p>"
    )
    yield from _corpus(codecs)
    for suite, title in SUITES.items():
        yield f"<h2>Stories {title}, by group</h2>"
        yield from _groups(codecs, suite)
    yield "<h2>What failed</h2>"
    for codec in codecs:
        yield from _failures(codec)
    if absent:
        yield "<h2>Not installed here</h2><ul>"
        for name, remedy in absent:
            yield f"<li>{escape(name)}: <code>{escape(remedy)}</code></li>"
        yield "</ul>"
    yield "</body></html>"


def _head(cells: Sequence[str]) -> str:
    return f"<thead><tr>{''.join(f'<th>{cell}</th>' for cell in cells)}</tr></thead>"


def _vectors(codecs: Sequence[Codec]) -> Iterator[str]:
    heads = ["", *(f"{suite}<br>{level}" for suite in SUITES for level in levels(codecs, suite))]
    yield f'<div class="scroll"><table>{_head([*heads, "skipped"])}<tbody>'
    for codec in codecs:
        yield f"<tr><td>{escape(codec.version)}</td>"
        for suite in SUITES:
            for level in levels(codecs, suite):
                found = cell(
                    codec.vectors,
                    lambda each, suite=suite, level=level: (  # type: ignore[misc]  # bound at once
                        each.suite == suite and each.level == level
                    ),
                )
                kind = "good" if not found.failed else "" if level == "advice" else "bad"
                yield f'<td class="{kind}">{found.text()}</td>'
        skipped = sum(1 for each in codec.vectors if each.skipped)
        yield f"<td>{skipped or ''}</td></tr>"
    yield "</tbody></table></div>"


def _corpus(codecs: Sequence[Codec]) -> Iterator[str]:
    heads = ["", "decoded", "encoded", "ratio", "settings changed"]
    yield f'<div class="scroll"><table>{_head(heads)}<tbody>'
    for codec in codecs:
        cells = "".join(f"<td>{escape(text)}</td>" for text in corpus_cells(codec))
        yield f"<tr><td>{escape(codec.version)}</td>{cells}</tr>"
    yield "</tbody></table></div>"


def _groups(codecs: Sequence[Codec], suite: str) -> Iterator[str]:
    names = groups(codecs, suite)
    folder = find_vectors(None)
    heads = [""]
    for name in names:
        text = meaning(folder, name) or "the examples of RFC 7541 appendix C"
        heads.append(f'<abbr title="{escape(text)}">{name}</abbr>')
    yield f'<div class="scroll"><table>{_head(heads)}<tbody>'
    for codec in codecs:
        yield f"<tr><td>{escape(codec.version)}</td>"
        for name in names:
            found = cell(
                codec.vectors,
                lambda each, suite=suite, name=name: (  # type: ignore[misc]  # bound at once
                    each.suite == suite and group_of(each) == name
                ),
            )
            yield f'<td class="{"bad" if found.failed else "good"}">{found.brief()}</td>'
        yield "</tr>"
    yield "</tbody></table></div>"


def _failures(codec: Codec) -> Iterator[str]:
    failed = [each for each in codec.vectors if each.failures]
    if not failed:
        return
    yield f"<details><summary>{escape(codec.version)}: {len(failed)} stories</summary><ul>"
    for outcome in failed[:_SHOWN]:
        first = outcome.failures[0]
        wire = f"<br><code>{first.wire[:240]}</code>" if first.wire else ""
        yield (
            f"<li><code>{escape(outcome.story)}</code> [{outcome.level}]: "
            f"{escape(first.message[:400])}{wire}</li>"
        )
    if len(failed) > _SHOWN:
        yield f"<li>and {len(failed) - _SHOWN} more</li>"
    yield "</ul></details>"
