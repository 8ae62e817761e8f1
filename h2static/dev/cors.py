"""Cross-origin requests (``--cors``).

Contract: pages of every origin may read the site's responses (Fetch standard, "CORS protocol"), but
not with credentials.  The live-reload client and its events are not part of the site and stay
inaccessible, and so do names that the server does not answer to (421).

Strategy: each response is changed once, and cached by its identity.
"""

from __future__ import annotations

from dataclasses import replace

from h2static.dev.injection import PREFIX
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.http.exchange import Application, Exchange
from h2static.http.fields import SERVER_FIELD, Fields
from h2static.http.messages import Request, Response
from h2static.http.rewriting import Rewriter
from h2static.http.wrapper import WrappedExchange, Wrapper

_OWN_PATHS = PREFIX.encode("ascii")
_FIELDS: Fields = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"timing-allow-origin", b"*"),
)
_PREFLIGHT_FIELDS: Fields = (
    SERVER_FIELD,
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, HEAD, OPTIONS"),
    # Fetch standard, "CORS protocol": "Authorization" is not among what an asterisk allows.
    (b"access-control-allow-headers", b"*, authorization"),
    # Ten minutes.
    (b"access-control-max-age", b"600"),
    (b"access-control-allow-private-network", b"true"),
    (b"vary", b"access-control-request-method"),
)


class CorsApplication(Wrapper):
    """Lets other origins read the responses of the wrapped application."""

    def __init__(self, inner: Application, limits: DevLimits = DEFAULT_LIMITS) -> None:
        super().__init__(inner)
        self._rewriter = Rewriter(_allow, entries=limits.rewritten, octets=limits.rewritten_octets)

    def recall(self, request: Request) -> Response | None:
        """The wrapped application's recalled response, with the fields for other origins."""
        if request.path.startswith(_OWN_PATHS):
            return self._inner.recall(request)
        if request.method == b"OPTIONS":
            return None
        return self._rewriter.recall(self._inner.recall(request))

    def handle(self, exchange: Exchange) -> None:
        """Answer preflight requests, and add the fields to all other responses."""
        request = exchange.request
        if request.path.startswith(_OWN_PATHS):
            self._inner.handle(exchange)
        elif request.method == b"OPTIONS" and request.field(b"access-control-request-method"):
            # The wrapped application checks the name.
            self._inner.handle(WrappedExchange(exchange, _permit))
        else:
            self._inner.handle(WrappedExchange(exchange, self._rewriter.response))

    def refuse(self, status: int, request: Request | None) -> Response:
        """The wrapped application's refusal, which other origins may read as well."""
        response = self._inner.refuse(status, request)
        if request is not None and request.path.startswith(_OWN_PATHS):
            return response
        return self._rewriter.response(response)

    def release(self) -> None:
        """Empty the cache, because the wrapped application drops the original responses."""
        super().release()
        self._rewriter.forget()


def _allow(response: Response) -> Response:
    """``response`` for everybody; fields that the site sets itself are left as they are."""
    if response.status == 421:
        return response
    present = {name for name, _ in response.fields}
    added = tuple(field for field in _FIELDS if field[0] not in present)
    return replace(response, fields=response.fields + added)


def _permit(response: Response) -> Response:
    """The answer to a preflight request whose plain answer is ``response``."""
    if response.refusal is not None:
        return response
    return Response(status=204, fields=_PREFLIGHT_FIELDS, early=True)
