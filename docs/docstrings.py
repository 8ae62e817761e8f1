"""Docstrings of the sources as Markdown, for the pages about the Python API.

Contract: ``:class:`~h2static.config.Config``` becomes ```Config```, and a paragraph that ends in
``::`` introduces an indented example; everything else is Markdown already.  The comment with ``#:``
above an attribute is its docstring.  MkDocs loads this as an extension of Griffe.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import griffe

_ROLE = re.compile(r":[a-z]+:`(~?)\.?([\w.]+)`")


def as_markdown(text: str) -> str:
    """``text``, the docstring of something, in Markdown."""

    def name(match: re.Match[str]) -> str:
        short = match[2].rpartition(".")[2] if match[1] else match[2]
        return f"`{short}`"

    text = _ROLE.sub(name, text)
    return re.sub(r"(\s?)::$", lambda match: "" if match[1] else ":", text, flags=re.MULTILINE)


@cache
def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def comment_above(lines: list[str], number: int) -> str:
    """The comment with ``#:`` that ends above the line ``number``, which counts from 1."""
    found: list[str] = []
    while number > 1 and (line := lines[number - 2].strip()).startswith("#:"):
        found.insert(0, line.removeprefix("#:").strip())
        number -= 1
    return "\n".join(found)


class Docstrings(griffe.Extension):  # type: ignore[misc]  # Any, see pyproject.toml
    """Rewrites each docstring as it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object of the sources."""
        if obj.is_attribute and obj.docstring is None and obj.lineno is not None:
            text = comment_above(_lines(Path(obj.filepath)), obj.lineno)
            if text:
                obj.docstring = griffe.Docstring(text, parent=obj)
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
