"""Cross-origin requests, for those who ask for them (``--cors``).

Contract: pages of every origin may read what the site answers (Fetch standard, "CORS protocol").
Nothing is allowed with credentials.  The live reload client and its events are not the site's and
stay closed.
"""

from __future__ import annotations

from dataclasses import replace

from h2static.dev.rewriting import Rewriter
from h2static.http.messages import Answer, BatchApplication, Field, Request, Response

_FIELDS: tuple[Field, ...] = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
)
#: The answer to the question whether a request may be made; remembered for ten minutes.
_PREFLIGHT = Response(
    status=204,
    fields=(
        (b"server", b"h2static"),
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
        (b"access-control-allow-headers", b"*"),
        (b"access-control-max-age", b"600"),
        (b"access-control-allow-private-network", b"true"),
        (b"vary", b"access-control-request-method"),
    ),
    early=True,
)


class CorsApplication:
    """Lets other origins read what the application inside answers."""

    def __init__(self, inner: BatchApplication) -> None:
        self._inner = inner
        self._rewriter = Rewriter(_allow)

    def answer(self, request: Request) -> Answer:
        """See :class:`h2static.http.messages.Application`."""
        if request.method == b"OPTIONS" and request.field(b"access-control-request-method"):
            return _PREFLIGHT
        return self._rewriter.answer(self._inner.answer(request))

    def new_batch(self) -> None:
        """As the other application."""
        self._inner.new_batch()

    def release(self) -> None:
        """As the other application."""
        self._inner.release()
        self._rewriter.forget()

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the other application."""
        return self._rewriter.response(self._inner.refuse(status, request))


def _allow(response: Response) -> Response:
    """``response`` for everybody; fields that the site sets itself are left as they are."""
    present = {name for name, _ in response.fields}
    added = tuple(field for field in _FIELDS if field[0] not in present)
    return replace(response, fields=response.fields + added)
