"""The command ``h2get``: its entry point.

Contract: :func:`main` returns the exit status; see :mod:`h2static.h2get.exit_codes`.
"""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Sequence
from typing import Final

from h2static.errors import UsageError
from h2static.h2get import exit_codes
from hpacktools.descriptors import complete_streams

#: Objects after which garbage is looked for.  What is imported makes many objects and no garbage:
#: with the usual 700, a tenth of the start was spent on looking for it.
_COLLECTED_AFTER: Final = 50_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with ``arguments``, those of the process by default."""
    gc.set_threshold(_COLLECTED_AFTER)
    complete_streams()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A character that the encoding lacks is escaped; lines are flushed by turns.
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=False, write_through=False)
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = _run(words)
        _flush()
    except BaseException as error:
        return _code_of(_innermost(error))
    return code


def _flush() -> None:
    """Have what was written at last be seen.

    Raises ``BrokenPipeError`` and :class:`~h2static.h2get.output.Full`.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from h2static.h2get.output import Full

        raise Full(error.strerror) from error


def _innermost(error: BaseException) -> BaseException:
    """The first error of a group, which task groups may have nested."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _code_of(error: BaseException) -> int:
    """The exit status for an exception; re-raises unexpected ones."""
    from h2static.client.errors import ClientError
    from h2static.h2get.output import Full, Gone, complain, discard_output

    if isinstance(error, UsageError):
        complain(str(error))
        return exit_codes.USAGE
    if isinstance(error, ClientError):
        complain(str(error))
        return exit_codes.FAILED
    if isinstance(error, Gone | BrokenPipeError):
        discard_output()
        return exit_codes.NO_READER
    if isinstance(error, Full):
        discard_output()
        complain(f"standard output: {error}")
        return exit_codes.FAILED
    if isinstance(error, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    raise error


def _record(words: list[str]) -> int:
    from h2static.h2get.record import run_record

    return run_record(words)


def _replay(words: list[str]) -> int:
    from h2static.h2get.replay import run_replay

    return run_replay(words)


def _conformance(words: list[str]) -> int:
    from h2static.h2get.conformance import run_conformance

    return run_conformance(words)


def _completion(words: list[str]) -> int:
    from h2static.h2get.completion import run_completion

    return run_completion(words)


#: The commands in place of a URI.
COMMANDS: Final = {
    "record": _record,
    "replay": _replay,
    "conformance": _conformance,
    "completion": _completion,
}


def _run(words: list[str]) -> int:
    """Run ``words``.  Raises :class:`UsageError`."""
    if words and words[0] in COMMANDS:
        return COMMANDS[words[0]](words[1:])
    from h2static.h2get.arguments import help_text, parse

    arguments = parse(words)
    if arguments.help:
        print(help_text(), end="")
        return exit_codes.OK
    if arguments.version:
        from h2static.version import __version__

        print(f"h2get h2static/{__version__}")
        return exit_codes.OK
    if arguments.script is not None:
        from h2static.h2get.scripts import run_script

        return run_script(arguments)
    if arguments.ws:
        from h2static.h2get.websocket import run_websocket

        return run_websocket(arguments)
    from h2static.h2get.run import run

    return run(arguments)
