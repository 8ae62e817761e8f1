"""What ``h11`` does for a connection: the framing of responses, and whether another may follow.

Contract: a :class:`Framer` is told of each request and of the end of its content, and puts
responses into the output.  It raises nothing: a body that is not as long as was announced is told
by the value that is returned.

Assumes: whatever is handed over of a request is well-formed (``head``, ``content``).

Strategy: ``h11`` reads header sections again, because the framing of a response depends on the
request; of content it is told only what it counts.
"""

from __future__ import annotations

from http import HTTPStatus

import h11

from h2static.http.messages import Field, Response
from h2static.http1.limits import Limits
from h2static.http1.output import Output

#: The end of a content in chunks.  Decoding costs ``h11`` some 25 µs for each chunk, and a client
#: decides how many there are; so it is told of none of them.
_NO_CHUNKS = b"0\r\n\r\n"


class Framer:
    """The exchanges of one connection, as ``h11`` sees them."""

    __slots__ = ("_h11", "_output")

    def __init__(self, output: Output, limits: Limits) -> None:
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=limits.header_section + 4)
        self._output = output

    # ------------------------------------------------------------------ requests

    def begin(self, section: bytes, *, content: bool) -> None:
        """A request came; ``content``: it has some."""
        self._h11.receive_data(section)
        self._h11.next_event()
        if not content:
            self._h11.next_event()

    def take_content(self, octets: bytes) -> None:
        """Content whose length the request told came."""
        self._h11.receive_data(octets)
        self._h11.next_event()

    def end_content(self, *, chunked: bool) -> None:
        """The content is whole."""
        if chunked:
            self._h11.receive_data(_NO_CHUNKS)
        self._h11.next_event()

    def next_exchange(self) -> bool:
        """Both messages are complete: whether another request may come."""
        # A request with Upgrade leaves h11 waiting until the response declined it: it did.
        if self._h11.our_state is not h11.DONE or self._h11.their_state is not h11.DONE:
            return False
        self._h11.start_next_cycle()
        return True

    # ------------------------------------------------------------------ responses

    def inform(self, status: int) -> None:
        """Send an informational response without fields."""
        self._send(h11.InformationalResponse(status_code=status, headers=[]))

    def head(
        self, response: Response, added: tuple[Field, ...], date: bytes, *, last: bool
    ) -> None:
        """Send status and fields of a final response; ``last``: the connection ends with it."""
        fields = [*response.fields, *added, (b"date", date)]
        if last:
            fields.append((b"connection", b"close"))
        reason = _reason_phrase(response)
        self._send(h11.Response(status_code=response.status, headers=fields, reason=reason))

    def data(self, octets: bytes) -> bool:
        """Send content; false when it is more than was announced."""
        try:
            self._send(h11.Data(data=octets))
        except h11.LocalProtocolError:
            return False
        return True

    def end(self) -> bool:
        """End a response; false when it is shorter than was announced."""
        try:
            self._send(h11.EndOfMessage())
        except h11.LocalProtocolError:
            return False
        return True

    def _send(self, event: h11.Event) -> None:
        for piece in self._h11.send_with_data_passthrough(event) or ():
            self._output.add(piece)


def _reason_phrase(response: Response) -> bytes:
    """A reason phrase: for people who read the octets; clients ignore it (RFC 9112 section 4)."""
    try:
        return HTTPStatus(response.status).phrase.encode("ascii")
    except ValueError:
        return b""
