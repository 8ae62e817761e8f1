"""Names with a digest of their content, and names that only look like it."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from h2static.site.hashednames import is_content_hashed


@pytest.mark.parametrize(
    "name",
    [
        "main.8e1f2a3b4c5d6e7f8a9b.js",  # webpack [contenthash]
        "main.8e1f2a3b.chunk.js",  # create-react-app
        "main.8e1f2a3b.js.map",
        "8e1f2a3b4c5d6e7f8a9b.png",  # webpack asset modules
        "framework-3a1e2b4c5d6f7a8b.js",  # Next.js
        "index-BOfWBxP7.js",  # vite
        "index-d_sUHrwB.css",
        "react-CHdo91hT.svg",
        "chunk-X2-a9Bq_.js",  # rollup: a hash with a hyphen
        "entry.CHdo91hT.js",  # Nuxt, SvelteKit
        "app-Z7423ZV3.js",  # esbuild
        "app-RDVPDRLU.js",
        "app-K5Q2ZWXA.css.map",
        "app.min.0a1b2c3d.css",
        "style.0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9.css",  # SHA-256
    ],
)
def test_hashed(name: str) -> None:
    assert is_content_hashed(name.encode())


@pytest.mark.parametrize(
    "name",
    [
        "index.html",
        "app.js",
        "jquery-3.7.1.min.js",
        "bootstrap.bundle.min.js",
        "report-20240115.pdf",
        "IMG_20240101_123456.jpg",
        "app-UserList.js",
        "book-Chapter1.pdf",
        "game-Level2Up.png",
        "a-DOCUMENT.pdf",
        "x-CHAPTER2.pdf",
        "app-VERSION2.js",
        "app-TEMPLATE.js",
        "lib-33554432.js",
        "README-OVERVIEW.md",
        "face-deadbeef.png",
        "face-face2024.png",
        "report-20240115b.pdf",
        "scan-e20240115.pdf",
        "report-33554432.csv",  # a number that is base 32, too
        "logo-FreeRTOS.png",
        "logo-OpenLDAP.svg",
        "app-URLToken.js",
        "spec-HTTPPOST.md",
        "docs-CXXFLAGS.txt",
        "page-MAN3PAGE.txt",
        "table-0x2107UL.txt",
        "AIX-IBMClang.cmake",
        "Linux-TinyCC-C.cmake",
        "abi-mips-GNU.cmake",
        "Audient-iD4-0003.conf",
        "test-8000Hz-be-3ch-5S-24bit.wav",
        "deadbeef.js",
        "my-component.js",
        "123e4567-e89b-12d3-a456-4266141740ab.png",  # a UUID
        "8e1f2a3b.js",
        "8e1f2a3b4c5d6e7f8a9b",  # no extension
        "main.8e1f2a3b.",
        "main.8e1f2a3g.js",
        "main.8E1F2A3B4C5D6E7F8A9B.js",
        "",
        ".",
        "a" * 300 + ".8e1f2a3b4c5d.js",
    ],
)
def test_not_hashed(name: str) -> None:
    assert not is_content_hashed(name.encode())


BASE64 = string.ascii_letters + string.digits + "-_"
BASE32 = string.ascii_uppercase + "234567"


@pytest.mark.parametrize(
    ("form", "alphabet", "length", "at_least"),
    [
        ("index-{}.js".format, BASE64, 8, 0.7),
        ("index.{}.js".format, BASE64, 8, 0.7),
        ("app-{}.js".format, BASE32, 8, 0.85),
        ("app-{}.css.map".format, BASE32, 8, 0.85),
        ("app-{}.png".format, BASE32, 8, 0.5),
        ("main.{}.js".format, string.hexdigits[:16], 8, 0.88),
        ("main.{}.js".format, string.hexdigits[:16], 20, 0.99),
    ],
)
def test_most_hashes_are_recognised(
    form: Callable[[str], str], alphabet: str, length: int, at_least: float
) -> None:
    chance = random.Random(f"{alphabet}{length}")
    names = [form("".join(chance.choices(alphabet, k=length))) for _ in range(2000)]
    assert sum(is_content_hashed(name.encode()) for name in names) >= at_least * len(names)
