"""Octets that were received and not yet used, and the requests in them.

Contract: :meth:`Input.next_head` takes the next request's header section off the front once it is
complete, or raises :class:`~h2static.http1.head.BadRequest` as soon as it is clear that it will
never be a good one.  What it costs to look again is in proportion to what was added.
"""

from __future__ import annotations

from h2static.http1.head import BadRequest, Head, find_bare_line_end, parse_head
from h2static.http1.limits import Limits

#: Header sections that are remembered with what they mean: a page's worth.
_REMEMBERED_HEADS = 64
#: Larger sections (long cookies) are not remembered.
_REMEMBERED_SIZE = 4_096


class Input:
    """What a client has sent."""

    __slots__ = ("_empty_lines", "_heads", "_limits", "_searched", "_secure", "octets")

    def __init__(self, limits: Limits, *, secure: bool) -> None:
        self._limits = limits
        self._secure = secure
        #: What was not used yet; content is taken off the front by whoever reads it.
        self.octets = bytearray()
        self._searched = 0
        self._empty_lines = 0
        self._heads: dict[bytes, Head] = {}

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

    def next_head(self) -> tuple[Head, bytes] | None:
        """The next request and the octets that it was read from; ``None``: more must come first.

        The same octets give the same request again.  Raises
        :class:`~h2static.http1.head.BadRequest`.
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
        head = self._heads.get(section)
        if head is None:
            head = parse_head(section, secure=self._secure, limits=self._limits)
            if len(section) <= _REMEMBERED_SIZE:
                if len(self._heads) >= _REMEMBERED_HEADS:
                    self._heads.clear()
                self._heads[section] = head
        del octets[:size]
        self._searched = 0
        self._empty_lines = 0
        return head, section

    def _check_incomplete(self) -> None:
        """Refuse now what more octets cannot mend.  Raises :class:`BadRequest`."""
        octets = self.octets
        start = max(0, self._searched - 1)
        self._searched = len(octets)
        # A TLS record on a cleartext port begins with 0x16: no request line does.
        if find_bare_line_end(octets, start):
            raise BadRequest(400, "control octet, bare CR or bare LF in the header section")
        limit = self._limits.request_line
        if len(octets) > limit and octets.find(b"\r\n", 0, limit + 2) < 0:
            raise BadRequest(414, f"request line longer than {limit} octets")
