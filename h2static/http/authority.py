"""The authority of a request (RFC 9110 section 7.2, RFC 9113 section 8.3.1).

Contract: :func:`authority_problem` says what is wrong with the authority that a request names, for
every protocol and every application.  Which host it names does not matter here.  A request without
any, as HTTP/1.0 and HTTP/2 allow, is for whatever there is.
"""

from __future__ import annotations

from h2static.http.grammar import is_authority
from h2static.http.requests import Request


class Authorities:
    """Authorities that were found well formed: a site has few names.

    At the bound everything is forgotten.
    """

    __slots__ = ("_known", "_most", "_octets")

    def __init__(self, *, most: int = 256, octets: int = 256) -> None:
        """``most``: names; ``octets``: of each, as many as a host name may have."""
        self._most = most
        self._octets = octets
        self._known: set[bytes] = set()

    def __len__(self) -> int:
        """Authorities that are remembered."""
        return len(self._known)

    def problem(self, request: Request) -> str | None:
        """As :func:`authority_problem`."""
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
    """Why ``request`` names no authority that a client may send; ``None``: nothing is wrong."""
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
