"""A reader at a terminal: commands are typed, what they print is compared with the page.

Promise: whatever a :class:`Reader` starts is gone when its block ends.

Strategy: one bash stays for the whole page, so that ``cd`` and ``activate`` last.  Pages use the
ports that readers know; :data:`PORTS` is the one place where they become ports of this run.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.docs.markdown import Block
from tests.support.servers import free_port

#: Ports in the pages.  Each is replaced, in commands and in files, by one that is free, and put
#: back in what is printed.
PORTS = ("8080", "8443", "9090", "3000")
#: Whether sessions without "…" become what is printed now, for those who have changed messages.
UPDATE = bool(os.environ.get("H2STATIC_TEST_UPDATE"))
#: Seconds for a command, which may install packages.
COMMAND_DEADLINE = 300.0
#: Seconds for a server to print what the page shows, and to end.
DEADLINE = 90.0

#: What differs from run to run, and what stands for it on both sides.
_CHANGING = [
    (r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", "DATE"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "DATE"),
    (r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}", "DATE"),
    (r"\b\d\d:\d\d:\d\d\b", "TIME"),
    (r"<?\b\d+(\.\d+)? ?m?s\b", "DURATION"),
    (r"\[ *\d+\.\d+\]", "[CLOCK]"),
    (r"\b(h2static|h2get) \d+\.\d+\.\d+\S*( \((plain|compiled)\))?", r"\1 VERSION"),
    (r"\b(nghttp2|curl|h2get|h2static)/[\d.]+\w*", r"\1/VERSION"),
    (r"(127\.0\.0\.1|\[::1\]):\d{4,5}\b", "ADDRESS"),
    (r'"pid": ?\d+', '"pid": PID'),
    (r"[ \t]+", " "),
]
#: Stands for any number of lines, or for anything within a line.
_ANYTHING = "…"


def normalized(text: str) -> list[str]:
    """The lines of ``text`` without what differs from run to run."""
    text = re.sub(r"\x1b\[[\d;]*m", "", text)
    for pattern, name in _CHANGING:
        text = re.sub(pattern, name, text)
    return [line.strip() for line in text.strip().splitlines()]


def _pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.split(_ANYTHING))


def matches(shown: str, printed: str) -> bool:
    """Whether ``printed`` is what the page shows, line by line.

    Standard output and standard error come in no certain order: the lines may come in another one.
    """
    if sorted(normalized(shown)) == sorted(normalized(printed)):
        return True
    expected = "".join(
        r"(?:.*\n)*" if line == _ANYTHING else _pattern(line) + r"\n" for line in normalized(shown)
    )
    return bool(re.fullmatch(expected, "".join(f"{line}\n" for line in normalized(printed))))


def contains(shown: str, printed: str) -> bool:
    """Whether the lines of ``shown`` come in ``printed`` in that order, others between them."""
    lines = iter(normalized(printed))
    return all(
        any(re.fullmatch(_pattern(wanted), line) for line in lines)
        for wanted in normalized(shown)
        if wanted != _ANYTHING
    )


def commands_of(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a ``console`` block, and what each prints."""
    command: list[str] = []
    output: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            if command:
                yield "\n".join(command), "\n".join(output)
            command, output = [line[2:]], []
        elif line.startswith("> ") and not output:
            command.append(line[2:])
        else:
            output.append(line)
    if command:
        yield "\n".join(command), "\n".join(output)


