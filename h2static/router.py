"""Several applications in one: each answers under its prefix.

Contract: the longest prefix of a path wins; ``/api`` is a prefix of ``/api`` and of ``/api/x``, but
not of ``/apix``.  Dot segments are removed and the path is percent-decoded first, so that no other
spelling leads to another application.  Requests that match no prefix go to the default.  Each
application is notified of startup and shutdown once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote, unquote_to_bytes

from h2static.http.exchange import Application, Exchange
from h2static.http.lifecycle import Several
from h2static.http.messages import Request, Response
from h2static.http.paths import remove_dot_segments

#: A prefix as written by users: as in a URL, with a leading slash and without a trailing one.
_PREFIX: Final = re.compile(r"(?:/(?:[^/\x00-\x20\x7f?#%]|%[0-9A-Fa-f]{2})+)+")
#: A name in a prefix, decoded.
_NAME: Final = re.compile(r"[^/\x00-\x1f\x7f?]+")


def parse_prefix(text: str) -> str:
    """Parse ``text`` as a prefix: percent-decode it and strip a trailing slash; ``/`` is the empty
    prefix.

    Raises ``ValueError`` with a one-line message.
    """
    prefix = text.removesuffix("/")
    wrong = ValueError(f"{text!r} is not a path prefix like /api")
    if not text.startswith("/") or (prefix and _PREFIX.fullmatch(prefix) is None):
        raise wrong
    try:
        names = [unquote(name, errors="strict") for name in prefix.split("/")[1:]]
    except UnicodeDecodeError:
        raise wrong from None
    if any(name in (".", "..") or _NAME.fullmatch(name) is None for name in names):
        raise wrong
    return "".join(f"/{name}" for name in names)


class Router(Several):
    """Routes each request to an application by its path."""

    def __init__(self, routes: Mapping[str, Application], default: Application) -> None:
        """``routes``: applications by decoded prefix; see :func:`parse_prefix`."""
        by_length = sorted(routes.items(), key=lambda item: len(item[0]), reverse=True)
        self._routes = tuple(
            (prefix.encode("utf-8"), prefix.encode("utf-8") + b"/", application)
            for prefix, application in by_length
        )
        self._default = default
        super().__init__((*routes.values(), default))

    def choose(self, path: bytes) -> Application:
        """The application for ``path``, which may have a query."""
        if b"/." in path or b"%" in path:
            path = unquote_to_bytes(remove_dot_segments(path.partition(b"?")[0])[0])
        for prefix, below, application in self._routes:
            if path.startswith(prefix) and (
                path.startswith(below) or path.partition(b"?")[0] == prefix
            ):
                return application
        return self._default

    def recall(self, request: Request) -> Response | None:
        """The recalled response of the path's application."""
        return self.choose(request.path).recall(request)

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        self.choose(exchange.request.path).handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        """The refusal of the path's application, or of the default."""
        if request is None:
            return self._default.refuse(status, None)
        return self.choose(request.path).refuse(status, request)
