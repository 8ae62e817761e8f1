"""Error pages without a site, for servers that serve applications but no folder.

Contract: :class:`Refusals` is an application without content that refuses requests as a site does.
"""

from __future__ import annotations

from h2static.http.exchange import Exchange
from h2static.http.fields import SERVER_FIELD
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.site.pages import ErrorPages
from h2static.site.representation import NOSNIFF
from h2static.site.rules import REVALIDATE


class Refusals(Lifecycle):
    """An application that answers 404 for everything."""

    def __init__(self) -> None:
        self._pages = ErrorPages()

    def recall(self, request: Request) -> Response | None:
        """Recall nothing."""
        return None

    def handle(self, exchange: Exchange) -> None:
        """Answer with 404."""
        exchange.respond(self.refuse(404, exchange.request))

    def refuse(self, status: int, request: Request | None) -> Response:
        """Implement :meth:`h2static.http.exchange.Application.refuse`."""
        octets, _ = self._pages.get(status, None)
        fields = (
            SERVER_FIELD,
            (b"cache-control", REVALIDATE),
            (b"content-length", b"%d" % len(octets)),
            (b"content-type", b"text/html; charset=utf-8"),
            NOSNIFF,
        )
        head = request is not None and request.method == b"HEAD"
        return Response(status=status, fields=fields, body=b"" if head else octets)
