"""What real clients sent, recorded: each file is a sequence of reads, length (4 octets) first.

Recorded by :mod:`tests.http2.sessions.record`, against the small site of the tests.
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def names(folder: Path = FOLDER) -> list[str]:
    """The sessions that exist in ``folder``."""
    return sorted(path.stem for path in folder.glob("*.session"))


def load(name: str, folder: Path = FOLDER) -> list[bytes]:
    """The reads of a session."""
    octets = (folder / f"{name}.session").read_bytes()
    reads = []
    position = 0
    while position < len(octets):
        size = int.from_bytes(octets[position : position + 4], "big")
        reads.append(octets[position + 4 : position + 4 + size])
        position += 4 + size
    return reads
