"""The problems of the commands of ``--run``: a file that one process writes and workers read.

Contract: a reader sees a complete report, or the previous one.  No file means no problems.
"""

from __future__ import annotations

import contextlib
import json
import os

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits


def write_report(path: str, problems: list[str]) -> None:
    """Say what is wrong."""
    temporary = f"{path}.new"
    # Without a folder, the server has exited.
    with contextlib.suppress(OSError):
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump(problems, file)
        os.rename(temporary, path)


class RunReport:
    """Re-reads the report when it has changed."""

    def __init__(self, path: str, limits: DevLimits = DEFAULT_LIMITS) -> None:
        self._path = path
        self._limits = limits
        self._seen: tuple[int, int] | None = None

    def changed(self) -> list[str] | None:
        """The problems, if they have changed since the last call."""
        try:
            status = os.stat(self._path)
            version = status.st_mtime_ns, status.st_ino
            if version == self._seen:
                return None
            with open(self._path, encoding="utf-8") as file:
                problems = json.loads(file.read(self._limits.run_report))
        except (OSError, ValueError):
            return None
        self._seen = version
        return [str(one) for one in problems] if isinstance(problems, list) else None
