"""A folder in front of an application: files first, everything else is the application's.

Contract: what the site has an answer for is answered by the folder, errors included; only what is
absent from it goes to the application, whatever the method.

Assumes: the site falls through (:class:`h2static.site.site.Site`).
"""

from __future__ import annotations

from h2static.http.exchange import Application, Exchange, Handover, Outcome, ResponseJob
from h2static.http.lifecycle import Several
from h2static.http.messages import Request, Response
from h2static.site.builder import ABSENT
from h2static.site.site import Site


class FolderFirst(Several):
    """See the module."""

    def __init__(self, site: Site, application: Application) -> None:
        self._site = site
        self._application = application
        super().__init__((site, application))

    def look(self, request: Request) -> Response | ResponseJob:
        """As the site: :data:`~h2static.site.builder.ABSENT` for what is the application's."""
        return ABSENT if request.protocol else self._site.look(request)

    def forget(self) -> None:
        """Have the site forget its responses."""
        self._site.forget()

    def recall(self, request: Request) -> Response | None:
        """What the folder recalls, or the application for what the folder has not."""
        known = self._site.recall(request)
        return self._application.recall(request) if known is ABSENT else known

    def handle(self, exchange: Exchange) -> None:
        """See :class:`h2static.http.exchange.Application`."""
        request = exchange.request
        found = self.look(request)
        if isinstance(found, Response):
            outcome = self._outcome(request, found)
            if isinstance(outcome, Response):
                exchange.respond(outcome)
            else:
                outcome.handle(exchange)
        else:
            job = found
            exchange.work(lambda: self._outcome(request, job()))

    def _outcome(self, request: Request, found: Response) -> Outcome:
        """What comes of what the folder has ``found``."""
        if found is ABSENT:
            return Handover(self._application.handle)
        return Handover(self._site.echo) if self._site.echoes(request) else found

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the folder."""
        return self._site.refuse(status, request)
