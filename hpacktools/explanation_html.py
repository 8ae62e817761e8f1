"""Explained blocks and the life of their dynamic table as one self-contained page without scripts.

Contract: :func:`render` gives a page that loads nothing, works without scripts and follows the
reader's choice of light or dark.  Everything that a peer sent is shown as text.

Strategy: the table's life is a drawing with one column per case and one row per entry.  In a block,
the octets of a representation and its row in the list light up together: the style sheet has a rule
for each position up to :data:`_LINKED`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from .codec import FIRST_DYNAMIC_INDEX, Field, decode_integer, decode_string, entry_size
from .explanation import Explanation, Kind, Step
from .explanation_drawing import STYLE as DRAWING_STYLE
from .explanation_drawing import draw
from .explanation_text import shown, what
from .table_life import ExplainedStory

#: Number of representations per block that light up with their octets.
_LINKED: Final = 64
#: Number of cases shown in full, and how many of them start open.
_CASES_SHOWN: Final = 200
_CASES_OPEN: Final = 2
#: Octets shown of one string.
_OCTETS_SHOWN: Final = 96

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b2333; --soft: #5b667d; --line: #d9dfeb;
  --ground: #fff; --panel: #f6f8fc; --lit: #fff0c2; --bad: #b3261e;
  --indexed: #0b7285; --with: #2b7a3d; --without: #8a6100; --never: #9c36b5; --update: #3b5bdb; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5e9f2; --soft: #9aa5bb; --line: #323b4e;
  --ground: #141923; --panel: #1c2331; --lit: #4a3f18; --bad: #ff8a80;
  --indexed: #4dd0e1; --with: #69d18a; --without: #e8b44f; --never: #e39bf5; --update: #91a7ff; } }
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 76rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.5rem; margin: 0 0 .3rem; } h2 { font-size: 1.2rem; margin: 2.4rem 0 .4rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .4rem; } .soft { color: var(--soft); }
.bad { color: var(--bad); font-weight: 600; }
dl.facts { display: flex; flex-wrap: wrap; gap: .6rem; margin: .8rem 0; }
dl.facts div { background: var(--panel); border: 1px solid var(--line); border-radius: 8px;
  padding: .4rem .8rem; min-width: 8rem; }
dl.facts dt { color: var(--soft); font-size: .8rem; } dl.facts dd { margin: 0; font-size: 1.15rem;
  font-variant-numeric: tabular-nums; }
dl.facts small { color: var(--soft); font-size: .8rem; }
.scroll { overflow-x: auto; }
code, .octets { font: 13px/1.7 ui-monospace, "SFMono-Regular", Menlo, Consolas, monospace; }
details.case { border: 1px solid var(--line); border-radius: 8px; margin: .5rem 0;
  background: var(--panel); } summary { cursor: pointer; padding: .4rem .8rem; }
details.case > div { padding: 0 .8rem .8rem; }
.octets { overflow-wrap: anywhere; margin: .2rem 0 .6rem; }
.octets a { color: inherit; text-decoration: none; border-bottom: 2px solid; padding: 1px 2px;
  margin-right: .35em; border-radius: 3px 3px 0 0; }
.indexed { border-color: var(--indexed) !important; } .with { border-color: var(--with) !important;
} .without { border-color: var(--without) !important; } .never { border-color: var(--never)
!important; } .update { border-color: var(--update) !important; } b.indexed { color: var(--indexed);
} b.with { color: var(--with); } b.without { color: var(--without); } b.never { color: var(--never);
} b.update { color: var(--update); } table { border-collapse: collapse; width: 100%; } td, th {
text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
  border-top: 1px solid var(--line); } th { color: var(--soft); font-weight: 500; font-size: .8rem;
  }
td.at { color: var(--soft); font-variant-numeric: tabular-nums; }
td.octets { max-width: 22rem; } td.octets i { font-style: normal; color: var(--soft); }
td.field { overflow-wrap: anywhere; max-width: 26rem; } td.field b { font-weight: 600; }
td.does { font-size: .85rem; color: var(--soft); } td.does b { font-weight: 500; }
tr:target td { background: var(--lit); }
@media (max-width: 46rem) { td.octets { max-width: 9rem; } td, th { padding-right: .4rem; } }
"""