@dataclass(slots=True)
class _Server:
    """What runs in a terminal of its own."""

    process: subprocess.Popen[bytes]
    output: Path

    def printed(self) -> str:
        """What it has printed so far."""
        return self.output.read_text(errors="replace")

    def stop(self) -> None:
        """Ctrl-C; then what does not listen to that."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGINT)
        try:
            self.process.wait(DEADLINE)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@dataclass(slots=True)
class Reader:
    """Someone who does what a page says, in ``folder``."""

    folder: Path
    environment: Mapping[str, str]
    ports: dict[str, str] = field(default_factory=dict)
    servers: list[_Server] = field(default_factory=list)
    _shell: subprocess.Popen[str] = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.ports = {name: str(free_port()) for name in PORTS}
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            while self.servers:
                self.servers.pop().stop()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._shell.pid, signal.SIGKILL)
            with self._shell:
                pass

    def with_ports(self, text: str) -> str:
        """``text`` of the page with the ports of this run."""
        return re.sub(rf"\b({'|'.join(PORTS)})\b", lambda match: self.ports[match[1]], text)

    def shown(self, text: str) -> str:
        """What was printed, as the page would show it."""
        for port, chosen in self.ports.items():
            text = re.sub(rf"\b{chosen}\b", port, text)
        return text.replace(f"{self.folder}/", "").replace(self.environment["HOME"], "~")

    def type(self, command: str) -> tuple[str, int]:
        """What ``command`` printed, and the exit code of the first part that failed, or 0."""
        printed, code = self._run(self.with_ports(command))
        return self.shown(printed), code

    def _run(self, command: str) -> tuple[str, int]:
        self._number += 1
        end = f"end-of-command-{self._number}"
        file = self._beside(f"{self._number}.sh")
        file.write_text(command + "\n")
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(
            f"failed=0; trap 'failed=$?' ERR; . '{file}' </dev/null; trap - ERR;"
            f" printf '\\n%s %s\\n' {end} $failed\n"
        )
        self._shell.stdin.flush()
        printed = ""
        limit = time.monotonic() + COMMAND_DEADLINE
        while not (found := re.search(rf"\n{end} (\d+)\n", printed)):
            left = limit - time.monotonic()
            ready = left > 0 and select.select([self._shell.stdout], [], [], left)[0]
            assert ready, f"{command}: not done after {COMMAND_DEADLINE} s: {printed}"
            piece = os.read(self._shell.stdout.fileno(), 65_536).decode(errors="replace")
            assert piece, f"{command}: the shell ended: {printed}"
            printed += piece
        return printed[: found.start()], int(found[1])

    def _beside(self, name: str) -> Path:
        """A file outside of the folder, which commands of pages do not see."""
        return self.folder.with_name(f".{self.folder.name}.{name}")

    def serve(self, command: str) -> None:
        """Start ``command`` in another terminal, which has this one's folder and variables.

        Returns once it listens at those of :data:`PORTS` that it names.
        """
        place, variables = self._beside("place"), self._beside("variables")
        self._run(f"pwd -P > '{place}'; env -0 > '{variables}'")
        entries = variables.read_text().split("\0")
        output = self._beside(f"{self._number}.server")
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {self.with_ports(command)}"],
                cwd=place.read_text().strip(),
                env=dict(entry.split("=", 1) for entry in entries if entry),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.servers.append(_Server(process, output))
        for port in PORTS:
            if re.search(rf"\b{port}\b", command):
                self._wait(partial(self._listens, port), f"listening at {port}")

    def prints(self, shown: str) -> None:
        """Wait until the server has printed the lines that the page shows."""
        self._wait(lambda: contains(shown, self.shown(self.servers[-1].printed())), shown)

    def stop(self) -> None:
        """Ctrl-C for the server that was started last."""
        self.servers.pop().stop()

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        server = self.servers[-1]
        limit = time.monotonic() + DEADLINE
        while not condition():
            late = time.monotonic() > limit or server.process.poll() is not None
            assert condition() or not late, f"not so: {what}\n\n{self.shown(server.printed())}"
            time.sleep(0.02)

    def _listens(self, port: str) -> bool:
        """Whether something listens there.  On Linux nothing connects: logs do not have it."""
        number = int(self.ports[port])
        tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
        if tables[0].exists():
            # Local address, remote address, state.
            listening = re.compile(rf":{number:04X} [0-9A-F]+:0000 0A ")
            return any(listening.search(one.read_text()) for one in tables if one.exists())
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", number), 1).close()
            return True
        return False


def play(reader: Reader, blocks: Sequence[Block], *, all_commands: bool) -> None:
    """Do what ``blocks`` say, in their order, and compare what is printed.

    ``all_commands``: blocks of commands without output (``sh``) are run, too, not only those with a
    note.  Blocks with a title are files.
    """
    for block in blocks:
        for note in block.notes:
            verb, _, rest = note.partition(": ")
            if verb == "before":
                printed, code = reader.type(rest)
                assert code == 0, f"{block}: {rest}: {printed}"
            elif verb == "start":
                reader.serve(rest)
            elif verb == "stop":
                reader.stop()
        if block.note("skip") is not None:
            continue
        if block.title:
            path = reader.folder / block.title
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(reader.with_ports(block.text))
        elif block.note("prints") is not None:
            reader.prints(block.text)
        elif block.language == "console":
            _session(reader, block)
        elif block.language == "sh" and (all_commands or block.note("run") is not None):
            if block.note("server") is not None:
                reader.serve(block.text.strip())
            else:
                printed, code = reader.type(block.text)
                assert code == 0, f"{block}: exit code {code}: {printed}"


def _session(reader: Reader, block: Block) -> None:
    for command, shown in commands_of(block):
        if block.note("server") is not None:
            reader.serve(command)
            reader.prints(shown)
            continue
        printed, _ = reader.type(command)
        if not matches(shown, printed) and UPDATE and shown and _ANYTHING not in shown:
            text = block.page.read_text()
            block.page.write_text(text.replace(f"{shown}\n", f"{printed.strip()}\n", 1))
            continue
        assert matches(shown, printed), f"{block}: $ {command}\n{printed}\n---\n{shown}"
