"""The reasons for refusals that stand in the sources, found by reading them.

Promise: :func:`reasons_in` gives every text with which a module refuses, resets, closes or answers
for the error log to know, as a pattern that the text fits once its gaps are filled.  A test that
provokes refusals compares: what it has not seen is a path that nobody walks.

Assumes: such a text stands literally in the call that refuses; :data:`CALLS` names these calls.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[2]

#: Functions and classes whose argument is a reason, each with the position of that argument.
CALLS = {
    "BadRequest": 1,
    "Broken": 0,
    "Malformed": 0,
    "StreamViolation": 2,
    "ConnectionViolation": 1,
    "Refusal": 1,
    "_break": 0,
    "_judge": 1,
    "_refused": 1,
    "_fail": 1,
    "limit": 1,
    "refusal": 1,
    "error": 2,
    "report": 2,
    "refuse": 3,
    "ProxyProtocolError": 0,
    "NoHeader": 0,
}
#: What fills the gaps of a text.
_GAP = r"[^\n]*"
#: Keyword arguments that are reasons.
KEYWORDS = ("refusal",)


class Reason(NamedTuple):
    """A text in the sources."""

    #: ``h2static/http1/head.py:138``.
    place: str
    pattern: re.Pattern[str]


def reasons_in(paths: Sequence[str]) -> list[Reason]:
    """All reasons of the modules ``paths``, which are relative to the repository."""
    return [reason for path in paths for reason in _reasons_of(REPOSITORY / path, path)]


def unseen(reasons: Sequence[Reason], text: str) -> list[str]:
    """Those of ``reasons`` that ``text`` has nowhere, for a person to read."""
    return [
        f"{one.place}: {one.pattern.pattern}" for one in reasons if not one.pattern.search(text)
    ]


def _reasons_of(path: Path, name: str) -> Iterator[Reason]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Call):
            for pattern in filter(None, map(_pattern, _arguments(node))):
                yield Reason(f"{name}:{node.lineno}", re.compile(pattern))
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
            # Status and reason, for the caller to refuse with.
            yield from _of_pair(node.value, f"{name}:{node.lineno}")


def _of_pair(pair: ast.Tuple, place: str) -> Iterator[Reason]:
    if len(pair.elts) == 2 and isinstance(pair.elts[0], ast.Constant):
        status, reason = pair.elts[0].value, _pattern(pair.elts[1])
        if isinstance(status, int) and not isinstance(status, bool) and reason:
            yield Reason(place, re.compile(reason))


def _arguments(call: ast.Call) -> Iterator[ast.expr]:
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    position = CALLS.get(name)
    if position is not None and position < len(call.args):
        yield call.args[position]
    for keyword in call.keywords:
        if keyword.arg in KEYWORDS:
            yield keyword.value


def _pattern(node: ast.expr) -> str | None:
    """A text as a pattern; ``None`` for what is no text, or one with nothing but gaps."""
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
    if not any(isinstance(text, str) and text for text in texts):
        return None
    return "".join(re.escape(text) if isinstance(text, str) else _GAP for text in texts)
