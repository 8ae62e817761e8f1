"""The matrix as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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


def markdown(codecs: Sequence[Codec], absent: Sequence[tuple[str, str]]) -> str:
    """The whole file."""
    return "\n".join(_lines(codecs, absent)) + "\n"


def _lines(codecs: Sequence[Codec], absent: Sequence[tuple[str, str]]) -> Iterator[str]:
    yield "# HPACK codecs through hpack-conformance"
    yield ""
    yield "Made by `make matrix`: each codec is a co-process of a few lines (`adapters/`), and goes"
    yield "through the vectors of `hpack-test-case/` and the http2jp corpus. Decoding the corpus"
    yield "says nothing about refusing: compare the columns."
    yield ""
    yield "- *must*, *settings*, *limits*, *advice*: how binding the stories are, see"
    yield "  [hpack-conformance](hpack-conformance.md#levels). Failures at *advice* break no rule."
    yield "- *crashed*: an error that is not the codec's way to refuse a block: an index error, a"
    yield "  panic. It is a failure, also where the block must be refused."
    yield "- Stories that a codec cannot be asked (it takes no settings, has no sensitive fields)"
    yield "  are not in the numbers. What was found is in [hpack-findings](hpack-findings.md)."
    yield ""
    yield "## Vectors"
    yield ""
    heads = [f"{suite} {level}" for suite in SUITES for level in levels(codecs, suite)]
    rows = []
    for codec in codecs:
        cells = [
            cell(
                codec.vectors,
                lambda each, suite=suite, level=level: (  # type: ignore[misc]  # bound at once
                    each.suite == suite and each.level == level
                ),
            ).text()
            for suite in SUITES
            for level in levels(codecs, suite)
        ]
        skipped = sum(1 for each in codec.vectors if each.skipped)
        rows.append([codec.version, codec.language, *cells, str(skipped or "")])
    yield from _table(["codec", "language", *heads, "skipped"], rows)
    yield ""
    yield "## The corpus"
    yield ""
    yield "Blocks decoded, blocks encoded and decoded back, octets of blocks for an octet of names"
    yield "and values, and blocks encoded while the table size goes to 1365 and 2730 octets. Ratios"
    yield "in parentheses are those of encoders some of whose blocks do not decode to the same."
    yield "One story (117 blocks) has pseudo-header fields behind others, which RFC 9113 section"
    yield "8.3 forbids: Netty, Tomcat and http-2 put them first, which is no fault of theirs."
    yield ""
    rows = [[codec.version, *corpus_cells(codec)] for codec in codecs]
    heads = ["codec", "decoded", "encoded", "ratio", "settings changed"]
    yield from _table(heads, rows)
    for suite, title in SUITES.items():
        yield ""
        yield f"## Stories {title}, by group"
        yield ""
        yield "`·` all passed, a number: so many did not, `†`: it crashed, `-`: none could be run."
        yield ""
        names = groups(codecs, suite)
        rows = []
        for codec in codecs:
            cells = [
                cell(
                    codec.vectors,
                    lambda each, suite=suite, name=name: (  # type: ignore[misc]  # bound at once
                        each.suite == suite and group_of(each) == name
                    ),
                ).brief()
                for name in names
            ]
            rows.append([codec.version, *cells])
        yield from _table(["codec", *names], rows)
        yield ""
        folder = find_vectors(None)
        for name in names:
            text = meaning(folder, name) or "the examples of RFC 7541 appendix C"
            yield f"- {name}: {text}"
    if absent:
        yield ""
        yield "## Not installed here"
        yield ""
        for name, remedy in absent:
            yield f"- {name}: `{remedy}`"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'---|' * len(heads)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
