"""Log files: opened for appending by several processes, and again once they were renamed."""

from __future__ import annotations

import os


def open_log(path: str) -> int:
    """A descriptor that appends to ``path``, which is made if need be.  Raises ``OSError``."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
