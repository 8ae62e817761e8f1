"""The command ``h2get`` in the test's own process.

Promise: :func:`h2get` runs the command to its end and returns its exit code and what it wrote; the
standard streams are the test's own again afterwards.
"""

from __future__ import annotations

import io
import sys
from dataclasses import dataclass

from h2static.h2get.cli import main


@dataclass(slots=True, kw_only=True)
class Done:
    """What a run has come to."""

    code: int
    octets: bytes
    errors: str

    @property
    def output(self) -> str:
        """Standard output as text."""
        return self.octets.decode("utf-8", "backslashreplace")


def h2get(*words: str, stdin: bytes = b"") -> Done:
    """Run ``h2get`` with ``words``."""
    out, err = io.BytesIO(), io.BytesIO()
    streams = sys.stdin, sys.stdout, sys.stderr
    sys.stdin = io.TextIOWrapper(io.BytesIO(stdin))
    sys.stdout, sys.stderr = io.TextIOWrapper(out, "utf-8"), io.TextIOWrapper(err, "utf-8")
    try:
        code = main(words)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            # Otherwise it would close what it writes to.
            stream.detach()
    finally:
        sys.stdin, sys.stdout, sys.stderr = streams
    return Done(code=code, octets=out.getvalue(), errors=err.getvalue().decode())
