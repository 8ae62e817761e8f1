"""The files that shared workers consist of, which no page can find out.

Contract: browsers tell pages neither what their shared workers load, nor which pages have one.
:class:`SharedWorkers` examines requests: one for the script of a shared worker says so (Fetch
Metadata, ``sec-fetch-dest: sharedworker``), and requests for what it loads have a Referer that
leads to it.  :meth:`SharedWorkers.loaded` may be called in any thread.
"""

from __future__ import annotations

from urllib.parse import unquote_to_bytes, urlsplit

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.http.messages import Request


class SharedWorkers:
    """The files of the shared workers of one server."""

    def __init__(self, limits: DevLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._paths: set[str] = set()
        self._overflowed = False

    def note(self, request: Request) -> None:
        """Record a browser's request."""
        if request.field(b"sec-fetch-dest") == b"sharedworker" or self._is_asked_by_one(request):
            if len(self._paths) < self._limits.worker_files:
                self._paths.add(_plain(request.path.partition(b"?")[0]))
            else:
                self._overflowed = True

    def _is_asked_by_one(self, request: Request) -> bool:
        if not self._paths:
            return False
        referer = request.field(b"referer")
        if referer is None:
            return False
        try:
            asking = urlsplit(referer)
        except ValueError:
            return False
        return asking.netloc == request.authority and _plain(asking.path) in self._paths

    def loaded(self, path: str) -> bool:
        """Whether a shared worker may consist of what is at ``path``, which is decoded."""
        return self._overflowed or path in self._paths


def _plain(path: bytes) -> str:
    return unquote_to_bytes(path).decode("utf-8", "surrogateescape")
