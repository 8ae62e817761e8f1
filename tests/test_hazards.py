"""The table of hostile scenarios is complete, and its tests exist."""

from __future__ import annotations

import ast
import functools
import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
TABLE = REPOSITORY / "docs/hazards.md"
SCENARIOS = 84

_ROW = re.compile(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)
_NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(text: str) -> list[tuple[int, str]]:
    """Number and tests of each scenario."""
    return [(int(row[1]), row[4]) for row in _ROW.finditer(text)]


@functools.cache
def names_of(path: Path) -> frozenset[str]:
    """The names of the tests that pytest finds at the top of a module."""
    return frozenset(
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    )


def missing(cell: str) -> list[str]:
    """What of a cell names no test."""
    parts = cell.split("<br>")
    found = [_NODE.fullmatch(part) for part in parts]
    return [
        part
        for part, node in zip(parts, found, strict=True)
        if node is None
        or not (path := REPOSITORY / node[1]).is_file()
        or node[2] not in names_of(path)
    ]


def test_every_scenario_is_there_once_and_in_order() -> None:
    text = TABLE.read_text()
    assert [number for number, _ in rows(text)] == list(range(1, SCENARIOS + 1))
    # No row is overlooked because of its form.
    assert len(re.findall(r"^\| *\d", text, re.MULTILINE)) == SCENARIOS


def test_every_scenario_has_tests_and_they_exist() -> None:
    assert [entry for _, cell in rows(TABLE.read_text()) for entry in missing(cell)] == []


def test_tests_with_a_number_stand_at_that_number() -> None:
    """Those whose name says which scenario they play."""
    named = dict(rows(TABLE.read_text()))
    absent = []
    for path in (REPOSITORY / "tests").rglob("test_*.py"):
        for name in names_of(path):
            numbers = re.match(r"test_hazards?_(\d\d)(?:_and_(\d\d))?_", name)
            for number in filter(None, numbers.groups() if numbers else ()):
                cells = named[int(number)]
                node = f"{path.relative_to(REPOSITORY)}"
                if f"`{node}::" not in cells:
                    absent.append(f"{number}: {node}::{name}")
    assert absent == []


def test_what_does_not_exist_is_noticed() -> None:
    right = "`tests/test_hazards.py::test_what_does_not_exist_is_noticed`"
    assert missing(right) == []
    for wrong in ("`tests/test_hazards.py::test_no`", "`tests/no.py::test_no`", "none", ""):
        assert missing(f"{right}<br>{wrong}") == [wrong]
