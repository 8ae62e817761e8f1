"""``--echo-upload``: returns the content of a request as the content of its response.

Contract: an :class:`EchoUpload` takes octets as they arrive, holds a few of them in memory and the
rest in an unnamed temporary file, and responds with them.  Each upload, and all uploads of a worker
together, are limited; they count until their octets are released after the response was sent.
Uploads beyond the limits get 413.  The response is ``application/octet-stream``, so that a browser
does not execute it, whatever was sent.

Blocking: writing to the temporary file may wait for a disk; usually the page cache takes it.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import IO

from h2static.http.bodies import Body
from h2static.http.exchange import Exchange
from h2static.http.fields import SERVER_FIELD, Fields
from h2static.http.messages import Request, Response
from h2static.site.bodies import FileAccess, FileBody
from h2static.site.files import FileHandle
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.mediatypes import DEFAULT_TYPE
from h2static.site.octets import HeldOctets
from h2static.site.representation import NOSNIFF
from h2static.site.rules import REVALIDATE


@dataclass(slots=True, kw_only=True)
class UploadBudget:
    """The limits for a worker's uploads, and their current use."""

    limits: SiteLimits = DEFAULTS
    #: Octets currently held, in memory and in files.
    held: int = 0
    held_in_memory: int = 0
    held_files: int = 0

    def release_octets(self, count: int) -> None:
        """Release ``count`` octets that were sent from memory."""
        self.held -= count
        self.held_in_memory -= count


class _SpooledHandle(FileHandle):
    """A temporary file, counted until it is closed."""

    __slots__ = ("_budget", "_size")

    def __init__(self, descriptor: int, budget: UploadBudget, size: int) -> None:
        super().__init__(descriptor)
        self._budget = budget
        self._size = size

    def __del__(self) -> None:
        super().__del__()
        self._budget.held -= self._size
        self._budget.held_files -= 1


class EchoUpload:
    """One upload: the :class:`~h2static.http.bodies.Sink` of its exchange, and its response."""

    def __init__(
        self,
        exchange: Exchange,
        budget: UploadBudget,
        refuse: Callable[[int, Request], Response],
        access: FileAccess,
    ) -> None:
        """``refuse`` creates the response for a status; see ``Application.refuse``."""
        self._exchange = exchange
        self._budget = budget
        self._refuse = refuse
        self._access = access
        self._size = 0
        #: The octets in memory; empty once there is a file.
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        #: Whether there is a response; later octets are dropped.
        self._over = False

    def receive(self, data: bytes) -> bool:
        """Take ``data``.

        Responds with 413 if it is too much, with 503 if there are too many uploads, with 500 if
        writing to disk fails.
        """
        if not self._over:
            refusal = self._keep(data)
            if refusal is not None:
                self._fail(*refusal)
        return True

    def end(self, trailers: Fields) -> None:
        """Respond with all octets."""
        if self._over:
            return
        try:
            response = self._echo()
        except OSError as error:
            self._fail(500, _of_disk(error))
            return
        self.abandon()
        self._exchange.respond(response)

    def abandon(self) -> None:
        """Release the upload's resources."""
        self._over = True
        self._budget.held -= self._size
        self._size = 0
        self._clear_memory()
        if self._file is not None:
            self._budget.held_files -= 1
            with contextlib.suppress(OSError):
                # Closing retries what a full disk did not take.
                self._file.close()
            self._file = None

    def _fail(self, status: int, reason: str) -> None:
        self.abandon()
        response = self._refuse(status, self._exchange.request)
        self._exchange.respond(replace(response, refusal=reason, prepared=False))

    def _keep(self, data: bytes) -> tuple[int, str] | None:
        """Store ``data``; returns the status and reason of a refusal if that is not possible."""
        budget, limits = self._budget, self._budget.limits
        size = self._size + len(data)
        if size > limits.upload:
            return 413, f"upload larger than {limits.upload} octets"
        if budget.held + len(data) > limits.uploads:
            return 413, f"concurrent uploads larger than {limits.uploads} octets in total"
        budget.held += len(data)
        self._size = size
        if (
            self._file is None
            and size <= limits.upload_in_memory
            and budget.held_in_memory + len(data) <= limits.uploads_in_memory
        ):
            self._memory += data
            budget.held_in_memory += len(data)
            return None
        try:
            if self._file is None:
                if budget.held_files >= limits.upload_files:
                    return 503, f"more than {limits.upload_files} uploads in files"
                self._file = self._move_to_file()
            self._file.write(data)
        except OSError as error:
            return 500, _of_disk(error)
        return None

    def _move_to_file(self) -> IO[bytes]:
        """Create a file with the octets in memory."""
        file = self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by abandon
        self._budget.held_files += 1
        file.write(self._memory)
        self._clear_memory()
        return file

    def _clear_memory(self) -> None:
        self._budget.held_in_memory -= len(self._memory)
        self._memory.clear()

    def _echo(self) -> Response:
        size = self._size
        body = self._in_memory() if self._file is None else self._spooled(self._file)
        head = dict([SERVER_FIELD])
        head[b"cache-control"] = REVALIDATE
        head[b"content-length"] = b"%d" % size
        head[b"content-type"] = DEFAULT_TYPE
        head[NOSNIFF[0]] = NOSNIFF[1]
        return Response(status=200, fields=tuple(head.items()), body=body)

    def _in_memory(self) -> bytes:
        octets = HeldOctets.of(self._memory, self._budget.release_octets)
        # From here on that object counts them.
        self._size = 0
        self._memory.clear()
        return octets

    def _spooled(self, file: IO[bytes]) -> Body:
        file.flush()
        handle = _SpooledHandle(os.dup(file.fileno()), self._budget, self._size)
        # From here on the handle counts the octets and the file.
        self._size, size = 0, self._size
        self._file = None
        file.close()
        return FileBody(handle, handle.version(), ((0, size),), self._access)


def _of_disk(error: OSError) -> str:
    return f"cannot store the upload: {error.strerror or error}"
