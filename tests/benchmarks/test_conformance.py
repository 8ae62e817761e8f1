"""The page of ``make conformance``, and where it gets its servers from."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.conformance import Column, markdown
from benchmarks.conformance_peers import PEERS, Absent, Peer, running
from h2static.h2get.script.model import Case
from h2static.h2get.script.run import Result, Verdict

PAGE = Path(__file__).parents[2] / "docs/conformance.md"


def column(name: str, *verdicts: Verdict) -> Column:
    cases = [
        Case(name="a_case | one", section="RFC 1 section 2"),
        Case(name="two", section="RFC 1 section 3", level="SHOULD"),
    ]
    results = [
        Result(case=case, verdict=verdict, expected="GOAWAY", got="a `tick`")
        for case, verdict in zip(cases, verdicts, strict=True)
    ]
    return Column(name=name, version="1.0", results=results)


def test_the_page() -> None:
    text = markdown(
        [
            column("good", Verdict.PASSED, Verdict.SKIPPED),
            column("bad", Verdict.FAILED, Verdict.FAILED),
            column("so", Verdict.WIDENED, Verdict.SILENT),
        ],
        [("gone", "apt-get install gone")],
    )
    lines = text.splitlines()
    for line in (
        "| RFC 1 section 2 | a\\_case \\| one | ok | **fails** | widened |",
        "| RFC 1 section 3 | two | n/a | *fails* | silent |",
        "| fails a MUST | 0 | 1 | 0 |",
        "| fails a SHOULD | 0 | 1 | 0 |",
        "- gone: not installed (apt-get install gone)",
        "## What bad does otherwise",
        "- a_case | one (RFC 1 section 2): expected `GOAWAY`, got `a 'tick'`",
    ):
        assert line in lines
    assert "## What so does" not in text


def test_the_page_that_is_there_has_all_servers() -> None:
    text = PAGE.read_text()
    for peer in PEERS:
        assert f"\n- {peer.name}: " in text
    assert "## What h2static does otherwise" not in text


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    peer = Peer(
        name="none", program="no-such-program", install="pip install none", version=(),
        command=lambda port, folder: [],
    )  # fmt: skip
    with pytest.raises(Absent, match="pip install none"), running(peer, tmp_path):
        pass
