"""A folder in front of an application: files first, everything else goes to the application.

Contract: the folder answers for everything it contains, including errors; only requests for absent
files go to the application, whatever the method.

Assumes that the site falls through (:class:`h2static.site.site.Site`).
"""

from __future__ import annotations

from h2static.http.exchange import Application, Exchange, Handover, Outcome, ResponseJob
from h2static.http.lifecycle import Several
from h2static.http.messages import Request, Response
from h2static.site.builder import ABSENT
from h2static.site.site import Site


class FolderFirst(Several):
    """An application that answers from a folder first, then from another application."""

    def __init__(self, site: Site, application: Application) -> None:
        self._site = site
        self._application = application
        super().__init__((site, application))

    def look(self, request: Request) -> Response | ResponseJob:
        """The site's response; :data:`~h2static.site.builder.ABSENT` if the application answers."""
        return ABSENT if request.protocol else self._site.look(request)

    def forget(self) -> None:
        """Drop the site's cached responses."""
        self._site.forget()

    def recall(self, request: Request) -> Response | None:
        """Recall the folder's response, or the application's if the folder has no file."""
        known = self._site.recall(request)
        return self._application.recall(request) if known is ABSENT else known

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
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
        """The outcome for the folder's response ``found``."""
        if found is ABSENT:
            return Handover(self._application.handle)
        return Handover(self._site.echo) if self._site.echoes(request) else found

    def refuse(self, status: int, request: Request | None) -> Response:
        """Refuse as the folder does."""
        return self._site.refuse(status, request)