_CLASSES: Final = {
    Kind.INDEXED: "indexed",
    Kind.WITH_INDEXING: "with",
    Kind.WITHOUT_INDEXING: "without",
    Kind.NEVER_INDEXED: "never",
    Kind.SIZE_UPDATE: "update",
}
#: Prefix bits of the integer that each kind begins with (RFC 7541 section 6).
_PREFIXES: Final = {
    Kind.INDEXED: 7,
    Kind.WITH_INDEXING: 6,
    Kind.WITHOUT_INDEXING: 4,
    Kind.NEVER_INDEXED: 4,
    Kind.SIZE_UPDATE: 5,
}


def render(stories: Sequence[tuple[ExplainedStory, int | None]]) -> str:
    """The page about ``stories``, each with the lower bound of its octets, if known."""
    return "\n".join(_parts(stories)) + "\n"


def _parts(stories: Sequence[tuple[ExplainedStory, int | None]]) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    lit = "\n".join(
        f"details.case:has(.r{number}:hover) .r{number}" + " { background: var(--lit); }"
        for number in range(_LINKED)
    )
    yield f"<title>HPACK explained</title><style>{_STYLE}{DRAWING_STYLE}{lit}</style></head><body>"
    yield "<h1>HPACK explained</h1>"
    yield (
        '<p class="soft">Header blocks octet by octet, and the life of each entry in the '
        "dynamic table (RFC 7541).</p>"
    )
    for number, (story, bound) in enumerate(stories):
        yield from _story(number, story, bound)
    yield "</body></html>"


def _story(number: int, story: ExplainedStory, bound: int | None) -> Iterator[str]:
    name = story.name or "Story"
    context = f' <span class="soft">({escape(story.context)}s)</span>' if story.context else ""
    yield f"<h2>{escape(name)}{context}</h2>"
    yield from _facts(story, bound)
    yield "<h3>The life of the dynamic table</h3>"
    yield from draw(story)
    yield "<h3>Blocks</h3>"
    yield '<p class="soft">Point at octets, or click them, to see what they represent. '
    yield ", ".join(f'<b class="{_CLASSES[kind]}">{kind}</b>' for kind in Kind) + ".</p>"
    for position, (title, explanation) in enumerate(story.cases[:_CASES_SHOWN]):
        is_open = " open" if position < _CASES_OPEN else ""
        yield f'<details class="case"{is_open}><summary><b>{escape(title)}</b> '
        if isinstance(explanation, str):
            yield f'<span class="bad">{escape(explanation)}</span></summary></details>'
        else:
            yield from _case(f"s{number}c{position}", explanation)
    left = len(story.cases) - _CASES_SHOWN
    if left > 0:
        yield f'<p class="soft">{left} more cases are not shown.</p>'


def _facts(story: ExplainedStory, bound: int | None) -> Iterator[str]:
    before, after = story.input_length(), story.output_length()
    wasted = [entry for entry in story.entries if entry.wasted]
    yield '<dl class="facts">'
    yield _fact("blocks", str(len(story.cases)))
    yield _fact("names and values", f"{before}", "octets")
    yield _fact("encoded", f"{after}", f"octets, ratio {_ratio(after, before)}")
    if bound is not None:
        over = f", {(after - bound) / bound:.0%} above" if bound else ""
        yield _fact("lower bound", f"{bound}", f"octets, ratio {_ratio(bound, before)}{over}")
    yield _fact("inserted", f"{len(story.entries)}", "entries")
    octets = sum(entry.size for entry in wasted)
    yield _fact("never used", f"{len(wasted)}", f"entries, {octets} octets of table")
    yield "</dl>"
    if bound is None:
        yield '<p class="soft">The lower bound is shown if scipy is installed and the whole '
        yield "connection is known.</p>"


