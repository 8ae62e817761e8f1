"""All that is served, of which one part may be a folder that can be looked at.

Contract: :func:`put_together` leads below each prefix to what is served there, the longest one
first; of the rest the folder has what it has, and what has no prefix everything else.
:class:`Documents` passes everything on.  Dev mode asks it for the folder's documents, which it can
look at without a request being answered.
"""

from __future__ import annotations

from collections.abc import Mapping

from h2static.http.exchange import Application, ResponseJob
from h2static.http.messages import Request, Response
from h2static.http.wrapper import Wrapper
from h2static.router import Router
from h2static.site import Site
from h2static.site.builder import ABSENT
from h2static.site.folder_first import FolderFirst


class Documents(Wrapper):
    """All applications, one of which may be a folder that can be looked at."""

    __slots__ = ("_folder", "_router")

    def __init__(
        self, inner: Application, folder: Site | FolderFirst | None, router: Router | None
    ) -> None:
        """``router``: leads to ``folder``, or elsewhere."""
        super().__init__(inner)
        self._folder = folder
        self._router = router

    def look(self, request: Request) -> Response | ResponseJob:
        """What the folder would respond; ``ABSENT`` for what an application answers."""
        if self._folder is None:
            return ABSENT
        if self._router is not None and self._router.choose(request.path) is not self._folder:
            return ABSENT
        return self._folder.look(request)

    def forget(self) -> None:
        """Have the folder forget its responses; applications remember nothing of its rules."""
        if self._folder is not None:
            self._folder.forget()


def put_together(
    site: Site | None, nothing: Application, routes: Mapping[str, Application]
) -> Documents:
    """All that is served.

    ``site``: the folder, if there is one, which falls through where there is a route without a
    prefix; ``nothing`` refuses where there is neither.  ``routes``: by prefix.
    """
    below = dict(routes)
    everywhere = below.pop("", None)
    outer: Application = nothing if site is None else site
    folder: Site | FolderFirst | None = site
    if everywhere is not None:
        outer = everywhere
        if site is not None:
            outer = folder = FolderFirst(site, everywhere)
    router = Router(below, outer) if below else None
    return Documents(router or outer, folder, router)
