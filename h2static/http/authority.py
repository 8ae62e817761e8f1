"""The authority of a request (RFC 9110 section 7.2, RFC 9113 section 8.3.1).

Contract: :func:`authority_problem` says what is wrong with the authority that a request names, for
every protocol and every application.  Which host it names does not matter here.  A request without
any, as HTTP/1.0 and HTTP/2 allow, is for whatever there is.
"""

from __future__ import annotations

from h2static.http.grammar import is_authority
from h2static.http.requests import Request


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
