"""Markdown files as pages."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from h2static.dev.limits import DevLimits
from h2static.http.messages import Response
from tests.dev.support import ELEMENT, Dev, fields_of
from tests.support.exchange import read_all

TEXT = "# Title & more\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<b>bold</b> `code`\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "read me.md").write_text(TEXT)
    return tmp_path


def text_of(response: Response) -> str:
    body = response.body
    return (body if isinstance(body, bytes) else read_all(body)).decode()


def test_a_person_sees_a_page_that_reloads(root: Path) -> None:
    dev = Dev(root)
    for _ in range(2):
        response = dev.visit(b"/read%20me.md")
        assert response.status == 200
        assert fields_of(response)[b"content-type"] == b"text/html; charset=utf-8"
        text = text_of(response)
        assert "<h1>Title &amp; more</h1>" in text
        assert "<td>2</td>" in text
        assert "<b>bold</b> <code>code</code>" in text
        assert ELEMENT.decode() in text
        assert "<title>read me.md</title>" in text
    (root / "read me.md").write_text("# Another")
    assert "<h1>Another</h1>" in text_of(dev.visit(b"/read%20me.md"))


def test_others_get_the_file(root: Path) -> None:
    dev = Dev(root)
    for response in (dev.ask(b"/read%20me.md"), dev.visit(b"/read%20me.md?raw")):
        assert text_of(response) == TEXT
        assert fields_of(response)[b"content-type"] == b"text/markdown; charset=utf-8"
    assert text_of(Dev(root, friendly=False).visit(b"/read%20me.md")) == TEXT


def test_head_has_no_content(root: Path) -> None:
    response = Dev(root).visit(b"/read%20me.md", method=b"HEAD")
    assert (response.status, response.body) == (200, b"")
    assert fields_of(response)[b"content-type"] == b"text/html; charset=utf-8"


def test_large_files_are_shown_as_they_are(root: Path) -> None:
    assert text_of(Dev(root, limits=DevLimits(markdown=10)).visit(b"/read%20me.md")) == TEXT


def test_without_the_library_the_file_is_shown(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    assert text_of(Dev(root).visit(b"/read%20me.md")) == TEXT


def test_the_page_is_in_the_language_of_its_reader(root: Path) -> None:
    (root / "read me.de.md").write_text("# Titel")
    dev = Dev(root, languages=("en", "de"))
    german = dev.visit(b"/read%20me.md", (b"accept-language", b"de"))
    assert "<h1>Titel</h1>" in text_of(german)
    assert "<h1>Title &amp; more</h1>" in text_of(dev.visit(b"/read%20me.md"))
    fields = fields_of(german)
    assert fields[b"content-language"] == b"de"
    assert b"accept-language" in fields[b"vary"].split(b", ")
