"""The command ``h2static``: its entry point.

Contract: :func:`main` returns the exit code, see :mod:`h2static.start`.

Strategy: a server is wanted quickly, and both the supervisor and its first worker have modules to
load.  Where the words look as if a server were wanted, the worker's process is launched before
anything else is loaded, and the two load at the same time.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence

from h2static.server.launching import Launched, launch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments``, those of the process by default."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    launched = _launch_if_serving(words)
    # After the launch: see the module.
    from h2static.start import run

    return run(words, launched)


def _launch_if_serving(words: Sequence[str]) -> Launched | None:
    """A process to be the first worker; ``None`` when the words do not look as if one were needed.

    A wrong guess costs a process that ends at once, or a little time.
    """
    if not any(word.isdigit() for word in words):
        return None
    with contextlib.suppress(OSError):
        return launch()
    return None
