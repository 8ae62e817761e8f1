"""Content of requests: octets with trailers, files, and content that waits for 100 (Continue).

Contract: bodies as :mod:`h2static.http.bodies` has them; each is read once.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable

import anyio

from h2static.http.bodies import Body, BodyReader, OctetsReader
from h2static.http.fields import Fields
from h2static.http.pipe import Pipe


class OctetsBody:
    """Octets, and trailers after them."""

    def __init__(self, octets: bytes, trailers: Fields = (), *, counted: bool = True) -> None:
        """``counted``: the sender knows the length."""
        self._octets = octets
        self._trailers = trailers
        # HTTP/1.1 has trailers after chunks only.
        self.length = len(octets) if counted and not trailers else None

    def open(self) -> BodyReader:
        """See :class:`~h2static.http.bodies.Body`."""
        return OctetsReader(self._octets, self._trailers)


class FileBody:
    """The content of a file, followed by trailers."""

    def __init__(self, path: str, trailers: Fields = (), *, counted: bool = True) -> None:
        """``counted``: as above.  Raises ``OSError`` if there is no such file."""
        self._path = path
        self._trailers = trailers
        size = os.stat(path).st_size
        self.length = size if counted and not trailers else None

    def open(self) -> BodyReader:
        """See :class:`~h2static.http.bodies.Body`."""
        return _FileReader(self._path, self._trailers)


class _FileReader:
    """See :class:`~h2static.http.bodies.BodyReader`; a file is read at once."""

    reuses_buffer = False

    def __init__(self, path: str, trailers: Fields) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 -- close() closes it
        self._trailers = trailers

    def read(self, size: int) -> bytes | memoryview | None:
        return self._file.read(size)

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return self._trailers

    def close(self) -> None:
        self._file.close()


class WrittenPipe(Pipe):
    """Content that is written while it is being sent."""

    def __init__(self) -> None:
        self._room = anyio.Event()
        super().__init__(on_room=self._wake_writer, on_closed=self._wake_writer)

    def _wake_writer(self) -> None:
        self._room.set()

    async def put(self, piece: bytes) -> bool:
        """Send ``piece``, and wait until there is room for another one; false once the reader is
        gone."""
        if self.closed:
            return False
        self._room = anyio.Event()
        if not self.receive(piece):
            await self._room.wait()
        return not self.closed

    async def write(
        self,
        pieces: AsyncIterable[bytes],
        trailers: Fields,
        failed: Callable[[Exception], None],
    ) -> None:
        """Send ``pieces`` and then ``trailers``, as fast as the connection takes them.

        An error of ``pieces`` is passed to ``failed``, and the request is cut off.
        """
        try:
            async for piece in pieces:
                if not await self.put(piece):
                    return
            self.end(trailers)
        except Exception as error:
            failed(error)
        finally:
            self.abandon()


class HeldBody:
    """Content that waits for the server's 100 (Continue) (RFC 9110 section 10.1.1)."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._reader: BodyReader | None = None
        self._released = False
        self._wake: Callable[[], None] | None = None

    @property
    def length(self) -> int | None:
        """See :class:`~h2static.http.bodies.Body`."""
        return self._body.length

    @property
    def reuses_buffer(self) -> bool:
        """See :class:`~h2static.http.bodies.BodyReader`."""
        return self._reader is not None and self._reader.reuses_buffer

    @property
    def is_released(self) -> bool:
        """Whether the content may go out."""
        return self._released

    def release(self) -> None:
        """The content may go out."""
        self._released = True
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def open(self) -> BodyReader:
        """See :class:`~h2static.http.bodies.Body`."""
        self._reader = self._body.open()
        return self

    def read(self, size: int) -> bytes | memoryview | None:
        """See :class:`~h2static.http.bodies.BodyReader`."""
        assert self._reader is not None
        return self._reader.read(size) if self._released else None

    def wait(self, wake: Callable[[], None]) -> None:
        """See :class:`~h2static.http.bodies.BodyReader`."""
        assert self._reader is not None
        if self._released:
            self._reader.wait(wake)
        else:
            self._wake = wake

    def trailers(self) -> Fields:
        """See :class:`~h2static.http.bodies.BodyReader`."""
        assert self._reader is not None
        return self._reader.trailers()

    def close(self) -> None:
        """See :class:`~h2static.http.bodies.BodyReader`."""
        if self._reader is not None:
            self._reader.close()
