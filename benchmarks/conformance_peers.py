"""The servers whose conformance is compared, and how to start each without TLS.

Contract: :func:`running` yields the URL of a resource with a 200 and some content, and stops
everything it started.  A missing server raises :class:`Absent`, which says what to install.

Strategy: Debian's programs are searched in ``PATH``, those from PyPI next to the interpreter, where
``make conformance`` installs the dependency group ``peers``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from benchmarks.peers import CONFIGURATION, PATIENCE, await_port
from tests.support.servers import free_port

_Command = Callable[[int, Path], list[str]]


class Absent(Exception):
    """A server is not installed; the message is the command to install it."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Peer:
    """A server to compare, and how to find and start it."""

    name: str
    #: The program, and the command that installs it.
    program: str
    install: str
    #: The arguments that print its version; for servers from PyPI, whose version comes from
    #: metadata, the packages.
    version: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    #: The command line for a port and a folder.
    command: _Command

    def version_line(self) -> str:
        """Its name and version, in one line."""
        if self.packages:
            return ", ".join(f"{name} {metadata.version(name)}" for name in self.packages)
        done = subprocess.run(
            [self.find(), *self.version], capture_output=True, text=True, check=False
        )
        return (done.stdout + done.stderr).strip().splitlines()[0]

    def find(self) -> str:
        """The path of the program.  Raises :class:`Absent`."""
        beside = Path(sys.executable).parent / self.program
        if beside.exists():
            return str(beside)
        found = None if self.packages else shutil.which(self.program)
        if found is None:
            raise Absent(self.install)
        return found


def _filled(name: str, port: int, folder: Path) -> str:
    """Fill in a configuration template; returns the path of the file."""
    root_user = "user root;" if name == "nginx.conf" else "user: root"
    text = (CONFIGURATION / name).read_text()
    for key, value in {
        "@FOLDER@": str(folder),
        "@ROOT@": str(folder / "www"),
        "@PORT@": str(port),
        "@USER@": root_user if os.geteuid() == 0 else "",
        "@TLS@": "",
        "@WORKERS@": "1",
    }.items():
        text = text.replace(key, value)
    path = folder / name
    path.write_text(text)
    return str(path)


def _asgi(port: int, *words: str) -> list[str]:
    return [*words, "--port", str(port)]


_FOLDER: Final = str(CONFIGURATION)

PEERS: Final[tuple[Peer, ...]] = (
    Peer(
        name="h2static", program="h2static", install="make", version=("--version",),
        command=lambda port, folder: [
            "h2static", "--no-tls", "-a", "127.0.0.1", str(port), str(folder / "www"),
        ],
    ),
    Peer(
        name="nghttpd", program="nghttpd", install="apt-get install nghttp2-server",
        version=("--version",),
        command=lambda port, folder: [
            "nghttpd", "--no-tls", "-a", "127.0.0.1", "-d", str(folder / "www"), str(port),
        ],
    ),
    Peer(
        name="h2o", program="h2o", install="apt-get install h2o", version=("--version",),
        command=lambda port, folder: ["h2o", "-c", _filled("h2o.conf", port, folder)],
    ),
    Peer(
        name="nginx", program="nginx", install="apt-get install nginx", version=("-v",),
        command=lambda port, folder: ["nginx", "-c", _filled("nginx.conf", port, folder)],
    ),
    Peer(
        name="Caddy", program="caddy", install="apt-get install caddy", version=("version",),
        command=lambda port, folder: [
            "caddy", "run", "--adapter", "caddyfile", "--config",
            _filled("Caddyfile", port, folder),
        ],
    ),
    Peer(
        name="hypercorn", program="hypercorn", install="pip install hypercorn",
        packages=("hypercorn", "h2"),
        command=lambda port, folder: ["hypercorn", "-b", f"127.0.0.1:{port}", "application:app"],
    ),
    Peer(
        name="granian", program="granian", install="pip install granian", packages=("granian",),
        command=lambda port, folder: _asgi(
            port, "granian", "--interface", "asgi", "--http", "2", "--host", "127.0.0.1",
            "application:app",
        ),
    ),
    Peer(
        name="uvicorn-zttp", program="uvicorn", install="pip install 'uvicorn>=0.53' zttp",
        packages=("uvicorn", "zttp"),
        command=lambda port, folder: _asgi(
            port, "uvicorn", "--http", "zttp", "--http2", "--log-level", "error",
            "application:app",
        ),
    ),
)  # fmt: skip


@contextmanager
def running(peer: Peer, folder: Path) -> Iterator[str]:
    """Run ``peer`` while the block lasts, with ``folder`` for its files.

    Raises :class:`Absent`, and :class:`~benchmarks.peers.PeerFailed` if it does not listen.
    """
    program = peer.find()
    port = free_port()
    root = folder / "www"
    root.mkdir()
    (root / "file").write_bytes(b"a line of text that is good for nothing but its length\n" * 4_000)
    # h2o and nginx may run as a different user than the one who starts them.
    for path in (folder, root):
        path.chmod(0o755)
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, *peer.command(port, folder)[1:]],
            cwd=_FOLDER, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        await_port(process, port, log)
        yield f"http://127.0.0.1:{port}/file"
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
