"""The authority of a request (RFC 9110 section 7.2, RFC 9113 section 8.3.1).

Contract: says whether the authority that a request names is one that a client may send.  Which
host it names does not matter: there is one site, and no answer repeats the name.
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

    def is_valid(self, request: Request) -> bool:
        """As :func:`authority_is_valid`."""
        authority = request.authority
        if authority not in self._known:
            if not is_authority(authority):
                return False
            if len(authority) <= self._octets:
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known.add(authority)
        return _hosts_agree(request)


def authority_is_valid(request: Request) -> bool:
    """Whether ``request`` names one well-formed authority."""
    # RFC 9112 section 3.2: "MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    # request message that lacks a Host header field and to any request message that contains more
    # than one Host header field line or a Host header field with an invalid field value".
    return is_authority(request.authority) and _hosts_agree(request)


def _hosts_agree(request: Request) -> bool:
    """Whether a Host field says what the authority says."""
    authority = request.authority
    hosts = [value for name, value in request.fields if name == b"host"]
    # RFC 9113 section 8.3.1: a server "SHOULD treat a request as malformed if it contains a Host
    # header field that identifies an entity that differs from the entity in the ":authority"".
    return len(hosts) <= 1 and all(host.lower() == authority.lower() for host in hosts)
