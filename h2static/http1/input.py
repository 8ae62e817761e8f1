"""Octets that were received and not yet used, and the requests in them.

Contract: :meth:`Input.next_head` takes the next request's header section off the front once it is
complete, or raises :class:`~h2static.http1.errors.BadRequest` as soon as it is clear that it will
never be a good one.  What it costs to look again is in proportion to what was added.  The same
octets give the same request again (:mod:`h2static.http1.memory`); those with credentials do so on
their own connection only.
"""

from __future__ import annotations

from typing import Final

from h2static.http1.errors import BadRequest
from h2static.http1.head import Head, find_bare_line_end, parse_head
from h2static.http1.limits import Limits
from h2static.http1.memory import LARGEST_SECTION, Memory

#: Header sections with credentials that a connection remembers: those of a page and its parts.
_PRIVATE_SECTIONS: Final = 16


class Input:
    """What a client has sent."""

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
        #: Sections with credentials; none before the first.
        self._private: dict[bytes, Head] | None = None
        #: What was not used yet; content is taken off the front by whoever reads it.
        self.octets = bytearray()
        self._searched = 0
        self._empty_lines = 0

    def add(self, data: bytes) -> Head | None:
        """Take octets that came.

        When they are exactly one request that is known, and nothing else waits, its head is
        returned at once.
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
        """The next request; ``None``: more must come first.

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
        """Refuse now what more octets cannot mend.  Raises
        :class:`~h2static.http1.errors.BadRequest`."""
        octets = self.octets
        start = max(0, self._searched - 1)
        self._searched = len(octets)
        # A TLS record on a cleartext port begins with 0x16: no request line does.
        if find_bare_line_end(octets, start):
            raise BadRequest(400, "control octet, bare CR or bare LF in the header section")
        limit = self._limits.request_line
        if len(octets) > limit and octets.find(b"\r\n", 0, limit + 2) < 0:
            raise BadRequest(414, f"request line longer than {limit} octets")
