"""The pages about the Python API name every public name, and the ones that are no longer there."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.docs.markdown import DOCS

FOLDER = DOCS / "reference/python"
MODULES = {
    "h2static": "h2static",
    "client": "h2static.client",
    "h2": "h2static.h2",
    "hpacktools": "hpacktools",
    "qpack": "hpacktools.qpack",
    "testing": "h2static.testing",
}


@pytest.mark.parametrize("page", MODULES)
def test_every_public_name_has_its_place(page: str) -> None:
    module = MODULES[page]
    named = re.findall(r"^::: (\S+)$", (FOLDER / f"{page}.md").read_text(), re.MULTILINE)
    public = set(importlib.import_module(module).__all__) - {"__version__"}
    assert sorted(named) == sorted(f"{module}.{name}" for name in public)


def test_docstrings_become_markdown() -> None:
    pytest.importorskip("griffe", reason="it comes with the dependency group docs")
    from docs.docstrings import as_markdown

    text = "Raises :class:`~h2static.errors.UsageError`, see :attr:`.names`; so::\n\n    code"
    assert as_markdown(text) == "Raises `UsageError`, see `names`; so:\n\n    code"


def test_comments_above_attributes() -> None:
    pytest.importorskip("griffe", reason="it comes with the dependency group docs")
    from docs.docstrings import comment_above

    lines = [
        "class A:",
        "    # no",
        "    #: Seconds",
        "    #: to wait.",
        "    b: int",
        "    c: int",
    ]
    assert comment_above(lines, 5) == "Seconds\nto wait."
    assert comment_above(lines, 6) == comment_above(lines, 1) == ""
