"""A folder in front of an application: files first, everything else is the application's.

Contract: what the site has an answer for is answered by the folder, errors included; only what is
absent from it goes to the application, whatever the method.

Assumes: the site falls through (:class:`h2static.site.site.Site`).
"""

from __future__ import annotations

from h2static.http.exchange import Application, Exchange
from h2static.http.lifecycle import Several
from h2static.http.messages import Request, Response
from h2static.site.builder import ABSENT
from h2static.site.site import Site


class FolderFirst(Several):
    """See the module."""

    def __init__(self, site: Site, folder: Application, application: Application) -> None:
        """``folder`` is ``site``, or what was put around it."""
        self._site = site
        self._folder = folder
        self._application = application
        super().__init__((folder, application))

    def recall(self, request: Request) -> Response | None:
        """What the folder recalls, or the application for what the folder has not."""
        known = self._site.recall(request)
        if known is None:
            return None
        if known is ABSENT:
            return self._application.recall(request)
        return known if self._folder is self._site else self._folder.recall(request)

    def handle(self, exchange: Exchange) -> None:
        """See :class:`h2static.http.exchange.Application`."""
        request = exchange.request
        if request.protocol or self._site.look(request) is ABSENT:
            self._application.handle(exchange)
        else:
            self._folder.handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the folder."""
        return self._folder.refuse(status, request)
