"""The error log's line about a refused request.

Contract: :func:`refusal_text` formats the reason for a refusal, in the same way for every protocol.
The line contains octets from the peer: the log must escape it.
"""

from __future__ import annotations

from h2static.http.forwarded import origin_of
from h2static.http.requests import Client, Request


def refusal_text(client: Client, request: Request, status: int, reason: str) -> str:
    """One line: status, reason, request, and the client if a trusted proxy made the request."""
    what = b"%b %b" % (request.method, request.path)
    host = origin_of(client, request).host
    behalf = f" (for {host})" if host != client.host else ""
    return f"{status}: {reason}{behalf}: {what.decode('utf-8', 'surrogateescape')}"
