"""The command ``h2static``: its entry point.

Contract: :func:`main` returns the exit code, see :mod:`h2static.command.start`.

Strategy: a server is wanted quickly, and both the supervisor and its first worker have modules to
load.  Where the words look as if a server were wanted, the worker's process is launched before
anything else is loaded, and the two load at the same time.  Before that signals are held back, so
that none that comes early is lost or leaves something behind; and first of all the standard streams
are completed, before anything else can get their numbers.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from h2static.process.early_signals import EarlySignals
from hpacktools.descriptors import complete_streams

if TYPE_CHECKING:
    from h2static.process.launching import Launched


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments``, those of the process by default."""
    closed = complete_streams()
    early_signals = EarlySignals()
    try:
        words = sys.argv[1:] if arguments is None else list(arguments)
        launched = _launch_if_serving(words)
        # After the launch: see the module.
        from h2static.command.start import run

        return run(words, early_signals, launched, closed)
    except KeyboardInterrupt:
        # Nothing is open.  A worker that was launched ends when its line does, with this process.
        return 0
    finally:
        early_signals.release()


def _launch_if_serving(words: Sequence[str]) -> Launched | None:
    """A process to be the first worker; ``None`` when the words do not look as if one were needed.

    A wrong guess costs a process that ends at once, or a little time.
    """
    if not any(word.isdigit() for word in words):
        return None
    from h2static.process.launching import launch

    with contextlib.suppress(OSError):
        return launch()
    return None
