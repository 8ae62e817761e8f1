"""A cache of header sections and responses for all connections of a worker.

Contract: :class:`Memory` maps the octets of a header section to the same :class:`Head` object as
before, and a prepared response to its octets.  The cache never changes an octet on the wire.
Sections with credentials are never cached here, but by their connection.

Strategy: a section is cached on second sight, so that sections that never recur evict nothing; the
oldest is evicted first.  A response's octets contain the Date field, so they are valid for one
second.  Only responses whose body is octets are cached: nothing here keeps a file open.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from h2static.http.messages import Response
from h2static.http.shared import Shared
from h2static.http1.errors import BadResponse
from h2static.http1.framer import frame
from h2static.http1.head import Head

#: Larger sections are not cached: long values differ from client to client.
LARGEST_SECTION: Final = 4_096
#: Octets of cached header sections, and the overhead of one.
SECTION_OCTETS: Final = 4 * 1024 * 1024
_SECTION_OVERHEAD: Final = 2_048
#: Hashes of sections seen once.
_SIGHTED: Final = 16_384
#: Octets of responses cached for one second, and the overhead of one.
RESPONSE_OCTETS: Final = 16 * 1024 * 1024
_RESPONSE_OVERHEAD: Final = 256
#: A body up to this size is appended to its head, so that both are sent as one piece.
_JOINED: Final = 16_384


class Ready(NamedTuple):
    """A complete response, ready to be sent."""

    #: Its octets before the body, or all of them.
    octets: bytes
    #: Its body, if it is a separate piece.
    body: bytes
    #: Octets of content.
    length: int


class Memory:
    """The header sections and responses cached by a worker."""

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
        """``shared`` provides the date; the other arguments limit the cache, in octets (0: off).

        Without sections, connections keep none of their own either.
        """
        self._shared = shared
        self.enabled = section_octets > 0
        self._section_limit = section_octets
        self._section_octets = 0
        #: By properties of the connection: TLS or not, trusted proxy or not.
        self._sections: dict[tuple[bool, bool], dict[bytes, Head]] = {
            (secure, proxied): {} for secure in (False, True) for proxied in (False, True)
        }
        self._sighted: set[int] = set()
        self._response_limit = response_octets
        self._response_octets = 0
        self._responses: dict[Response, Ready] = {}
        self._second = -1

    def sections(self, *, secure: bool, proxied: bool) -> dict[bytes, Head]:
        """The known sections, read-only, for connections that give a request the same scheme."""
        return self._sections[secure, proxied]

    def remember(self, section: bytes, head: Head, *, secure: bool, proxied: bool) -> None:
        """Offer the ``head`` of ``section``; cached on second sight."""
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
        """The octets of a prepared response to a plain GET; ``None``: frame it individually."""
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
        # The delivery of hints is decided for each request.
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
        """Drop the cached responses, because their bodies take memory."""
        self._responses.clear()
        self._response_octets = 0
