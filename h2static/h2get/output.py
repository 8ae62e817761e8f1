"""Where ``h2get`` writes: standard output, files, standard error.

Contract: the content of several responses is written to standard output one after the other, in the
order of the requests, with log lines in between.  :class:`Gone` is raised when the reader of
standard output disappears, and :class:`Full` when there is no room for more.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol
from urllib.parse import unquote

import anyio

from h2static.client import URL, ClientError, Response
from h2static.http.fields import Fields

#: Maximum output of one decompression step in octets.
_PIECE = 262_144
#: How gzip begins (RFC 1952 section 2.3.1).
_GZIP = b"\x1f"


class Gone(Exception):
    """The reader of standard output has disappeared."""


class Full(Exception):
    """Writing to standard output failed: a disk is full, or broken."""


class Standard:
    """Standard output: text and octets, in the order in which they were written.

    All methods raise :class:`Gone` and :class:`Full`.
    """

    def __init__(self) -> None:
        #: It has failed: what fails after that, fails of it.
        self.is_broken = False

    def write(self, text: str) -> None:
        """Write text; what its encoding lacks is escaped."""
        with self._watched():
            sys.stdout.write(text)

    def write_octets(self, octets: bytes) -> None:
        """Write octets behind the text."""
        with self._watched():
            sys.stdout.flush()
            sys.stdout.buffer.write(octets)

    def flush(self) -> None:
        """Have what was written be seen."""
        with self._watched():
            sys.stdout.flush()
            sys.stdout.buffer.flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError as error:
            self.is_broken = True
            raise Gone from error
        except OSError as error:
            self.is_broken = True
            raise Full(error.strerror) from error


class Turns:
    """The order in which responses write to standard output."""

    def __init__(self) -> None:
        #: Places that were taken.
        self.given = 0
        self._over: set[int] = set()
        self._present = 0
        self._events: dict[int, anyio.Event] = {}

    def take(self) -> int:
        """A place in the row."""
        self.given += 1
        return self.given - 1

    async def wait(self, place: int) -> None:
        """Wait for the turn of ``place``."""
        while self._present != place:
            await self._events.setdefault(place, anyio.Event()).wait()

    def end(self, place: int) -> None:
        """``place`` has written everything, or writes nothing."""
        self._over.add(place)
        while self._present in self._over:
            self._over.remove(self._present)
            self._present += 1
        event = self._events.pop(self._present, None)
        if event is not None:
            event.set()


class Decoder(Protocol):
    """Takes a content coding off (RFC 9110 section 8.4)."""

    def decode(self, data: bytes) -> Iterable[bytes]:
        """Decode ``data`` in pieces.  Raises :class:`~h2static.client.ClientError`."""

    def end(self) -> None:
        """End the content.  Raises :class:`~h2static.client.ClientError` if it is truncated."""


class Inflater:
    """gzip and deflate, the latter with or without the frame of zlib."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=47)
        self._first = True

    def decode(self, data: bytes) -> Iterator[bytes]:
        """Implement :meth:`Decoder.decode`."""
        while data:
            if self._object.eof:
                if not data.startswith(_GZIP):
                    # Padding, which everybody ignores.
                    return
                # RFC 1952 section 2.2: members follow each other.
                self._object = zlib.decompressobj(wbits=47)
            try:
                piece = self._object.decompress(data, _PIECE)
            except zlib.error as error:
                if not self._first:
                    raise ClientError(f"cannot decompress content: {error}") from error
                self._object = zlib.decompressobj(wbits=-15)
                self._first = False
                continue
            self._first = False
            yield piece
            data = self._object.unconsumed_tail or self._object.unused_data

    def end(self) -> None:
        """Implement :meth:`Decoder.end`."""
        if not self._first and not self._object.eof:
            raise ClientError("cannot decompress content: it is truncated")


def decoder(response: Response) -> Decoder | None:
    """The decoder for the coding of a response; ``None``: none, or an unknown one."""
    coding = (response.header("content-encoding") or "").strip().lower()
    return Inflater() if coding in ("gzip", "x-gzip", "deflate") else None


def head_text(protocol: str, response: Response) -> str:
    """The header section of a response, as people read it."""
    version = "HTTP/2" if protocol == "h2" else "HTTP/1.1"
    return "".join([f"{version} {response.status}\n", *_lines(response.fields), "\n"])


def _lines(fields: Fields) -> list[str]:
    from h2static.logs.escape import escape_octets

    return [f"{escape_octets(name)}: {escape_octets(value)}\n" for name, value in fields]


def file_name(url: URL) -> str:
    """The name of ``-O``: the last part of the path, as a name in the working folder."""
    path = url.target.partition(b"?")[0].decode("ascii")
    name = unquote(path.rpartition("/")[2], errors="surrogateescape").replace("/", "_")
    name = name.replace("\0", "_")
    return "index.html" if name in ("", ".", "..") else name


@contextmanager
def open_file(path: str) -> Iterator[BinaryIO]:
    """A file to write content to.

    Raises :class:`~h2static.client.ClientError` when it cannot be opened or written to.
    """
    try:
        with open(path, "wb") as file:
            yield file
    except OSError as error:
        raise ClientError(f"{path}: {error.strerror}") from error


def complain(text: str) -> None:
    """One line on standard error."""
    from h2static.logs.escape import escape

    try:
        sys.stderr.write(f"h2get: {escape(text)}\n")
        sys.stderr.flush()
    except OSError:
        return


def show(text: str) -> None:
    """Lines on standard error that are safe for a terminal."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        return


def discard_output() -> None:
    """Discard standard output, so that the interpreter does not complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
