"""The folder that real clients are tried on: contents of telling sizes."""

from __future__ import annotations

import random
from hashlib import sha256
from pathlib import Path

#: Nothing, little, and around the initial frame size and the initial window (RFC 9113 6.5.2).
SIZES = (0, 1, 16_384, 16_385, 65_535, 65_536)
HUGE = 100 * 1024 * 1024


def octets(size: int) -> bytes:
    """The content of the file ``/SIZE.bin``."""
    return random.Random(size).randbytes(size)


def write_site(folder: Path) -> Path:
    """Fill ``folder``; returns it.  ``/huge.bin`` is sparse but for its first megabyte."""
    (folder / "index.html").write_text("<!doctype html><title>t</title><p>hello")
    (folder / "style.css").write_text("p { color: teal }\n")
    (folder / "sub").mkdir()
    (folder / "sub" / "index.html").write_text("<!doctype html><title>sub</title>")
    for size in SIZES:
        (folder / f"{size}.bin").write_bytes(octets(size))
    with (folder / "huge.bin").open("wb") as file:
        file.write(octets(1 << 20))
        file.truncate(HUGE)
    return folder


def huge_digest() -> str:
    """SHA-256 of ``/huge.bin``, in hexadecimal digits."""
    digest = sha256(octets(1 << 20))
    zeros = bytes(1 << 20)
    for _ in range(HUGE // len(zeros) - 1):
        digest.update(zeros)
    return digest.hexdigest()


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits."""
    return sha256(content).hexdigest()
