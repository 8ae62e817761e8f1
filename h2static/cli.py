"""The command ``h2static``: its entry point.

Contract: :func:`main` returns the exit status; see :mod:`h2static.command.start`.

Strategy: startup should be fast, and both the supervisor and its first worker have modules to load.
If the arguments look as if they start a server, the worker process is launched before anything else
is loaded, and the two load in parallel.  Before that, signals are blocked, so that an early one is
neither lost nor leaves anything behind; and first of all, missing standard streams are opened,
before anything else can get their numbers.
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
        # Nothing is open.  A launched worker exits when its pipe closes, with this process.
        return 0
    finally:
        early_signals.release()


def _launch_if_serving(words: Sequence[str]) -> Launched | None:
    """Launch the process of the first worker; ``None`` if the arguments do not seem to need one.

    A wrong guess costs a process that exits immediately, or a little time.
    """
    if not any(word.isdigit() for word in words):
        return None
    from h2static.process.launching import launch

    with contextlib.suppress(OSError):
        return launch()
    return None
