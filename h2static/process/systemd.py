"""systemd's two small protocols: being handed sockets, and telling what state a service is in.

Contract: without systemd's environment variables nothing happens.  The variables are removed when
they were read, so that no child takes them for its own (sd_listen_fds(3), sd_notify(3)).
"""

from __future__ import annotations

import contextlib
import os
import socket
import time

#: The first descriptor that is handed over (SD_LISTEN_FDS_START).
_FIRST = 3
#: More sockets than this are no service's.
_MAX_SOCKETS = 256


def take_sockets() -> list[int]:
    """The descriptors that were handed over for listening; empty when none were."""
    process = os.environ.pop("LISTEN_PID", "")
    count = os.environ.pop("LISTEN_FDS", "")
    os.environ.pop("LISTEN_FDNAMES", None)
    if process != str(os.getpid()) or not count.isdigit() or int(count) > _MAX_SOCKETS:
        return []
    return list(range(_FIRST, _FIRST + int(count)))


class Notifier:
    """Reports the state of the service to the service manager."""

    def __init__(self) -> None:
        """Take the manager's address from the environment."""
        address = os.environ.pop("NOTIFY_SOCKET", "")
        # "@" stands for the NUL of an abstract socket's name.
        self._address = "\0" + address[1:] if address.startswith("@") else address

    def ready(self, status: str) -> None:
        """The service accepts connections."""
        self._send(f"READY=1\nSTATUS={status}")

    def reloading(self) -> None:
        """The service reads its configuration again; :meth:`ready` follows."""
        moment = int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1_000_000)
        self._send(f"RELOADING=1\nMONOTONIC_USEC={moment}")

    def stopping(self) -> None:
        """The service finishes what it has begun and ends."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        # A manager that does not listen, or does not read, is no reason not to serve.
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one,
        ):
            one.setblocking(False)
            one.connect(self._address)
            one.send(message.encode("utf-8"))
