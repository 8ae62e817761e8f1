"""The response under way: its octets, and how far its body has been read.

Contract: a :class:`Sender` puts one response after the other into its output.  :meth:`Sender.begin`
starts one that was framed; :meth:`Sender.move` reads a piece of its body, once the output is to be
filled.  A response that cannot be finished raises :class:`~h2static.http1.errors.Broken`: then no
octet follows that would make it look complete.

Strategy: pieces go into the output as the reader gave them.  A reader that uses its buffer again
is not read before its last piece has left.
"""

from __future__ import annotations

from h2static.http.bodies import Body, BodyReader
from h2static.http1.errors import BadResponse, Broken
from h2static.http1.framer import Framed, Framing, frame_trailers
from h2static.http1.output import Output

#: The most that one read of a body asks for: a socket takes less at a time.
READ_SIZE = 262_144


class Sender:
    """See the module."""

    __slots__ = (
        "_borrowed", "_framing", "_left", "blocked", "complete", "octets", "output", "reader",
    )  # fmt: skip

    def __init__(self, output: Output) -> None:
        self.output = output
        self._framing = Framing.NONE
        #: Octets of content that are to come, where that is known.
        self._left: int | None = 0
        #: The reading of the body, as long as some of it is left.
        self.reader: BodyReader | None = None
        #: The reader waits for its medium.
        self.blocked = False
        #: The reader's own buffer is in the output.
        self._borrowed = False
        #: Octets of content that the present response has put into the output.
        self.octets = 0
        #: All of the response is in the output.
        self.complete = False

    @property
    def can_move(self) -> bool:
        """Whether :meth:`move` would read something."""
        if self.reader is None or self.blocked:
            return False
        return not (self._borrowed and self.output.octets)

    @property
    def endless(self) -> bool:
        """Whether nobody knows when the body ends."""
        return self._left is None

    def begin(self, framed: Framed, body: bytes | Body) -> None:
        """Put the head of a response into the output, and its body if it is octets.

        Raises :class:`~h2static.http1.errors.BadResponse` when the body cannot be read at all;
        nothing was sent then.
        """
        assert self.reader is None
        octets, framing, left, _ = framed
        reader: BodyReader | None = None
        if framing is Framing.NONE:
            body = b""
        elif not isinstance(body, bytes):
            try:
                reader = body.open()
            except OSError as error:
                raise BadResponse(f"cannot read body: {error}") from error
            body = b""
        self._framing, self._left = framing, left
        self.octets = len(body)
        self.blocked = self._borrowed = self.complete = False
        self.output.add(octets)
        if body:
            self.output.add(body)
        if reader is None:
            self.complete = True
        elif left == 0:
            reader.close()
            self.complete = True
        else:
            self.reader = reader

    def put(self, octets: bytes, body: bytes, length: int) -> None:
        """Put a whole response into the output; ``length``: how much of it is content."""
        assert self.reader is None
        self._framing, self._left = Framing.NONE, 0
        self.octets = length
        self.blocked = self._borrowed = False
        self.output.add(octets)
        if body:
            self.output.add(body)
        self.complete = True

    def move(self, size: int) -> None:
        """Move at most ``size`` octets of the body into the output.

        Raises :class:`~h2static.http1.errors.Broken`.
        """
        reader, left = self.reader, self._left
        assert reader is not None
        if left is not None:
            # One octet more than there should be shows a body that is too long.
            size = min(size, left + 1)
        try:
            data = reader.read(size)
        except OSError as error:
            raise Broken(f"cannot read body: {error}") from error
        if data is None:
            self.blocked = True
            return
        count = len(data)
        if not count:
            if left is not None:
                # The file was truncated.  RFC 9112 section 8: the client sees an incomplete
                # message.
                raise Broken("body ended before its content-length")
            self._end(reader)
            return
        if left is not None:
            if count > left:
                raise Broken("body is longer than its content-length")
            self._left = left - count
        self.octets += count
        self._borrowed = reader.reuses_buffer
        output = self.output
        if self._framing is Framing.CHUNKED:
            output.add(b"%x\r\n" % count)
            output.add(data)
            output.add(b"\r\n")
        else:
            output.add(data)
        if left == count:
            self.close()
            self.complete = True

    def _end(self, reader: BodyReader) -> None:
        """The body, whose length was not known, has ended."""
        if self._framing is Framing.CHUNKED:
            try:
                octets = frame_trailers(reader.trailers())
            except BadResponse as error:
                raise Broken(f"trailers: {error}") from error
            self.output.add(octets)
        self.close()
        self.complete = True

    def close(self) -> None:
        """The body is read no further."""
        reader, self.reader = self.reader, None
        self.blocked = False
        if reader is not None:
            reader.close()
