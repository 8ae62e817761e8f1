"""The authority of a request (RFC 9110 section 7.2, RFC 9113 section 8.3.1).

Contract: :func:`authority_problem` says what is wrong with the authority of a request, for every
protocol and every application.  Which host it names does not matter here.  A request without an
authority, which HTTP/1.0 and HTTP/2 allow, is for the default site.
"""

from __future__ import annotations

from h2static.http.grammar import is_authority
from h2static.http.requests import Request


class Authorities:
    """A cache of authorities found to be well-formed: a site has few names.

    When it is full, it is cleared.
    """

    __slots__ = ("_known", "_most", "_octets")

    def __init__(self, *, most: int = 256, octets: int = 256) -> None:
        """``most``: number of names; ``octets``: length of a name, that of the longest host
        name."""
        self._most = most
        self._octets = octets
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        """The number of cached authorities."""
        return len(self._known)

    def problem(self, request: Request) -> str | None:
        """The result of :func:`authority_problem`, using the cache."""
        authority = request.authority
        hosts = [value for name, value in request.fields if name == b"host"]
        if not hosts and authority in self._known:
            return None
        problem = authority_problem(request)
        if problem is None and len(authority) <= self._octets:
            if len(self._known) >= self._most:
                self._known.clear()
            self._known.add(authority)
        return problem


def authority_problem(request: Request) -> str | None:
    """Why the authority of ``request`` is invalid; ``None`` if nothing is wrong."""
    authority = request.authority
    hosts = [value for name, value in request.fields if name == b"host"]
    # RFC 9112 section 3.2: "MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    # request message that lacks a Host header field and to any request message that contains more
    # than one Host header field line or a Host header field with an invalid field value".
    if len(hosts) > 1:
        return "more than one Host field"
    if (authority or hosts) and not is_authority(authority):
        return "malformed authority"
    # RFC 9113 section 8.3.1: a server "SHOULD treat a request as malformed if it contains a Host
    # header field that identifies an entity that differs from the entity in the ":authority"".
    if hosts and hosts[0].lower() != authority.lower():
        return ":authority and Host differ"
    return None
