"""A client of the event stream, over HTTP/1.1."""

from __future__ import annotations

import json
import socket
import ssl
import time
from collections.abc import Callable
from types import TracebackType

from tests.support.processes import wait_until

#: Seconds for an event on a busy machine.
PATIENCE = 30.0
#: Answers in a row that leave no worker out: the system chooses one for each connection.
_IN_A_ROW = 30


def is_known(timing: str | None) -> bool:
    """Whether a page with this ``Server-Timing`` is from a worker that knows the files."""
    return timing is not None and "unknown" not in timing


def wait_for_state(timing: Callable[[], str | None], *, workers: int = 1) -> None:
    """Wait until each of the workers knows the files: before that, an edit is no change.

    ``timing`` gives the ``Server-Timing`` of a page, asked for on a connection of its own.
    """
    answers = 1 if workers == 1 else _IN_A_ROW
    wait_until(lambda: all(is_known(timing()) for _ in range(answers)), "a state")


class EventClient:
    """One open stream; :meth:`next` waits for an event."""

    def __init__(self, port: int, *fields: str, tls: bool = False) -> None:
        """``tls``: whoever shows whatever certificate."""
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            self._socket = context.wrap_socket(self._socket, server_hostname="localhost")
        lines = ["GET /.h2static/events HTTP/1.1", f"Host: localhost:{port}", *fields, "", ""]
        self._socket.sendall("\r\n".join(lines).encode())
        self._octets = b""
        head = self._until(b"\r\n\r\n").decode()
        self.status = int(head.split(" ")[1])

    def __enter__(self) -> EventClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()

    def next(self, name: str | None = None) -> dict[str, object]:
        """The data of the next event, or of the next one of this name.

        Raises ``EOFError`` when the stream has ended.
        """
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            # Chunks are framed by lines of their own, which are no lines of events.
            block = self._until(b"\n\n").decode()
            lines = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line)
            if "event" in lines and name in (None, lines["event"]):
                data = json.loads(lines["data"])
                assert isinstance(data, dict)
                return data
        raise TimeoutError(f"no event {name}")

    def known(self) -> dict[str, object]:
        """The data of the first ``hello`` with a version: later changes are told as such."""
        while (data := self.next("hello"))["version"] is None:
            pass
        return data

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._octets:
            more = self._socket.recv(65536)
            if not more:
                raise EOFError
            self._octets += more
        found, _, self._octets = self._octets.partition(mark)
        return found
