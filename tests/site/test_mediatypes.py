"""Media types by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2static.http.messages import Response
from h2static.site.limits import DEFAULTS
from h2static.site.media_type_table import TABLE
from h2static.site.mediatypes import (
    DEFAULT_TYPE,
    MediaTypes,
    parse_mime_types,
    read_mime_types,
)
from tests.site.harness import cannot_tell, field, make_client, request, write


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
        # What clients act upon.
        ("a.usdz", "model/vnd.usdz+zip"),
        ("a.reality", "model/vnd.reality"),
        ("a.mobileconfig", "application/x-apple-aspen-config"),
        ("a.pkpass", "application/vnd.apple.pkpass"),
        ("a.pkpasses", "application/vnd.apple.pkpasses"),
        ("a.xpi", "application/x-xpinstall"),
        ("a.crx", "application/x-chrome-extension"),
        ("a.ipa", "application/x-itunes-ipa"),
        ("manifest.plist", "text/xml; charset=utf-8"),
        ("a.apk", "application/vnd.android.package-archive"),
        ("a.msix", "application/msix"),
        ("a.appinstaller", "application/appinstaller"),
        ("a.flatpakref", "application/vnd.flatpak.ref"),
        ("a.jnlp", "application/x-java-jnlp-file"),
        ("a.torrent", "application/x-bittorrent"),
        ("a.cer", "application/pkix-cert"),
        ("a.p12", "application/pkcs12"),
        ("a.m4s", "video/iso.segment"),
        ("a.ttl", "text/turtle; charset=utf-8"),
        # What build tools read and write.
        ("a.tsx", "text/x-typescript; charset=utf-8"),
        ("a.jsx", "text/x-typescript; charset=utf-8"),
        ("a.scss", "text/x-scss; charset=utf-8"),
        ("a.vue", "text/x-vue; charset=utf-8"),
        ("a.wgsl", "text/wgsl; charset=utf-8"),
        ("a.ktx2", "image/ktx2"),
        ("a.cmfv", "video/iso.segment"),
        ("a.eml", "message/rfc822"),
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
        "# a comment\n\nTEXT/X-Special  .spc SPECIAL # another\n"
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


def packets(count: int, length: int = 188, start: int = 0) -> bytes:
    return (bytes(start) + b"\x47" + bytes(range(length - start - 1))) * count


@pytest.mark.parametrize(
    ("content", "is_stream"),
    [
        (packets(1), True),
        (packets(2), True),
        (packets(3), True),
        (packets(100), True),
        (packets(3) + b"cut off", True),
        # Cameras: four octets of time before each packet.
        (packets(3, 192, 4), True),
        (b"", False),
        (b"G", False),
        (packets(1) + b"more", False),
        (packets(2)[:-1], False),
        (packets(2) + bytes(188), False),
        (b"GET = 1;\n" * 100, False),
        (b"export const a = 1;\n" * 100, False),
        (b"G" * 188 + b"x" * 100 + b"G" * 400, False),
    ],
)
@pytest.mark.parametrize("name", ["/a.ts", "/a.mts", "/A.TS"])
def test_typescript_or_a_transport_stream(
    root: Path, content: bytes, is_stream: bool, name: str
) -> None:
    write(root, name[1:], content)
    client = make_client(root)
    expected = "video/mp2t" if is_stream else "text/x-typescript; charset=utf-8"
    for fields in ({}, {"range": "bytes=0-0"}):
        assert field(client.get(name, **fields), "content-type") == expected or not content
    assert field(client.get(name, "HEAD"), "content-type") == expected


def test_the_owners_table_knows_better_what_a_transport_stream_is(root: Path) -> None:
    write(root, "a.ts", packets(3))
    types = write(root.parent, "types", "text/vnd.trolltech.linguist ts\n")
    client = make_client(root, mime_types_file=str(types))
    expected = "text/vnd.trolltech.linguist; charset=utf-8"
    assert field(client.get("/a.ts"), "content-type") == expected


def test_the_beginning_of_a_transport_stream_is_waited_for_elsewhere(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a.ts", packets(10_000))
    client = make_client(root)
    client.clock.settle()
    cannot_tell(monkeypatch)
    assert not isinstance(client.site.look(request("/a.ts")), Response)
    assert field(client.get("/a.ts"), "content-type") == "video/mp2t"


def test_paths_of_applications_are_not_taken_for_files() -> None:
    for name in (
        b"jane.me",
        b"example.com",
        b"example.net",
        b"john.doe",
        b"a.b",
        b"v1.2",
        b"m.man",
    ):
        assert not MediaTypes().knows(name)


def test_no_extension_has_two_types() -> None:
    words = [line.partition("#")[0].split() for line in TABLE.splitlines()]
    extensions = [extension for line in words for extension in line[1:]]
    assert len(extensions) == len(set(extensions)) > 300


def test_the_default_promises_nothing() -> None:
    assert DEFAULT_TYPE == b"application/octet-stream"


@pytest.mark.parametrize(
    ("document", "type_"),
    [
        ("<meta charset=windows-1252>", "text/html"),
        ("<html><head>\n<META  name=x Charset = 'ISO-8859-1' />", "text/html"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=Shift_JIS">', "text/html"),
        ("<meta charset=UTF-8>", "text/html; charset=utf-8"),
        ('<meta charset="utf8">', "text/html; charset=utf-8"),
        ("<p>no word of it", "text/html; charset=utf-8"),
        ("", "text/html; charset=utf-8"),
        ("<metadata charset=latin1>", "text/html; charset=utf-8"),
        # Browsers look no further.
        (f"<!--{'x' * 1024}--><meta charset=latin1>", "text/html; charset=utf-8"),
    ],
)
def test_a_document_that_names_its_charset_is_not_contradicted(
    root: Path, document: str, type_: str
) -> None:
    write(root, "index.html", document)
    write(root, "a.css", document)
    client = make_client(root)
    for path in ("/", "/index.html"):
        assert field(client.get(path), "content-type") == type_
    # A style sheet is no document.
    assert field(client.get("/a.css"), "content-type") == "text/css; charset=utf-8"
