"""Text that an owner writes: one reader for every file, and the same words for the same faults."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.command.toml_config import read_file
from h2static.errors import UsageError
from h2static.site.hints.rule_files import load_push_rules
from h2static.site.mediatypes import parse_mime_types, read_mime_types
from h2static.site.plain_files import TextFileError, decode_text, read_text_file
from tests.site.harness import field, make_client, write

#: By the file's name: what it says, and what tells that it was understood.
FILES: dict[str, tuple[str, Callable[[Path], bool]]] = {
    "types": (
        "# first\ntext/x-a aaa\ntext/x-b bbb # ü\n",
        lambda path: read_mime_types(str(path)) == {b"aaa": b"text/x-a", b"bbb": b"text/x-b"},
    ),
    "h2static.toml": (
        'index = "ü.html"\n[cache]\n"*.js" = "no-store"\n',
        lambda path: read_file(str(path)).values["index"] == "ü.html",
    ),
    "rules.json": (
        '{"rules": [\n{"path": "/", "targets": ["/a.css"]}]}\n',
        lambda path: len(load_push_rules(path)) == 1,
    ),
    "_headers": (
        "/*\n  X-A: ü\n/a.txt\n  X-B: b\n",
        lambda path: _fields(path) == ("ü".encode().decode("latin-1"), "b"),
    ),
    "_redirects": (
        "# first\n/old /a.txt 302 # ü\n/older /b.txt\n",
        lambda path: [_location(path, old) for old in ("/old", "/older")] == ["/a.txt", "/b.txt"],
    ),
}


def _fields(path: Path) -> tuple[str | None, str | None]:
    write(path.parent, "a.txt")
    response = make_client(path.parent, netlify=True).get("/a.txt")
    return field(response, "x-a"), field(response, "x-b")


def _location(path: Path, old: str) -> str | None:
    return field(make_client(path.parent, netlify=True).get(old), "location")


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "BOM"])
@pytest.mark.parametrize("name", FILES)
def test_every_file_may_be_written_by_every_editor(
    root: Path, name: str, mark: str, line_end: str
) -> None:
    text, is_understood = FILES[name]
    path = write(root, name, (mark + text.replace("\n", line_end)).encode())
    assert is_understood(path)


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"#\n# \xe9", "{}:2: not UTF-8 at octet 4"),
        (b"#\r\n#\r# \xe9", "{}:3: not UTF-8 at octet 7"),
        ("# text\n".encode("utf-16"), "{}: UTF-16; save it as UTF-8"),
        (b"#\n#\0", "{}:2: not text: contains NUL"),
        ("# text".encode("utf-16-le"), "{}:1: not text: contains NUL"),
    ],
)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_text_is_refused_in_the_same_words(
    root: Path, name: str, octets: bytes, complaint: str
) -> None:
    path = write(root, name, octets)
    shown = name if name.startswith("_") else str(path)
    with pytest.raises((ValueError, UsageError)) as caught:
        FILES[name][1](path)
    assert str(caught.value) == complaint.format(shown)


def test_only_ends_of_lines_end_lines() -> None:
    # str.splitlines knows more: U+0085, U+2028, form feeds.
    for text in ("a\x0bb", "a\x0cb", "a\x1cb", "a\x85b", "a\u2028b"):
        assert decode_text(text.encode(), "x", 10) == text
    assert parse_mime_types("text/x-a aaa # \u2028 nonsense\n", "x") == {b"aaa": b"text/x-a"}


def test_the_limit_counts_octets(root: Path) -> None:
    path = write(root, "a", "ü" * 5)
    assert read_text_file(path, 10) == "ü" * 5
    with pytest.raises(TextFileError, match=r"a: longer than 9 octets$"):
        read_text_file(path, 9)


@pytest.mark.parametrize("kind", ["folder", "fifo", "missing"])
def test_what_is_no_file(root: Path, kind: str) -> None:
    if kind == "folder":
        (root / "a").mkdir()
    elif kind == "fifo":
        os.mkfifo(root / "a")
    with pytest.raises(OSError, match=r"Is a directory|Not a regular file|No such file"):
        read_text_file(root / "a", 10)


@given(st.binary(max_size=60))
def test_any_octets_are_text_or_one_line_of_complaint(octets: bytes) -> None:
    complaint = text = ""
    try:
        text = decode_text(octets, "x", 60)
    except TextFileError as error:
        complaint = str(error)
    assert "\n" not in complaint
    assert not {"\r", "\0"} & set(text)
