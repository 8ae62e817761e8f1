"""``nghttpd`` as a real process, to compare with.

Promise: an nghttpd that :func:`running_nghttpd` starts listens on 127.0.0.1 at a port of its own
and is gone when the block ends, whatever state it is in.  Where it is missing the test is skipped.

Assumes: nghttpd cannot pick a port, so one that is free is tried, a few times.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import DEADLINE
from tests.support.tools import require_tool

_TRIES = 5
#: The lowest port that Linux gives to those who do not care for its number; macOS begins higher.
_FIRST_OF_THE_SYSTEM = 32_768
#: Ports that this process has given.
_GIVEN: set[int] = set()


@dataclass(slots=True, kw_only=True)
class RunningNghttpd:
    """An nghttpd that accepts connections."""

    process: subprocess.Popen[bytes]
    port: int
    output: Path

    def stdout(self) -> str:
        """The frame log so far."""
        return self.output.read_text(errors="replace")


def free_port() -> int:
    """A port of 127.0.0.1 that is free, and stays so; each call gives another one.

    The system gives ports of its own choice from its range only, to listeners and to clients: below
    that range nobody gets a port who does not name it.
    """
    while True:
        # Other processes choose at the same time: not from a generator that a test may have seeded.
        port = 10_000 + secrets.randbelow(_FIRST_OF_THE_SYSTEM - 10_000)
        if port in _GIVEN:
            continue
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            _GIVEN.add(port)
            return port


@contextlib.contextmanager
def running_nghttpd(
    root: Path, *options: str, certificate: tuple[Path, Path] | None = None
) -> Iterator[RunningNghttpd]:
    """Serve ``root`` with ``nghttpd -v``; ``certificate`` is key and chain, ``None``: no TLS."""
    program = require_tool("nghttpd", package="nghttp2-server")
    words = [program, "-v", "-a", "127.0.0.1", "-d", str(root), *options]
    tail = ["--no-tls"] if certificate is None else []
    operands = [] if certificate is None else [str(path) for path in certificate]
    with tempfile.NamedTemporaryFile(prefix="nghttpd") as output:
        path = Path(output.name)
        for _ in range(_TRIES):
            port = free_port()
            process = subprocess.Popen(
                [*words, *tail, str(port), *operands],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.DEVNULL,
            )
            try:
                if _listens(process, path):
                    yield RunningNghttpd(process=process, port=port, output=path)
                    return
            finally:
                process.kill()
                process.wait(DEADLINE)
        raise AssertionError("nghttpd did not start")


def _listens(process: subprocess.Popen[bytes], output: Path) -> bool:
    """Wait for the line that nghttpd prints when it accepts connections."""
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        if ": listen " in output.read_text(errors="replace"):
            return True
        time.sleep(0.005)
    return False
