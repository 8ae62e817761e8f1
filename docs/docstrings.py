"""Docstrings of the sources as Markdown, for the pages about the Python API.

Contract: ``:class:`~h2static.config.Config``` becomes ```Config```, and a paragraph that ends in
``::`` introduces an indented example; everything else is Markdown already.  MkDocs loads this as an
extension of Griffe.
"""

from __future__ import annotations

import re
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


class Docstrings(griffe.Extension):  # type: ignore[misc]  # Any, see pyproject.toml
    """Rewrites each docstring as it is read."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object of the sources."""
        if obj.docstring is not None:
            obj.docstring.value = as_markdown(obj.docstring.value)