def _fact(term: str, number: str, more: str = "") -> str:
    return f"<div><dt>{term}</dt><dd>{number} <small>{more}</small></dd></div>"


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "unknown"


def _case(anchor: str, explanation: Explanation) -> Iterator[str]:
    count = len(explanation.block)
    error = explanation.error
    failed = ' <span class="bad">error</span>' if error else ""
    fields = sum(step.field is not None for step in explanation.steps)
    numbers = f"{_count(count, 'octet')}, {_count(fields, 'field')}"
    yield f'<span class="soft">{numbers}</span>{failed}</summary><div>'
    yield '<p class="octets">'
    for number, step in enumerate(explanation.steps):
        yield f'<a class="{_linked(number)}{_CLASSES[step.kind]}" href="#{anchor}r{number}">'
        yield f"{_hex(step.octets)}</a>"
    rest = explanation.block[sum(len(step.octets) for step in explanation.steps) :]
    if rest:
        yield f'<span class="bad">{_hex(rest)}</span>'
    yield '</p><div class="scroll"><table><thead><tr><th>at</th><th>octets</th><th>field</th>'
    yield "<th>effect</th></tr></thead><tbody>"
    for number, step in enumerate(explanation.steps):
        yield f'<tr id="{anchor}r{number}" class="{_linked(number)}">'
        yield f'<td class="at">{step.offset}</td>'
        yield f'<td class="octets">{_octets(step)}</td><td class="field">{_field(step)}</td>'
        yield f'<td class="does"><b class="{_CLASSES[step.kind]}">{escape(what(step))}</b>'
        yield f"{_change(step)}</td></tr>"
    yield "</tbody></table></div>"
    if error is not None:
        yield f'<p class="bad">Octet {error.offset}: {escape(error.reason)} ({error.section})</p>'
    yield "</div></details>"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _linked(number: int) -> str:
    return f"r{number} " if number < _LINKED else ""


def _hex(octets: bytes) -> str:
    if len(octets) <= _OCTETS_SHOWN:
        return octets.hex(" ")
    return f"{octets[:_OCTETS_SHOWN].hex(' ')} … {len(octets) - _OCTETS_SHOWN} more"


def _octets(step: Step) -> str:
    """The octets of a representation, split into index, string length and string."""
    octets = step.octets
    _, end = decode_integer(octets, 0, _PREFIXES[step.kind])
    parts = [_part("first octets: kind and index", octets[:end])]
    for name, coded in (("name", step.name_huffman), ("value", step.value_huffman)):
        if coded is None:
            continue
        _, start = decode_integer(octets, end, 7)
        parts.append(_part(f"length of the {name}", octets[end:start]))
        _, stop = decode_string(octets, end)
        kind = "Huffman-coded" if coded else "plain"
        parts.append(f'<span title="{name}, {kind}">{_hex(octets[start:stop])}</span>')
        end = stop
    return " ".join(parts)


def _part(title: str, octets: bytes) -> str:
    return f'<i title="{title}">{octets.hex(" ")}</i>'


def _field(step: Step) -> str:
    if step.field is None:
        return f"maximum {step.maximum} octets"
    name, value = shown(step.field[0]), shown(step.field[1])
    return f"<b>{escape(name)}</b>: {escape(value)}"


def _change(step: Step) -> str:
    parts = []
    if step.inserted and step.field is not None:
        parts.append(f"inserted at {FIRST_DYNAMIC_INDEX}, {entry_size(step.field)} octets")
    elif step.kind is Kind.WITH_INDEXING:
        parts.append("not inserted: larger than the table")
    if step.evicted:
        parts.append("evicts " + ", ".join(escape(_brief(field)) for field in step.evicted))
    return "".join(f"<br>{part}" for part in parts)


def _brief(field: Field) -> str:
    text = f"{shown(field[0])}: {shown(field[1])}"
    return text if len(text) <= 60 else text[:60] + "…"
