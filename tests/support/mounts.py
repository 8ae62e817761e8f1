"""Folders that are mounted by FUSE, whose changes nobody tells.

Promise: what :func:`bound` mounts is unmounted when the block ends.  Where that is not possible the
test is skipped with the reason: containers often lack ``/dev/fuse``.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.tools import require_tool


@contextlib.contextmanager
def bound(source: Path, place: Path) -> Iterator[None]:
    """Have ``source`` appear at ``place``, by ``bindfs``."""
    bindfs = require_tool("bindfs", package="bindfs")
    # Nothing is remembered by the kernel, as with other machines' files.
    words = [bindfs, "-o", "nonempty,attr_timeout=0,entry_timeout=0,negative_timeout=0"]
    done = subprocess.run(
        [*words, str(source), str(place)], capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode:
        pytest.skip(f"FUSE is not allowed here: {done.stderr.strip()}")
    try:
        yield
    finally:
        unmount(place)


def unmount(place: Path) -> None:
    """End what is mounted at ``place``, at once, whoever looks at it."""
    helper = shutil.which("fusermount3") or shutil.which("fusermount")
    assert helper is not None, "bindfs comes with it"
    subprocess.run([helper, "-u", "-z", str(place)], capture_output=True, timeout=30, check=False)
