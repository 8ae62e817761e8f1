"""Where the product asks the system for something, found in its sources.

Promise: :func:`places` names every system call of :data:`MODULES` by module, function and call.

Strategy: what a call is for is told by its name and by what it is called of.  A socket that hides
behind a new name is not found: so :data:`RECEIVERS` is for whoever introduces one.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import h2static
from tests.support.faults import Place

_PACKAGE = Path(h2static.__file__).resolve().parent

#: The driver and what it stands on; the readers; the logs.  What runs only before the first
#: connection (listeners, keys, configuration) ends the start instead, and has tests of its own.
MODULES = (
    *("server/driver", "server/connections", "server/link", "server/opening", "server/acceptor"),
    *("server/trusted_proxies", "server/pool", "server/background", "server/server"),
    *("server/memory_bound", "server/busy_wait"),
    *("site/files", "site/octets", "site/bodies", "site/contents", "site/sources"),
    *("descriptors", "site/mounts", "site/file_times", "site/listing"),
    *("site/netlify", "site/response_cache", "site/path_states", "site/change_watch"),
    "site/coded_names",
    *("site/inotify", "site/uploads", "site/plain_files", "site/site", "site/setup"),
    *("logs/access", "logs/errors", "logs/console", "logs/frames", "logs/files", "logs/brief"),
)

#: What stands for the system, and the calls of it that are system calls; ``""``: called by name.
RECEIVERS: dict[str, frozenset[str]] = {
    "": frozenset(("open", "fstat", "ioctl", "make")),
    "os": frozenset(
        (
            *("open", "close", "read", "write", "pread", "preadv", "stat", "lstat", "fstat"),
            *("readlink", "scandir", "listdir", "lseek", "dup", "writev", "sendfile"),
        )
    ),
    "tempfile": frozenset(("TemporaryFile",)),
    "sys.stdout": frozenset(("write", "flush")),
    **dict.fromkeys(("file", "self._file"), frozenset(("read", "write", "flush", "close"))),
    **dict.fromkeys(
        (
            *("sock", "self.socket", "link.socket", "entrance.socket", "one"),
            *("self._signal", "self.wakeup", "tls", "self.tls", "context"),
        ),
        frozenset(
            (
                *("recv", "send", "sendmsg", "accept", "close", "shutdown", "unwrap"),
                *("do_handshake", "setsockopt", "setblocking", "getsockname", "wrap_socket"),
            )
        ),
    ),
    "self._poller": frozenset(("register", "modify", "unregister", "poll", "close")),
    "self._executor": frozenset(("submit", "shutdown")),
    # inotify's functions in the C library.
    "self": frozenset(("_add", "_remove")),
}


def places() -> set[Place]:
    """All of them."""
    found: set[Place] = set()
    for module in MODULES:
        tree = ast.parse((_PACKAGE / f"{module}.py").read_text())
        found |= {Place(module, function, call) for function, call in _calls(tree, ())}
    return found


def _calls(node: ast.AST, names: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Function and call of each system call below ``node``."""
    for child in ast.iter_child_nodes(node):
        inner = names
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = (*names, child.name)
        elif isinstance(child, ast.Call):
            receiver, _, call = ast.unparse(child.func).rpartition(".")
            if call in RECEIVERS.get(receiver, ()):
                yield ".".join(names), call
        yield from _calls(child, inner)
