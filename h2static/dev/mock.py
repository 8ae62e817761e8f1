"""Responses of an API that does not exist yet, from files (``--mock``).

Contract: under the paths of a rule, ``GET /api/users`` is answered from ``api/users.json`` or
``api/users/index.json`` in the rule's folder, another method from ``api/users.POST.json``, with the
status in the name, if any: ``users.POST.201.json``.  If there are files for other methods only, the
response is 405; if there are none, the wrapped application answers.

Files are looked up and read in a thread for every request.  Links cannot leave the folder.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from h2static.config import Config
from h2static.descriptors import open_regular_file
from h2static.dev import guard
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.http.exchange import Application, Exchange, Handover, Outcome
from h2static.http.fields import SERVER_FIELD, Field
from h2static.http.messages import WITHOUT_CONTENT, Request, Response
from h2static.http.wrapper import Wrapper
from h2static.localca.names import machine_names
from h2static.site.patterns import Pattern

_RELATIVE = re.compile(r"(?:\.([A-Z]+))?(?:\.([2-5]\d\d))?\.json")


@dataclass(slots=True, kw_only=True, frozen=True)
class _Relative:
    """A file that may answer."""

    path: str
    #: Empty: for GET.
    method: str
    status: int

    @property
    def order(self) -> tuple[bool, int]:
        """The sort key: files that name a method first; then the lowest status."""
        return not self.method, self.status


def make_mock(config: Config, inner: Application) -> MockApplication:
    """``inner`` with the mock API of ``config`` around it."""
    rules = [(pattern, folder or config.root) for pattern, folder in config.mock]
    # Like the wrapped application, which answers the rest.
    names = (*config.allow_host, *machine_names()) if config.dev else None
    return MockApplication(inner, rules, names)


class MockApplication(Wrapper):
    """Answers mock API paths; other requests go to the wrapped application."""

    def __init__(
        self,
        inner: Application,
        rules: Sequence[tuple[Pattern, str]],
        names: tuple[str, ...] | None = None,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``rules``: patterns of paths, and the folder that files for them are in.

        ``names`` that the server answers to, see :func:`h2static.dev.guard.host_allowed`; ``None``:
        any.
        """
        super().__init__(inner)
        self._rules = rules
        self._names = names
        self._limits = limits

    def recall(self, request: Request) -> Response | None:
        """The wrapped application's recalled response, for other paths."""
        return self._inner.recall(request) if self._folder(request) is None else None

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        request = exchange.request
        folder = self._folder(request)
        if folder is None or request.protocol:
            self._inner.handle(exchange)
        else:
            exchange.work(lambda: self._outcome(request, folder))

    def _folder(self, request: Request) -> str | None:
        if self._names is not None and not guard.host_allowed(request.authority, self._names):
            return None
        path = unquote_to_bytes(request.path.partition(b"?")[0])
        return next((one for pattern, one in reversed(self._rules) if pattern.matches(path)), None)

    def _outcome(self, request: Request, folder: str) -> Outcome:
        """In a thread: the response from a file, or from the wrapped application."""
        found = _relatives(folder, unquote_to_bytes(request.path.partition(b"?")[0]))
        if not found:
            return Handover(self._inner.handle)
        method = request.method.decode("latin-1")
        asked = "GET" if method == "HEAD" else method
        fitting = [one for one in found if (one.method or "GET") == asked]
        if not fitting:
            methods = sorted({one.method or "GET" for one in found})
            allow = (b"allow", ", ".join(methods).encode("ascii"))
            return _response(405, b"", fields=(allow,))
        chosen = min(fitting, key=lambda one: one.order)
        try:
            # Opening a FIFO would block the thread.
            with open_regular_file(chosen.path) as file:
                octets = file.read(self._limits.mock + 1)
        except OSError:
            return Handover(self._inner.handle)
        if len(octets) > self._limits.mock:
            return _response(500, b'{"error": "the file is too large"}\n')
        response = _response(chosen.status, octets)
        return replace(response, body=b"") if method == "HEAD" else response


def _relatives(folder: str, path: bytes) -> list[_Relative]:
    """The files that may answer ``path``, which is decoded."""
    names = [os.fsdecode(name) for name in path.strip(b"/").split(b"/")]
    if not all(names) or any(name.startswith(".") or "\0" in name for name in names):
        return []
    parent = os.path.join(folder, *names[:-1])
    inside = os.path.realpath(folder).rstrip("/") + "/"
    found = []
    for place, stem in ((parent, names[-1]), (os.path.join(parent, names[-1]), "index")):
        try:
            entries = os.listdir(place)
        except OSError:
            continue
        for entry in entries:
            match = _RELATIVE.fullmatch(entry, len(stem)) if entry.startswith(stem) else None
            file = os.path.join(place, entry)
            if match is not None and os.path.realpath(file).startswith(inside):
                found.append(
                    _Relative(path=file, method=match[1] or "", status=int(match[2] or 200))
                )
    return found


def _response(status: int, octets: bytes, *, fields: tuple[Field, ...] = ()) -> Response:
    own: tuple[Field, ...] = (SERVER_FIELD, (b"cache-control", b"no-store"))
    if status in WITHOUT_CONTENT:
        return Response(status=status, fields=(*own, *fields))
    own = (
        *own,
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", b"application/json"),
    )
    return Response(status=status, fields=(*own, *fields), body=octets)
