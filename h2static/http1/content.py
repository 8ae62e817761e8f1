"""Parsing the content of a request, and finding its end (RFC 9112 sections 6.3 and 7.1).

Contract: :class:`Content` removes octets from the front of the input and returns the content in
them.  After the last octet of the message it takes nothing more: the rest belongs to the next
request.  The chunked transfer coding is parsed strictly: chunk sizes are hexadecimal digits, lines
end in CRLF, extensions and trailers stay below their limits.

Strategy: within chunks, the state is either an expected line (size, trailer) or a number of
expected octets (data and the CRLF after it).
"""

from __future__ import annotations

import re
from typing import Protocol

from h2static.http.messages import Fields
from h2static.http1.errors import BadRequest
from h2static.http1.head import parse_trailers
from h2static.http1.limits import Limits

# RFC 9112 section 7.1.1: "recipients MUST anticipate potentially large hexadecimal numerals and
# prevent parsing errors due to integer conversion overflows": 15 digits are below 2**60.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")


class Content(Protocol):
    """The content of one request."""

    @property
    def done(self) -> bool:
        """Whether the last octet of the message has been taken."""

    @property
    def lines(self) -> int:
        """Number of framing lines read so far, which is the cost of octets that are not content."""

    @property
    def trailers(self) -> Fields:
        """The trailer section, once :attr:`done` (RFC 9110 section 6.5)."""

    def take(self, octets: bytearray, lines: int) -> bytes:
        """Remove the message's octets from the front of ``octets``; returns the content in them.

        At most ``lines`` framing lines are read.  Raises
        :class:`~h2static.http1.errors.BadRequest`.
        """


class KnownLength:
    """Content with a Content-Length above 0."""

    __slots__ = ("_left",)

    lines = 0
    trailers: Fields = ()

    def __init__(self, length: int) -> None:
        self._left = length

    @property
    def done(self) -> bool:
        """Implement :meth:`Content.done`."""
        return not self._left

    def take(self, octets: bytearray, lines: int) -> bytes:
        """Implement :meth:`Content.take`."""
        taken = bytes(octets[: self._left])
        del octets[: self._left]
        self._left -= len(taken)
        return taken

    def skip(self, count: int) -> bool:
        """Count ``count`` octets of content as taken elsewhere; returns false, without effect, if
        fewer are left."""
        if count > self._left:
            return False
        self._left -= count
        return True


class Endless:
    """The octets on an upgraded connection, up to its end."""

    __slots__ = ("done",)

    lines = 0
    trailers: Fields = ()

    def __init__(self) -> None:
        #: The client sends no more; set from outside.
        self.done = False

    def take(self, octets: bytearray, lines: int) -> bytes:
        """Implement :meth:`Content.take`."""
        taken = bytes(octets)
        octets.clear()
        return taken


class Chunked:
    """Content in chunks."""

    __slots__ = (
        "_data_left", "_extensions", "_in_trailer", "_limits", "_trailer_lines", "_trailer_octets",
        "done", "lines", "trailers",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        #: Octets still expected of the chunk's data, and of the CRLF after it.
        self._data_left = 0
        self._extensions = 0
        self._in_trailer = False
        self._trailer_lines: list[bytes] = []
        self._trailer_octets = 0
        self.done = False
        self.lines = 0
        self.trailers: Fields = ()

    def take(self, octets: bytearray, lines: int) -> bytes:
        """Implement :meth:`Content.take`."""
        pieces: list[bytes] = []
        most = self.lines + lines
        end = 0
        while not self.done:
            if self._data_left:
                step = self._take_data(octets, end, pieces)
            elif self.lines < most:
                step = self._take_line(octets, end)
            else:
                break
            if not step:
                break
            end += step
        del octets[:end]
        return b"".join(pieces)

    def _take_data(self, octets: bytearray, start: int, pieces: list[bytes]) -> int:
        """Take chunk data, then the CRLF that ends it."""
        left = self._data_left
        available = min(len(octets) - start, left)
        data = max(0, min(available, left - 2))
        if data:
            pieces.append(bytes(octets[start : start + data]))
        # RFC 9112 section 7.1: chunk-data is followed by CRLF; anything else could be read as
        # a different end of the chunk.
        found = octets[start + data : start + available]
        if found and found != b"\r\n"[max(0, 2 - left) :][: len(found)]:
            raise BadRequest(400, "chunk data is not followed by CRLF")
        self._data_left = left - available
        return available

    def _take_line(self, octets: bytearray, start: int) -> int:
        """Take a chunk-size line, or a line of the trailer section."""
        limits = self._limits
        if self._in_trailer:
            bound = limits.trailer_section - self._trailer_octets
        else:
            bound = limits.chunk_line
        end = octets.find(b"\n", start, start + bound)
        if end < 0:
            if len(octets) - start >= bound:
                raise BadRequest(400, "chunk line or trailer section too long")
            return 0
        line = bytes(octets[start : end + 1])
        self.lines += 1
        if self._in_trailer:
            self._take_trailer_line(line)
        else:
            self._take_size_line(line)
        return len(line)

    def _take_size_line(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadRequest(400, "malformed chunk size")
        self._extensions += len(match.group(2) or b"")
        if self._extensions > self._limits.chunk_extensions:
            raise BadRequest(400, "too many chunk extensions")
        size = int(match.group(1), 16)
        if size:
            self._data_left = size + 2
        else:
            self._in_trailer = True

    def _take_trailer_line(self, line: bytes) -> None:
        self._trailer_octets += len(line)
        if not line.endswith(b"\r\n"):
            raise BadRequest(400, "bare LF in the trailer section")
        if line == b"\r\n":
            self.trailers = parse_trailers(self._trailer_lines, self._limits)
            self.done = True
        else:
            self._trailer_lines.append(line[:-2])
