"""The commands of ``--run``: a process alongside the server that runs them and stops with it.

Contract: :func:`main` runs each command in a shell and a process group of its own, prints its
output with the command's name in front, and writes problems to a file that workers read
(:mod:`h2static.dev.run_report`).  At the end of its standard input, which is when the server has
exited for whatever reason, it stops the commands with SIGTERM, and with SIGKILL a moment later.

Assumes: nothing else reads its standard input.

Strategy: one thread, one ``selectors`` loop.  It is a separate process because workers come and go
while a command keeps running, and because only a process can notice the end of the supervisor in
every case.  A command's standard input stays open and silent, because watching tools exit when it
ends.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from h2static.dev.build_output import BuildOutput, shown
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.run_report import write_report
from h2static.process.launching import SUPERVISORS_SIGNALS


@dataclass(slots=True, kw_only=True)
class _Command:
    """A running command."""

    name: str
    process: subprocess.Popen[bytes]
    output: BuildOutput
    #: An incomplete line.
    rest: bytes = b""
    open: bool = True
    ended: bool = field(default=False)


class Runner:
    """Runs commands until it is stopped."""

    def __init__(
        self,
        commands: Sequence[str],
        report: str,
        *,
        color: bool,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``report``: the file for problems."""
        self._report = report
        self._color = color
        self._limits = limits
        self._told: list[str] = []
        self._selector = selectors.DefaultSelector()
        self._commands = [
            self._start(command, name)
            for command, name in zip(commands, names_of(commands), strict=True)
        ]

    def _start(self, command: str, name: str) -> _Command:
        environment = {**os.environ}
        if self._color:
            environment.setdefault("FORCE_COLOR", "1")
        process = subprocess.Popen(  # noqa: S602 -- a shell is what the person who starts it means
            command,
            shell=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        running = _Command(name=name, process=process, output=BuildOutput(name, self._limits))
        self._selector.register(process.stdout, selectors.EVENT_READ, running)
        return running

    def run(self, until: int) -> None:
        """Print the commands' output, until the end of the descriptor ``until``."""
        self._selector.register(until, selectors.EVENT_READ, None)
        try:
            while True:
                for key, _ in self._selector.select(self._limits.run_turn_seconds):
                    if key.data is None:
                        if not os.read(until, 4096):
                            return
                    else:
                        self._read(key.data)
                self._look_for_ends()
                self._tell()
        finally:
            self.stop()

    def _read(self, one: _Command) -> None:
        assert one.process.stdout is not None
        try:
            octets = one.process.stdout.read(65536)
        except BlockingIOError:
            return
        if not octets:
            if octets is not None:
                self._selector.unregister(one.process.stdout)
                one.open = False
                self._print_lines(one, b"\n" if one.rest else b"")
            return
        self._print_lines(one, octets)

    def _print_lines(self, one: _Command, octets: bytes) -> None:
        *lines, rest = (one.rest + octets).split(b"\n")
        # An endless line is shown in parts.
        if len(rest) > self._limits.run_line:
            lines.append(rest)
            rest = b""
        one.rest = rest
        for octet_line in lines:
            line = octet_line.decode("utf-8", "replace").rstrip("\r")
            one.output.feed(line)
            self._print(one.name, shown(line, color=self._color))

    def _look_for_ends(self) -> None:
        for one in self._commands:
            # The remaining output comes first, unless another process keeps the pipe open.
            code = one.process.poll()
            if code is None or one.ended:
                continue
            if one.open:
                self._read(one)
            one.ended = True
            if code < 0:
                how = f"was killed by {signal.Signals(-code).name}"
            else:
                how = f"exited with code {code}"
            one.output.end(how, well=code == 0)
            self._print(one.name, how if code else "exited")

    def _print(self, name: str, text: str) -> None:
        prefix = f"\x1b[2m[{name}]\x1b[0m" if self._color else f"[{name}]"
        os.write(2, f"{time.strftime('%H:%M:%S')}  {prefix} {text}\n".encode("utf-8", "replace"))

    def _tell(self) -> None:
        problems = [one.output.problem for one in self._commands if one.output.problem]
        if problems != self._told:
            self._told = problems
            write_report(self._report, problems)

    def stop(self) -> None:
        """Stop every command, and everything it has started."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for one in self._commands:
                _signal_group(one.process.pid, number)
            end = time.monotonic() + self._limits.run_stop_seconds
            while time.monotonic() < end and any(
                _group_lives(one.process.pid, one.process) for one in self._commands
            ):
                time.sleep(0.02)


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def _group_lives(group: int, process: subprocess.Popen[bytes]) -> bool:
    process.poll()
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def names_of(commands: Sequence[str]) -> list[str]:
    """A short name for each command: its program, with a number if that is ambiguous."""
    names: list[str] = []
    for command in commands:
        words = [word for word in command.split() if "=" not in word] or ["run"]
        name = os.path.basename(words[0]) or "run"
        count = sum(one == name or one.startswith(f"{name} ") for one in names)
        names.append(f"{name} {count + 1}" if count else name)
    return names


def main() -> None:
    """Run the commands of the command line: the report's path, ``color`` or ``plain``, and JSON."""
    for number in SUPERVISORS_SIGNALS:
        # The terminal sends them to every process; the end of standard input is the signal to stop.
        signal.signal(number, signal.SIG_IGN)
    report, color, commands = sys.argv[-3:]
    Runner(json.loads(commands), report, color=color == "color").run(0)


if __name__ == "__main__":
    main()
