"""Edits of files that a watcher sees as one change, however slow the machine.

Promise: no moment exists in which the file is empty or half written.  ``Path.write_text`` has such
a moment; where the writer has to wait for a processor just then, a watcher tells of two changes.
"""

from __future__ import annotations

from pathlib import Path


def replace(path: Path, content: str | bytes) -> None:
    """Write beside ``path``, under a name that watchers ignore, and rename, as many editors do."""
    temporary = path.with_name(path.name + "~")
    temporary.write_bytes(_octets(content))
    temporary.rename(path)


def overwrite(path: Path, content: str | bytes) -> None:
    """Write over what ``path`` has, in place and at once; ``content`` must not be shorter."""
    octets = _octets(content)
    assert len(octets) >= path.stat().st_size
    with path.open("r+b", buffering=0) as file:
        file.write(octets)


def _octets(content: str | bytes) -> bytes:
    return content if isinstance(content, bytes) else content.encode()
