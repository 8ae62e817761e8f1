"""The commands ``hpack-deflate``, ``hpack-inflate`` and ``hpack-conformance``.

Each ``*_main`` returns the exit code: 0 all is well, 1 a case failed, 2 wrong usage, input that
cannot be used or output that cannot be written, 130 interrupted, 141 the reader of the output went
away: the last two are what shells say of a program that SIGINT or SIGPIPE has ended.  A command
imports only what it needs: they start in the time of the interpreter, the codec and argparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

#: Exit codes of a program that SIGINT or SIGPIPE has ended, as shells report them.
_INTERRUPTED: Final = 130
_NO_READER: Final = 141


def deflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-deflate``: encode header lists."""

    def run() -> int:
        from .deflate import run

        return run(arguments)

    return _guard("hpack-deflate", run)


def inflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-inflate``: decode header blocks."""

    def run() -> int:
        from .inflate import run

        return run(arguments)

    return _guard("hpack-inflate", run)


def conformance_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-conformance``: run stories against this codec or another."""

    def run() -> int:
        from .conformance import run

        return run(arguments)

    return _guard("hpack-conformance", run)


def _guard(command: str, run: Callable[[], int]) -> int:
    """Run a command, which is imported by ``run``; an interruption, and what happens to its
    standard output, is worth a line at most, never a traceback."""
    import io
    import os
    import signal
    import sys

    from hpacktools.descriptors import open_missing

    open_missing()
    if sys.stderr is None:
        # What is said there would go to standard output instead.
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 -- as long as the process
    if sys.stdout is None:
        print(f"{command}: standard output: is closed", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Text is for people: a character that their encoding lacks is escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            code = run()
        except SystemExit as stop:
            # argparse ends so, after --help and after a wrong option.
            code = stop.code if isinstance(stop.code, int) else 1
        sys.stdout.flush()
    except KeyboardInterrupt:
        # All is over: who presses it once more need not see how the interpreter is interrupted.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _INTERRUPTED
    except OSError as error:
        # What is still buffered has nowhere to go; the interpreter would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # The reader has seen enough.
            return _NO_READER
        print(f"{command}: standard output: {error.strerror or error}", file=sys.stderr)
        return 2
    return code
