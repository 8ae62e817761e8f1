"""What repeats, remembered for all connections of a worker: header sections, responses.

Contract: :class:`Memory` gives for the octets of a header section the very :class:`Head` that they
gave before, and for a prepared response the octets that it goes out as.  Nothing here changes an
octet on the wire.  Sections with credentials are never kept here: they are their connection's.

Strategy: a section is kept on second sight, so that those which never come again drive nothing out;
what is kept longest goes first.  A response's octets hold the Date field, so all of them belong to
one second.  Only responses whose body is octets are kept: nothing here holds a file open.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from h2static.http.messages import Response
from h2static.http.shared import Shared
from h2static.http1.errors import BadResponse
from h2static.http1.framer import frame
from h2static.http1.head import Head

#: Larger sections are not kept: long values differ from client to client.
LARGEST_SECTION: Final = 4_096
#: Octets of header sections that are kept, and what one costs beside its octets.
SECTION_OCTETS: Final = 4 * 1024 * 1024
_SECTION_OVERHEAD: Final = 2_048
#: Hashes of sections that were seen once.
_SIGHTED: Final = 16_384
#: Octets of responses that are kept for one second, and what one costs beside them.
RESPONSE_OCTETS: Final = 16 * 1024 * 1024
_RESPONSE_OVERHEAD: Final = 256
#: Up to here a body is copied behind its head, so that both leave in one piece.
_JOINED: Final = 16_384


class Ready(NamedTuple):
    """A whole response, ready to be sent."""

    #: Its octets up to the body, or all of them.
    octets: bytes
    #: Its body, where that is a piece of its own.
    body: bytes
    #: Octets of content.
    length: int


class Memory:
    """See the module."""

    __slots__ = (
        "_response_limit",
        "_response_octets",
        "_responses",
        "_second",
        "_section_limit",
        "_section_octets",
        "_sections",
        "_shared",
        "_sighted",
        "enabled",
    )  # fmt: skip

    def __init__(
        self,
        shared: Shared,
        *,
        section_octets: int = SECTION_OCTETS,
        response_octets: int = RESPONSE_OCTETS,
    ) -> None:
        """``shared`` tells the date; the others bound what is kept, in octets; 0: nothing.

        With no sections, connections remember none of their own either.
        """
        self._shared = shared
        self.enabled = section_octets > 0
        self._section_limit = section_octets
        self._section_octets = 0
        #: By what the connection says of a request: whether it is a TLS one, a trusted proxy's.
        self._sections: dict[tuple[bool, bool], dict[bytes, Head]] = {
            (secure, proxied): {} for secure in (False, True) for proxied in (False, True)
        }
        self._sighted: set[int] = set()
        self._response_limit = response_octets
        self._response_octets = 0
        self._responses: dict[Response, Ready] = {}
        self._second = -1

    def sections(self, *, secure: bool, proxied: bool) -> dict[bytes, Head]:
        """What is known, to be looked up only: the scheme of a request is its connection's."""
        return self._sections[secure, proxied]

    def remember(self, section: bytes, head: Head, *, secure: bool, proxied: bool) -> None:
        """Offer what ``section`` means; kept on second sight."""
        if len(section) > LARGEST_SECTION or not self.enabled:
            return
        sight = hash((section, secure, proxied))
        if sight not in self._sighted:
            if len(self._sighted) >= _SIGHTED:
                self._sighted.clear()
            self._sighted.add(sight)
            return
        head.request.repeats = True
        self._sections[secure, proxied][section] = head
        self._section_octets += 2 * len(section) + _SECTION_OVERHEAD
        while self._section_octets > self._section_limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        sections = max(self._sections.values(), key=len)
        oldest = next(iter(sections))
        del sections[oldest]
        self._section_octets -= 2 * len(oldest) + _SECTION_OVERHEAD

    def ready(self, response: Response) -> Ready | None:
        """The octets of a prepared response to a plain GET; ``None``: frame it by itself."""
        date = self._shared.date
        if date.second != self._second:
            self._responses.clear()
            self._response_octets = 0
            self._second = date.second
        try:
            return self._responses[response]
        except KeyError:
            return self._make_ready(response, date.value)

    def _make_ready(self, response: Response, date: bytes) -> Ready | None:
        body = response.body
        # What comes of hints is decided for each request.
        if not isinstance(body, bytes) or response.hints is not None:
            return None
        try:
            framed = frame(response, date, head_request=False, old=False)
        except BadResponse:
            return None
        cost = 2 * len(body) + len(framed.octets) + _RESPONSE_OVERHEAD
        if self._response_octets + cost > self._response_limit:
            return None
        length = len(body) if framed.left else 0
        if length <= _JOINED:
            ready = Ready(framed.octets + body[:length], b"", length)
        else:
            ready = Ready(framed.octets, body, length)
        self._response_octets += cost
        self._responses[response] = ready
        return ready

    def release(self) -> None:
        """Forget the responses: their bodies take memory."""
        self._responses.clear()
        self._response_octets = 0
