"""Received octets that have not been processed, and the requests in them.

Contract: :meth:`Input.next_head` removes the next request's header section from the front once it
is complete, or raises :class:`~h2static.http1.errors.BadRequest` as soon as it cannot become valid.
Looking again costs time in proportion to the octets added.  The same octets give the same request
again (:mod:`h2static.http1.memory`); those with credentials only on their own connection.
"""

from __future__ import annotations

from typing import Final

from h2static.http1.errors import BadRequest
from h2static.http1.head import Head, find_bare_line_end, parse_head
from h2static.http1.limits import Limits
from h2static.http1.memory import LARGEST_SECTION, Memory

#: Header sections with credentials cached per connection: those of a page and its resources.
_PRIVATE_SECTIONS: Final = 16


class Input:
    """The unprocessed octets of a client."""

    __slots__ = (
        "_empty_lines", "_known", "_limits", "_memory", "_private", "_protocols", "_proxied",
        "_searched", "_secure", "octets",
    )  # fmt: skip

    def __init__(
        self,
        limits: Limits,
        memory: Memory,
        *,
        secure: bool,
        proxied: bool,
        protocols: frozenset[bytes],
    ) -> None:
        """The flags, and ``protocols``: see :func:`~h2static.http1.head.parse_head`."""
        self._limits = limits
        self._secure = secure
        self._protocols = protocols
        self._proxied = proxied
        self._memory = memory
        self._known = memory.sections(secure=secure, proxied=proxied)
        #: The cache of sections with credentials; ``None`` before the first.
        self._private: dict[bytes, Head] | None = None
        #: Unprocessed octets; readers of content remove octets from the front.
        self.octets = bytearray()
        self._searched = 0
        self._empty_lines = 0

    def add(self, data: bytes) -> Head | None:
        """Add received octets.

        If they are exactly one known request, and nothing else is waiting, returns its head.
        """
        if not self.octets:
            head = self._known.get(data)
            if head is None and self._private is not None:
                head = self._private.get(data)
            if head is not None:
                self._empty_lines = 0
                return head
        self.octets += data
        return None

    def skip_empty_lines(self) -> None:
        """Drop a few empty lines before a request.

        RFC 9112 section 2.2: "a server that is expecting to receive and parse a request-line SHOULD
        ignore at least one empty line (CRLF) received prior to the request-line."
        """
        octets = self.octets
        while octets.startswith(b"\r\n") and self._empty_lines < self._limits.empty_lines:
            del octets[:2]
            self._empty_lines += 1
            self._searched = 0

    def next_head(self) -> Head | None:
        """The next request; ``None`` if it is incomplete.

        Raises :class:`~h2static.http1.errors.BadRequest`.
        """
        octets = self.octets
        end = octets.find(b"\r\n\r\n", max(0, self._searched - 3))
        size = end + 4 if end >= 0 else len(octets)
        if size > self._limits.header_section:
            raise BadRequest(431, "header section too large")
        if end < 0:
            self._check_incomplete()
            return None
        section = bytes(octets[:size])
        head = self._known.get(section)
        if head is None and self._private is not None:
            head = self._private.get(section)
        if head is None:
            head = parse_head(
                section,
                secure=self._secure,
                limits=self._limits,
                proxied=self._proxied,
                protocols=self._protocols,
            )
            self._remember(section, head)
        del octets[:size]
        self._searched = 0
        self._empty_lines = 0
        return head

    def _remember(self, section: bytes, head: Head) -> None:
        if not head.private:
            self._memory.remember(section, head, secure=self._secure, proxied=self._proxied)
            return
        if not self._memory.enabled or len(section) > LARGEST_SECTION or head.request.protocol:
            return
        if self._private is None:
            self._private = {}
        elif len(self._private) >= _PRIVATE_SECTIONS:
            del self._private[next(iter(self._private))]
        head.request.repeats = True
        self._private[section] = head

    def _check_incomplete(self) -> None:
        """Refuse an incomplete section that more octets cannot make valid.

        Raises :class:`~h2static.http1.errors.BadRequest`.
        """
        octets = self.octets
        start = max(0, self._searched - 1)
        self._searched = len(octets)
        # A TLS record on a cleartext port begins with 0x16: no request line does.
        if find_bare_line_end(octets, start):
            raise BadRequest(400, "control octet, bare CR or bare LF in the header section")
        limit = self._limits.request_line
        if len(octets) > limit and octets.find(b"\r\n", 0, limit + 2) < 0:
            raise BadRequest(414, f"request line longer than {limit} octets")
