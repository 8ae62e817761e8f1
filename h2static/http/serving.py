"""Shared by HTTP/2 and HTTP/3 servers: misdirected requests, and responses that may be sent.

Contract: pure functions over requests and responses.
"""

from __future__ import annotations

from dataclasses import replace

from h2static.http.authority import Authorities
from h2static.http.messages import WITHOUT_CONTENT, Request, Response


def misdirected(
    request: Request, schemes: frozenset[bytes], authorities: Authorities
) -> tuple[int, str] | None:
    """Status and reason if a well-formed request is for another server; ``None`` otherwise.

    ``schemes``: those a request may have (RFC 9113 section 8.3.1, RFC 9114 section 4.3.1).
    """
    scheme = request.scheme.lower()
    # RFC 9110 section 7.4: "Unless the connection is from a trusted gateway, an origin server
    # MUST reject a request if any scheme-specific requirements for the target URI are not met.
    # In particular, a request for an "https" resource MUST be rejected unless it has been
    # received over a connection that has been secured"; 421 is the status for that.
    if scheme and scheme not in schemes:
        return 421, (
            f":scheme {scheme.decode('ascii')} on a connection for"
            f" {b' or '.join(sorted(schemes)).decode('ascii')}, not from a trusted proxy"
        )
    problem = authorities.problem(request)
    return None if problem is None else (400, problem)


def fitting(request: Request, response: Response) -> Response:
    """``response`` in a form that may be sent to ``request``.

    RFC 9110 section 9.3.2: to HEAD "the server MUST NOT send content in the response"; nor is there
    any with 204 and 304.  This is a safeguard for applications that ignore that.
    """
    if response.body != b"" and (request.method == b"HEAD" or response.status in WITHOUT_CONTENT):
        return replace(response, body=b"", prepared=False)
    return response
