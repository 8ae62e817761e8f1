"""Media types by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2static.site.limits import DEFAULTS
from h2static.site.mediatypes import (
    DEFAULT_TYPE,
    MediaTypes,
    parse_mime_types,
    read_mime_types,
)


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("INDEX.HTM", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.mjs", "text/javascript; charset=utf-8"),
        ("a.txt", "text/plain; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.map", "application/json"),
        ("a.webmanifest", "application/manifest+json"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.woff2", "font/woff2"),
        ("a.avif", "image/avif"),
        ("a.tar.gz", "application/gzip"),
        ("LICENSE", "text/plain; charset=utf-8"),
        ("apple-app-site-association", "application/json"),
        ("unknown.xyzzy", "application/octet-stream"),
        ("noextension", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("html", "application/octet-stream"),
        ("a.", "application/octet-stream"),
    ],
)
def test_types(name: str, type_: str) -> None:
    assert MediaTypes().of(name.encode()) == type_.encode()


def test_a_file_adds_to_the_table_and_overrules_it(tmp_path: Path) -> None:
    path = tmp_path / "mime.types"
    path.write_text(
        "# a comment\n\ntext/x-special  .spc SPECIAL # another\n"
        "application/x-nothing\nimage/x-mine png\n"
    )
    types = MediaTypes(read_mime_types(str(path)))
    assert types.of(b"a.spc") == types.of(b"a.special") == b"text/x-special; charset=utf-8"
    assert types.of(b"a.png") == b"image/x-mine"
    assert types.of(b"a.css") == b"text/css; charset=utf-8"
    assert types.knows(b"a.spc")
    assert not types.knows(b"spc")


@pytest.mark.parametrize(
    "line", ["text html", "text/", "a/b/c x", "te\u0131t/html html", "text/html;x y"]
)
def test_what_is_no_type_is_named_with_its_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"^types:2: .* is not a media type$"):
        parse_mime_types(f"text/plain txt\n{line}\n", "types")


def test_a_file_that_is_none_of_media_types(tmp_path: Path) -> None:
    path = tmp_path / "mime.types"
    path.write_bytes(b"#" * (DEFAULTS.mime_types_file + 1))
    with pytest.raises(ValueError, match="longer than"):
        read_mime_types(str(path))
    with pytest.raises(FileNotFoundError):
        read_mime_types(str(tmp_path / "missing"))
    with pytest.raises(IsADirectoryError):
        read_mime_types(str(tmp_path))
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="Not a regular file"):
        read_mime_types(str(tmp_path / "fifo"))


def test_the_default_promises_nothing() -> None:
    assert DEFAULT_TYPE == b"application/octet-stream"
