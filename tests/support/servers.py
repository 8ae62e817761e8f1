"""``nghttpd`` as a real process, to compare with.

Promise: an nghttpd that :func:`running_nghttpd` starts listens on 127.0.0.1 at a port of its own
and is gone when the block ends, whatever state it is in.  Where it is missing the test is skipped.

Assumes: nghttpd cannot pick a port, so one that was free a moment ago is tried, a few times.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.tools import require_tool

_SECONDS = 10.0
_TRIES = 5


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
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
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
                process.wait(_SECONDS)
        raise AssertionError("nghttpd did not start")


def _listens(process: subprocess.Popen[bytes], output: Path) -> bool:
    """Wait for the line that nghttpd prints when it accepts connections."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end and process.poll() is None:
        if ": listen " in output.read_text(errors="replace"):
            return True
        time.sleep(0.005)
    return False
