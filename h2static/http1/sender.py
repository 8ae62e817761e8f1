"""The response being sent: its octets, and how far its body has been read.

Contract: a :class:`Sender` puts one response after another into its output.  :meth:`Sender.begin`
starts a framed response; :meth:`Sender.move` reads a piece of its body when the output has room.
If a response cannot be finished, it raises :class:`~h2static.http1.errors.Broken`: then no octet
follows that would make it look complete.

Strategy: pieces go into the output as the reader returned them.  A reader that reuses its buffer is
not read again before its last piece has been sent.
"""

from __future__ import annotations

from h2static.http.bodies import Body, BodyReader
from h2static.http1.errors import BadResponse, Broken
from h2static.http1.framer import Framed, Framing, frame_trailers
from h2static.http1.output import Output

#: Largest size of one read from a body: a socket takes less at a time.
READ_SIZE = 262_144


class Sender:
    """Sends the responses of one connection, one at a time."""

    __slots__ = (
        "_borrowed", "_framing", "_left", "blocked", "complete", "octets", "output", "reader",
    )  # fmt: skip

    def __init__(self, output: Output) -> None:
        self.output = output
        self._framing = Framing.NONE
        #: Octets of content still to come, if known.
        self._left: int | None = 0
        #: The reader of the body, while some of it is left.
        self.reader: BodyReader | None = None
        #: Whether the reader waits for its medium.
        self.blocked = False
        #: Whether the reader's own buffer is in the output.
        self._borrowed = False
        #: Octets of content that the current response has put into the output.
        self.octets = 0
        #: Whether all of the response is in the output.
        self.complete = False

    @property
    def can_move(self) -> bool:
        """Whether :meth:`move` would read something."""
        if self.reader is None or self.blocked:
            return False
        return not (self._borrowed and self.output.octets)

    @property
    def endless(self) -> bool:
        """Whether the length of the body is unknown."""
        return self._left is None

    def begin(self, framed: Framed, body: bytes | Body) -> None:
        """Put the head of a response into the output, and its body if it is octets.

        Raises :class:`~h2static.http1.errors.BadResponse` if the body cannot be read at all;
        then nothing was sent.
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
        """Put a complete response into the output; ``length``: octets of content in it."""
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
            # Asking for one octet too many detects a body that is too long.
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
        """End a body of unknown length."""
        if self._framing is Framing.CHUNKED:
            try:
                octets = frame_trailers(reader.trailers())
            except BadResponse as error:
                raise Broken(f"trailers: {error}") from error
            self.output.add(octets)
        self.close()
        self.complete = True

    def close(self) -> None:
        """Stop reading the body."""
        reader, self.reader = self.reader, None
        self.blocked = False
        if reader is not None:
            reader.close()
