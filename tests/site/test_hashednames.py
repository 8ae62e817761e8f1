"""Names with a digest of their content, and names that only look like it."""

from __future__ import annotations

import random
import string
from collections.abc import Callable

import pytest

from h2static.site.hashednames import content_hash, may_have_hash


@pytest.mark.parametrize(
    "name",
    [
        "main.8e1f2a3b4c5d6e7f8a9b.js",  # webpack [contenthash]
        "main.8e1f2a3b.chunk.js",  # create-react-app
        "main.8e1f2a3b.js.map",
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
        "styles.8f3b2c1d4e5f6a7b.css",  # Angular
        "index.8f3b2c1d.js",  # Parcel
        "application-9838ba08735aaa64aafa0ddc34d9f2b9.js",  # Rails: MD5
        "logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg",  # create-react-app
        "module_bg-BOfWBxP7.wasm",
        "inter-latin-CHdo91hT.woff2",
        "style.0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9.css",  # SHA-256
    ],
)
def test_hashed(name: str) -> None:
    found = content_hash(name.encode())
    assert found is not None
    assert found in name.encode()


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
        # Nothing but an identifier.
        "507f1f77bcf86cd799439011.json",
        "507f1f77bcf86cd799439011.js",
        "0bc83cb571cd1c50ba6f3e8a78ef1346.png",
        "8e1f2a3b4c5d6e7f8a9b.png",
        "-8e1f2a3b.js",
        "_8e1f2a3b4c5d6e7f8a9b.css",
        # Identifiers behind a name: MongoDB, PHP, UUID.
        "theme-507f1f77bcf86cd799439011.css",
        "theme-65a8e27d1b2c3.css",
        "theme-123e4567e89b42d3a4564266141740ab.css",
        "theme-123e4567-e89b-42d3-a456-4266141740ab.css",
        # Data.
        "session-65a8e27d.json",
        "report-8e1f2a3b4c5d6e7f8a9b.pdf",
        "data.8e1f2a3b4c5d6e7f8a9b.csv",
        "backup.8e1f2a3b.zip",
        "index.8e1f2a3b.html",
        "index.8e1f2a3b.xhtml",
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
    assert content_hash(name.encode()) is None


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
    assert sum(content_hash(name.encode()) is not None for name in names) >= at_least * len(names)


@pytest.mark.parametrize(
    ("name", "may"),
    [
        ("lazy4-e_OWJUAi.js", True),
        ("deep4-Do-CAhNk.js", True),
        ("lazy5-DhFcOTBM.js", True),
        ("main.8e1f2a3b.js", True),
        ("entry.DhFcOTBM.js", True),
        ("app-UserList.js", True),
        ("app-Settings.js", False),
        ("my-component.js", False),
        ("lib-33554432.js", False),
        ("app.js", False),
        ("lazy5-DhFcOTBM.json", False),
        ("-DhFcOTBM.js", False),
        ("a" * 300 + "-DhFcOTBM.js", False),
    ],
)
def test_what_may_be_a_hash(name: str, may: bool) -> None:
    assert may_have_hash(name.encode()) is may


def test_no_hash_of_vite_looks_impossible() -> None:
    """But those without a digit or a second capital, which are words."""
    chance = random.Random("loose")
    names = ["index-" + "".join(chance.choices(BASE64, k=8)) + ".js" for _ in range(2000)]
    assert sum(may_have_hash(name.encode()) for name in names) >= 0.99 * len(names)
