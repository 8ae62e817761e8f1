"""What the error log is told of a request that is refused.

Contract: whoever refuses a request says why; :func:`refusal_text` is that line, the same for every
protocol.  It holds octets of the peer: whoever writes it escapes it.
"""

from __future__ import annotations

from h2static.http.forwarded import origin_of
from h2static.http.requests import Client, Request


def refusal_text(client: Client, request: Request, status: int, reason: str) -> str:
    """One line: the status, why, of what, and for whom where a trusted proxy has asked."""
    what = b"%b %b" % (request.method, request.path)
    host = origin_of(client, request).host
    behalf = f" (for {host})" if host != client.host else ""
    return f"{status}: {reason}{behalf}: {what.decode('utf-8', 'surrogateescape')}"
