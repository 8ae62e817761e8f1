"""The dev mode page for an upstream that does not answer.

Contract: for clients that accept HTML, :func:`down_page` returns a page that names the upstream and
the reason, and reloads until the upstream answers; other clients get a line of text.
"""

from __future__ import annotations

from html import escape
from typing import Final

from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Response
from h2static.http.requests import Request
from h2static.site.pages import REASONS, page

#: Seconds until the browser retries.
_AGAIN: Final = 1


def down_page(status: int, request: Request, upstream: str, reason: str) -> Response:
    """The response where ``upstream`` has none, because of ``reason``."""
    title = f"{status} {REASONS[status]}"
    again = request.method == b"GET"
    if b"text/html" in (request.field(b"accept") or b""):
        more = "<p>This page reloads when the upstream answers.</p>\n" if again else ""
        content = (
            f"<h1>{escape(title)}</h1>\n<p>The upstream <code>{escape(upstream)}</code> is not"
            f" responding:</p>\n<pre>{escape(reason)}</pre>\n{more}"
        )
        kind, octets = b"html", page(title, content, "body{padding:2rem}\n")
    else:
        kind, octets = b"plain", f"{title}: {upstream}: {reason}\n".encode("utf-8", "replace")
    fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", b"text/%b; charset=utf-8" % kind),
        # It is unknown whether a POST may be sent again.
        *(((b"refresh", b"%d" % _AGAIN),) if again else ()),
    )
    body = b"" if request.method == b"HEAD" else octets
    return Response(status=status, fields=fields, body=body, early=True)
