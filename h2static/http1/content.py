"""The chunked transfer coding: strict reading (RFC 9112 section 7.1).

Contract: :class:`ChunkedScanner` hands on octets exactly as they came, but only once they are known
to be well-formed: chunk sizes are hexadecimal digits, lines end in CRLF, extensions and trailers
stay below their limits.  After the last octet of the trailer section it takes nothing more: what
follows belongs to the next request.

Strategy: the state is a line to come (size, trailer) or a number of octets to come (data and the
CRLF after it).
"""

from __future__ import annotations

import re

from h2static.http1.head import BadRequest
from h2static.http1.limits import Limits

# RFC 9112 section 7.1.1: "recipients MUST anticipate potentially large hexadecimal numerals and
# prevent parsing errors due to integer conversion overflows": 15 digits are below 2**60.
_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})([ \t]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+:[\t\x20-\x7e\x80-\xff]*\r\n")


class ChunkedScanner:
    """Reads the framing of one request's chunks."""

    __slots__ = ("_data_left", "_extensions", "_in_trailer", "_limits", "_trailer", "done")

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._data_left = 0
        self._extensions = 0
        self._in_trailer = False
        self._trailer = 0
        #: The empty line after the trailer section was taken.
        self.done = False

    def take(self, octets: bytearray) -> bytes:
        """Remove the well-formed octets from the front of ``octets`` and return them.

        Returns nothing when more must come first.  Raises :class:`BadRequest`.
        """
        end = 0
        while not self.done:
            if self._data_left:
                step = self._step_data(octets, end)
            else:
                step = self._step_line(octets, end)
            if not step:
                break
            end += step
        taken = bytes(octets[:end])
        del octets[:end]
        return taken

    def _step_data(self, octets: bytearray, start: int) -> int:
        """Chunk data, then the CRLF that ends it; ``_data_left`` counts both."""
        available = min(len(octets) - start, self._data_left)
        # RFC 9112 section 7.1: chunk-data is followed by CRLF; anything else is another reading of
        # where the chunk ends.
        for position in range(max(0, self._data_left - 2), available):
            expected = 13 if position == self._data_left - 2 else 10
            if octets[start + position] != expected:
                raise BadRequest(400, "chunk data is not followed by CRLF")
        self._data_left -= available
        return available

    def _step_line(self, octets: bytearray, start: int) -> int:
        """A chunk-size line, or a line of the trailer section."""
        limits = self._limits
        bound = limits.trailer_section - self._trailer if self._in_trailer else limits.chunk_line
        end = octets.find(b"\n", start, start + bound)
        if end < 0:
            if len(octets) - start >= bound:
                raise BadRequest(400, "chunk line or trailer section too long")
            return 0
        line = bytes(octets[start : end + 1])
        if self._in_trailer:
            self._trailer += len(line)
            if line == b"\r\n":
                self.done = True
            elif _TRAILER_LINE.fullmatch(line) is None:
                raise BadRequest(400, "malformed trailer section")
            return len(line)
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadRequest(400, "malformed chunk size")
        self._extensions += len(match.group(2) or b"")
        if self._extensions > limits.chunk_extensions:
            raise BadRequest(400, "too many chunk extensions")
        size = int(match.group(1), 16)
        if size:
            self._data_left = size + 2
        else:
            self._in_trailer = True
        return len(line)
