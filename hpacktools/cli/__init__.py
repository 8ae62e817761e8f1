"""The commands ``hpack-deflate``, ``hpack-inflate`` and ``hpack-conformance``.

Each ``*_main`` returns the exit code: 0 all is well, 1 a case failed or the reader of the output
went away, 2 wrong usage, input that cannot be used or output that cannot be written, 130
interrupted.  A command imports only what it needs: they start in the time of the interpreter, the
codec and argparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def deflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-deflate``: encode header lists."""
    from .deflate import COMMAND, run

    return _guard(COMMAND, run, arguments)


def inflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-inflate``: decode header blocks."""
    from .inflate import COMMAND, run

    return _guard(COMMAND, run, arguments)


def conformance_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-conformance``: run stories against this codec or another."""
    from .conformance import COMMAND, run

    return _guard(COMMAND, run, arguments)


def _guard(
    command: str, run: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None
) -> int:
    """Run a command; what happens to its standard output is worth a line, never a traceback."""
    import io
    import os
    import sys

    if sys.stdout is None:
        print(f"{command}: standard output: is closed", file=sys.stderr)
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Text is for people: a character that their encoding lacks is escaped.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            code = run(arguments)
        except SystemExit as stop:
            # argparse ends so, after --help and after a wrong option.
            code = stop.code if isinstance(stop.code, int) else 1
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except OSError as error:
        # What is still buffered has nowhere to go; the interpreter would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            # The reader has seen enough.
            return 1
        print(f"{command}: standard output: {error.strerror or error}", file=sys.stderr)
        return 2
    return code
