"""Advertising alternative services: the ``alt-svc`` field (RFC 7838 section 3).

Contract: :class:`AltSvcApplication` wraps the application of an entrance over TLS and adds the
field to its final responses; :func:`with_alt_svc` applies the configuration.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from h2static.config import AltSvc, Config
from h2static.http.exchange import Application, Exchange
from h2static.http.messages import Request, Response
from h2static.http.rewriting import Rewriter
from h2static.http.wrapper import WrappedExchange, Wrapper

#: Seconds that clients remember it: the default of RFC 7838 section 3.1.
_MAX_AGE: Final = 86_400
#: Makes clients forget an advertisement.
CLEAR: Final = b"clear"


def http3_at(port: int) -> bytes:
    """HTTP/3 at ``port`` of the same host."""
    return b'h3=":%d"; ma=%d' % (port, _MAX_AGE)


class AltSvcApplication(Wrapper):
    """Adds ``alt-svc`` to the responses of the wrapped application."""

    __slots__ = ("_field", "_rewriter")

    def __init__(self, inner: Application, value: bytes) -> None:
        super().__init__(inner)
        self._field = (b"alt-svc", value)
        self._rewriter = Rewriter(self._changed)

    def recall(self, request: Request) -> Response | None:
        """Implement :meth:`h2static.http.exchange.Application.recall`."""
        return self._rewriter.recall(self._inner.recall(request))

    @property
    def lasting(self) -> bool:
        """As the application inside."""
        return self._lifecycle.lasting

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        self._inner.handle(WrappedExchange(exchange, self._rewriter.response))

    def release(self) -> None:
        """Empty the cache, because the wrapped application may drop the original responses."""
        super().release()
        self._rewriter.forget()

    def _changed(self, response: Response) -> Response:
        # RFC 7838 section 6: an alternative that answers 421 is not one.
        if response.status == 421 or any(name == b"alt-svc" for name, _ in response.fields):
            return response
        return replace(response, fields=(*response.fields, self._field))


def with_alt_svc(config: Config, application: Application, port: int | None) -> Application:
    """``application`` with responses that say where HTTP/3 is, or have clients forget it, if
    ``config`` says so; ``port``: where clients come in, ``None``: by a Unix domain socket."""
    if config.alt_svc is AltSvc.CLEAR:
        return AltSvcApplication(application, CLEAR)
    if port is not None and config.tells_of_http3:
        return AltSvcApplication(application, http3_at(port))
    return application
