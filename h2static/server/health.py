"""The health check: a path that says whether the server wants more requests.

Contract: an application around another one; whoever stops the server sets
:attr:`HealthApplication.draining`, and the path answers 503 from then on.
"""

from __future__ import annotations

from h2static.http.messages import Answer, BatchApplication, Request, Response

_FIELDS = (
    (b"server", b"h2static"),
    (b"cache-control", b"no-store"),
    (b"content-type", b"text/plain; charset=utf-8"),
)


def _response(status: int, text: bytes, *, head: bool) -> Response:
    fields = (*_FIELDS, (b"content-length", b"%d" % len(text)))
    return Response(status=status, fields=fields, body=b"" if head else text)


class HealthApplication:
    """Answers one path itself and leaves the rest to the application that it wraps."""

    def __init__(self, inner: BatchApplication, path: str) -> None:
        """Answer ``path``; its query does not matter."""
        self._inner = inner
        self._path = path.encode("ascii")
        #: Whether the server is about to stop.
        self.draining = False
        self._answers = {
            (draining, head): _response(
                503 if draining else 200, b"draining\n" if draining else b"ok\n", head=head
            )
            for draining in (False, True)
            for head in (False, True)
        }

    def answer(self, request: Request) -> Answer:
        """The state for the path, whatever the other application says for all others."""
        path, method = request.path, request.method
        if path.partition(b"?")[0] == self._path and method in (b"GET", b"HEAD"):
            return self._answers[self.draining, method == b"HEAD"]
        return self._inner.answer(request)

    def new_batch(self) -> None:
        """As the other application."""
        self._inner.new_batch()

    def release(self) -> None:
        """As the other application."""
        self._inner.release()

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the other application."""
        return self._inner.refuse(status, request)
