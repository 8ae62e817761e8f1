"""Start the commands of ``--run`` alongside the server, and stop them.

Contract: the commands run inside :func:`commands_running`; afterward they and everything they
started have been stopped.  If this process dies, they are stopped as well.
"""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from h2static.config import Config
from h2static.errors import StartError, UsageError

#: As for workers: the current folder is not searched for modules.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from h2static.process.runner import main; main()"
)
#: Characters that only a shell can interpret.
_OF_SHELL = frozenset("|&;<>()$`\\\"'*?[]#~{}!")
_BUILT_IN = frozenset(("cd", "exec", "export", "eval", "test", ".", ":", "set", "sleep", "exit"))
#: Seconds for the commands to exit.
_STOPPING = 10.0


def check_commands(commands: Sequence[str]) -> None:
    """Raise ``UsageError`` for a command that certainly does not exist."""
    for command in commands:
        if not command.strip():
            raise UsageError("--run: the command is empty")
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--run: {command}: {error}") from None
        program = next((word for word in words if "=" not in word), "")
        if not program or program in _BUILT_IN or _OF_SHELL & set(program):
            continue
        if shutil.which(program) is None:
            raise UsageError(f"--run: {command}: program not found: {program}")


@contextlib.contextmanager
def commands_running(config: Config, place: str | None) -> Iterator[Config]:
    """Run the commands of ``config`` in the folder ``place``; yields the configuration for workers.

    Raises ``StartError``.
    """
    if not config.run:
        yield config
        return
    color = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    with tempfile.TemporaryDirectory(prefix="h2static-") as folder:
        report = os.path.join(folder, "report")
        package = str(Path(__file__).parents[2])
        words = [report, "color" if color else "plain", json.dumps(config.run)]
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and program
                [sys.executable, "-P", "-c", _PROGRAM, package, *words],
                stdin=subprocess.PIPE,
                # A daemon has left the folder that the commands expect.
                cwd=place,
            )
        except OSError as error:
            raise StartError(f"--run: {error}") from error
        try:
            yield replace(config, run_report=report)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(_STOPPING)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
