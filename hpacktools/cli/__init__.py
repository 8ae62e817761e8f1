"""The commands ``hpack-deflate``, ``hpack-inflate`` and ``hpack-conformance``.

Each ``*_main`` returns the exit code: 0 all is well, 1 a case failed, 2 wrong usage or input that
cannot be used, 130 interrupted.  A command imports only what it needs: they start in the time of
the interpreter, the codec and argparse.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence


def deflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-deflate``: encode header lists."""
    from .deflate import run

    return _guard(run, arguments)


def inflate_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-inflate``: decode header blocks."""
    from .inflate import run

    return _guard(run, arguments)


def conformance_main(arguments: Sequence[str] | None = None) -> int:
    """``hpack-conformance``: run stories against this codec or another."""
    from .conformance import run

    return _guard(run, arguments)


def _guard(run: Callable[[Sequence[str] | None], int], arguments: Sequence[str] | None) -> int:
    """Run a command; neither Ctrl-C nor a reader that goes away is worth a traceback."""
    import os
    import sys

    try:
        code = run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # What is still buffered has nowhere to go; the interpreter would complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code
