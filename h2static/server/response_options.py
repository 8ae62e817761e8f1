"""Responses for testing clients: with trailers, without a length, before the request's content.

Contract: :class:`ResponseOptions` wraps the application of an HTTP/2 entrance and changes its
responses according to ``--trailer``, ``--no-content-length`` and ``--early-response``, which
nghttpd has, too.  Refusals by the engine itself are not changed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from h2static.http.bodies import Body, BodyReader, OctetsReader
from h2static.http.exchange import Application, Exchange
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Request, Response
from h2static.http.rewriting import Rewriter
from h2static.http.wrapper import WrappedExchange, Wrapper


class ResponseOptions(Wrapper):
    """Changes every response of the wrapped application."""

    __slots__ = ("_early", "_for_head", "_for_others", "_no_content_length", "_trailers")

    def __init__(
        self,
        inner: Application,
        *,
        trailers: Fields = (),
        no_content_length: bool = False,
        early: bool = False,
    ) -> None:
        """``trailers`` follow every response that may have content, also where it has none.

        ``no_content_length``: 200 without ``content-length``.  ``early``: a response is sent at the
        request's field section instead of at its end.
        """
        super().__init__(inner)
        self._trailers = trailers
        self._no_content_length = no_content_length
        self._early = early
        # An empty file may have one response for GET and HEAD; only the first gets trailers.
        self._for_head = Rewriter(partial(self._changed, head=True))
        self._for_others = Rewriter(partial(self._changed, head=False))

    def recall(self, request: Request) -> Response | None:
        """Implement :meth:`h2static.http.exchange.Application.recall`."""
        return self._rewriter(request).recall(self._inner.recall(request))

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        change = self._rewriter(exchange.request).response
        self._inner.handle(WrappedExchange(exchange, change))

    def release(self) -> None:
        """Empty the cache, because the wrapped application may drop the original responses."""
        super().release()
        self._for_head.forget()
        self._for_others.forget()

    def _rewriter(self, request: Request) -> Rewriter:
        return self._for_head if request.method == b"HEAD" else self._for_others

    def _changed(self, response: Response, *, head: bool) -> Response:
        fields, body = response.fields, response.body
        if self._no_content_length and response.status == 200:
            fields = tuple([field for field in fields if field[0] != b"content-length"])
        if self._trailers and response.status not in WITHOUT_CONTENT:
            # RFC 9110 section 6.6.2: "a sender SHOULD generate a Trailer header field before the
            # content to indicate which fields might be present in the trailers".
            names = b", ".join([name for name, _ in self._trailers])
            fields = (*fields[:1], (b"trailer", names), *fields[1:])
            if not head:
                body = TrailingBody(body, self._trailers)
        return replace(response, fields=fields, body=body, early=response.early or self._early)


class TrailingBody:
    """A body with trailers after it."""

    __slots__ = ("_body", "_trailers", "length")

    def __init__(self, body: bytes | Body, trailers: Fields) -> None:
        self._body = body
        self._trailers = trailers
        length = len(body) if isinstance(body, bytes) else body.length
        # An engine does not read what has no octets, and would not learn of the trailers.
        self.length = length or None

    def open(self) -> BodyReader:
        """Implement :meth:`h2static.http.bodies.Body.open`."""
        if isinstance(self._body, bytes):
            return OctetsReader(self._body, self._trailers)
        return _TrailingReader(self._body.open(), self._trailers)


class _TrailingReader:
    """A reading of another body, with more trailers."""

    __slots__ = ("_reader", "_trailers")

    def __init__(self, reader: BodyReader, trailers: Fields) -> None:
        self._reader = reader
        self._trailers = trailers

    @property
    def reuses_buffer(self) -> bool:
        return self._reader.reuses_buffer

    def read(self, size: int) -> bytes | memoryview | None:
        return self._reader.read(size)

    def wait(self, wake: Callable[[], None]) -> None:
        self._reader.wait(wake)

    def trailers(self) -> Fields:
        return (*self._reader.trailers(), *self._trailers)

    def close(self) -> None:
        self._reader.close()
