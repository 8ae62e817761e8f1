"""What dev mode requires of the application that it wraps.

Contract: types, and :class:`NoFolder` for servers of applications alone.
"""

from __future__ import annotations

from typing import Protocol

from h2static.http.exchange import Application, ResponseJob
from h2static.http.messages import Request, Response
from h2static.site.builder import ABSENT
from h2static.site.refusals import Refusals


class DocumentSource(Application, Protocol):
    """An application that can say how it would respond, such as a site."""

    def look(self, request: Request) -> Response | ResponseJob:
        """The response to ``request``, or work that may block and returns it.

        Called in the loop's thread, any number of times for a request, and without effects but on
        the application's own memory.  :data:`~h2static.site.builder.ABSENT` for what another
        application answers, of which nothing can be said beforehand.
        """

    def forget(self) -> None:
        """Drop all cached responses."""


class WatchedSite(DocumentSource, Protocol):
    """A site whose owner edits it while it is served."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Errors in the owner's rules, one line each."""

    def concerns(self, names: tuple[bytes, ...]) -> bool:
        """Whether any response may change with the file or folder of these names, from the root
        on, or with what is below it.  Called in any thread."""

    def refresh_netlify(self) -> None:
        """Read ``_headers`` and ``_redirects`` again if they changed.  Blocks."""

    def refresh_push_rules(self, *, look_at_targets: bool) -> bool:
        """Read the push rules again if they changed; whether they had.  Blocks."""


class NoFolder(Refusals):
    """A site without files."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """None."""
        return ()

    def look(self, request: Request) -> Response:
        """Implement :meth:`DocumentSource.look`."""
        return ABSENT

    def forget(self) -> None:
        """Nothing is cached."""

    def concerns(self, names: tuple[bytes, ...]) -> bool:
        """See :class:`WatchedSite`: nothing does."""
        return False

    def refresh_netlify(self) -> None:
        """There are no such files."""

    def refresh_push_rules(self, *, look_at_targets: bool) -> bool:
        """There are no rules."""
        return False
