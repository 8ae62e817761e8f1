"""Combines the folders and applications of a host.

Contract: :func:`put_together` returns one application that serves them all: a request under a
prefix goes to what is served there; other requests go to the folder, and those that it cannot
answer to the application without a prefix.  Dev mode asks :class:`Documents` how folders would
respond, without answering a request; otherwise it passes everything on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from h2static.http.exchange import Application, ResponseJob
from h2static.http.messages import Request, Response
from h2static.http.wrapper import Wrapper
from h2static.router import Router
from h2static.site import Site
from h2static.site.builder import ABSENT
from h2static.site.folder_first import FolderFirst
from h2static.site.refusals import Refusals


class Documents(Wrapper):
    """All applications, some of which may be folders that can be inspected."""

    __slots__ = ("_folders", "_router")

    def __init__(self, inner: Application, folders: Sequence[Site], router: Router | None) -> None:
        """``folders``: those that ``inner`` leads to; ``router``: ``inner`` if it is one."""
        super().__init__(inner)
        self._folders = tuple(folders)
        self._router = router

    def look(self, request: Request) -> Response | ResponseJob:
        """How the folder would respond; ``ABSENT`` if an application answers."""
        chosen = self._inner if self._router is None else self._router.choose(request.path)
        return chosen.look(request) if isinstance(chosen, Site | FolderFirst) else ABSENT

    def forget(self) -> None:
        """Empty the folders' caches; applications cache nothing that depends on rules."""
        for one in self._folders:
            one.forget()


def put_together(
    site: Site | None, mounts: Mapping[str, Site], routes: Mapping[str, Application]
) -> tuple[Application, Documents]:
    """Combine ``site``, the folder, with ``mounts`` and ``routes`` by prefix.

    A route without a prefix answers for files that the folder does not have.
    """
    outer: Application = Refusals() if site is None else site
    everywhere = routes.get("")
    if everywhere is not None:
        outer = everywhere if site is None else FolderFirst(site, everywhere)
    below = {**mounts, **{prefix: one for prefix, one in routes.items() if prefix}}
    router = Router(below, outer) if below else None
    application = router or outer
    folders = [*([] if site is None else [site]), *mounts.values()]
    return application, Documents(application, folders, router)
