"""The health check: a path that shows whether the server accepts more requests.

Contract: an application around another one.  The path responds 503 once :attr:`draining` is set,
which happens some time before the server drains, and at :meth:`HealthApplication.drain` at the
latest.
"""

from __future__ import annotations

from h2static.http.exchange import Application, Exchange
from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Request, Response
from h2static.http.wrapper import Wrapper

_FIELDS = (
    SERVER_FIELD,
    (b"cache-control", b"no-store"),
    (b"content-type", b"text/plain; charset=utf-8"),
)


def _response(status: int, text: bytes, *, head: bool) -> Response:
    fields = (*_FIELDS, (b"content-length", b"%d" % len(text)))
    return Response(status=status, fields=fields, body=b"" if head else text, prepared=True)


class HealthApplication(Wrapper):
    """Answers one path itself and leaves the rest to the application that it wraps."""

    __slots__ = ("_path", "_responses", "draining")

    def __init__(self, inner: Application, path: str) -> None:
        """Answer GET and HEAD for ``path``, which is ASCII; its query does not matter."""
        super().__init__(inner)
        self._path = path.encode("ascii")
        #: Whether the server is about to stop.
        self.draining = False
        self._responses = {
            (draining, method): _response(
                503 if draining else 200,
                b"draining\n" if draining else b"ok\n",
                head=method == b"HEAD",
            )
            for draining in (False, True)
            for method in (b"GET", b"HEAD")
        }

    def recall(self, request: Request) -> Response | None:
        """The state for the path, the wrapped application's recalled response for all others."""
        path = request.path
        if path.startswith(self._path) and path.partition(b"?")[0] == self._path:
            return self._responses.get((self.draining, request.method))
        return self._inner.recall(request)

    def handle(self, exchange: Exchange) -> None:
        """As :meth:`recall`: the wrapped application answers other methods."""
        request = exchange.request
        response = None
        if request.path.partition(b"?")[0] == self._path:
            response = self._responses.get((self.draining, request.method))
        if response is None:
            self._inner.handle(exchange)
        else:
            exchange.respond(response)

    def drain(self) -> None:
        """The server is about to stop."""
        self.draining = True
        super().drain()
