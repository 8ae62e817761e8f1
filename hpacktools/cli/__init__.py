"""The commands ``hpack-deflate``, ``hpack-inflate`` and ``hpack-conformance``.

Each ``*_main`` returns the exit code: 0 success, 1 a case failed, 2 wrong usage, unusable input or
output that cannot be written, 130 interrupted, 141 the reader of the output went away.  The last
two are what shells report for a program that SIGINT or SIGPIPE ended.  A command imports only what
it needs, so starting one costs no more than the interpreter, the codec and argparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

#: Exit codes that shells report for a program ended by SIGINT or SIGPIPE.
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
    """Run a command, which ``run`` imports.  An interruption or a failing standard output produces
    one line at most, never a traceback."""
    import io
    import os
    import signal
    import sys

    from hpacktools.descriptors import open_missing

    open_missing()
    if sys.stderr is None:
        # Messages would go to standard output instead.
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 -- as long as the process
    if sys.stdout is None:
        print(f"{command}: standard output is closed", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        # The text is for people: escape characters that their encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            code = run()
        except SystemExit as stop:
            # argparse exits this way, after --help and after a wrong option.
            code = stop.code if isinstance(stop.code, int) else 1
        sys.stdout.flush()
    except KeyboardInterrupt:
        # The command is over: a second Ctrl-C must not print a traceback of the interpreter.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        return _INTERRUPTED
    except OSError as error:
        # Buffered output has nowhere to go; the interpreter would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # The reader closed its end.
            return _NO_READER
        print(f"{command}: standard output: {error.strerror or error}", file=sys.stderr)
        return 2
    return code
