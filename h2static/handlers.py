"""Callback-based request handlers, one object per request, on top of ASGI.

For those who know nghttp2's Python module: subclass :class:`BaseRequestHandler`, override what you
need, and serve ``Handler.application``::

    class Handler(BaseRequestHandler):
        def on_headers(self):
            self.push("/style.css", headers=[("content-type", "text/css")], body="p {}")
            self.send_response(headers=[("content-type", "text/html")], body="<p>Hello")

    h2static --app module:Handler.application 8443 key.pem cert.pem

Contract: callbacks are called one after the other in the event loop and must not block.
``send_response`` must be called once, from a callback or later from the same loop; a request whose
handler never calls it waits forever.  ``push`` must be called before it, and has no effect if the
client does not accept pushes.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterable, Iterable
from typing import ClassVar, TypeAlias

from h2static.asgi.types import Receive, Scope, Send

#: Names and values, as text or as octets.
Headers: TypeAlias = Iterable[tuple[str | bytes, str | bytes]]
#: ``None``: no content.
Body: TypeAlias = str | bytes | io.IOBase | Iterable[bytes] | AsyncIterable[bytes] | None
_Answer: TypeAlias = tuple[int, list[tuple[bytes, bytes]], Body]

#: Promises not yet requested.  The server requests them immediately, or never.
_MOST_PROMISED = 1_000
#: Octets to read from a file at a time.
_PIECE = 65_536


class BaseRequestHandler:
    """One request.  Values from the client are octets."""

    #: Promised responses that are about to be requested, by client and path.
    _promised: ClassVar[dict[tuple[object, str], _Answer]] = {}

    def __init__(self, scope: Scope) -> None:
        """``scope``: the request's ASGI scope."""
        self.scope = scope
        self.client_address: tuple[str, int] | None = scope["client"]
        self.scheme: bytes = scope["scheme"].encode("ascii")
        self.method: bytes = scope["method"].encode("ascii")
        query: bytes = scope["query_string"]
        self.path: bytes = scope["raw_path"] + (b"?" + query if query else b"")
        self.headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        self.host: bytes = next((value for name, value in self.headers if name == b"host"), b"")
        self._pushes: list[tuple[str, list[tuple[bytes, bytes]], _Answer]] = []
        self._answer: asyncio.Future[_Answer] = asyncio.get_running_loop().create_future()

    # ------------------------------------------------------------------ to be overridden

    def on_headers(self) -> None:
        """Called when the request's header section has arrived."""

    def on_data(self, data: bytes) -> None:
        """Called when a piece of the request's content has arrived."""

    def on_request_done(self) -> None:
        """Called when the request is complete."""

    def on_close(self, clean: bool) -> None:
        """Called at the end; ``clean``: the complete response was sent to the client."""

    # ------------------------------------------------------------------ to be called

    def send_response(
        self, status: int = 200, headers: Headers | None = None, body: Body = None
    ) -> None:
        """Send the response.  Raises ``RuntimeError`` if called twice."""
        if self._answer.done():
            raise RuntimeError("the response has already been sent")
        self._answer.set_result((status, _octets(headers), body))

    def push(
        self,
        path: str,
        request_headers: Headers | None = None,
        status: int = 200,
        headers: Headers | None = None,
        body: Body = None,
    ) -> None:
        """Push a response to GET ``path`` to the client (PUSH_PROMISE).

        Raises ``RuntimeError`` after :meth:`send_response`.
        """
        if self._answer.done():
            raise RuntimeError("push must come before send_response")
        self._pushes.append((path, _octets(request_headers), (status, _octets(headers), body)))

    # ------------------------------------------------------------------ ASGI

    @classmethod
    async def application(cls, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI application whose requests are handled by this class."""
        if scope["type"] != "http":
            raise NotImplementedError(f"handlers do not support {scope['type']}")
        promised = cls._promised.pop((scope["client"], scope["path"]), None)
        if promised is not None:
            await _send(send, promised)
            return
        handler = cls(scope)
        clean = False
        content = asyncio.ensure_future(handler._read(receive))
        try:
            await asyncio.wait((handler._answer, content), return_when=asyncio.FIRST_COMPLETED)
            if not handler._answer.done():
                content.result()  # the client disconnected, or a callback failed
                return
            if "http.response.push" in scope["extensions"]:
                await handler._promise(send)
            await _send(send, handler._answer.result())
            clean = True
        finally:
            content.cancel()
            handler.on_close(clean)

    async def _promise(self, send: Send) -> None:
        for path, fields, pushed in self._pushes:
            if len(self._promised) >= _MOST_PROMISED:
                # The oldest promise that has not been requested by now never will be.
                del self._promised[next(iter(self._promised))]
            self._promised[self.scope["client"], path.partition("?")[0]] = pushed
            await send({"type": "http.response.push", "path": path, "headers": fields})

    async def _read(self, receive: Receive) -> None:
        """Read the content until the client disconnects, or the response is complete."""
        self.on_headers()
        while (event := await receive())["type"] != "http.disconnect":
            if event["body"]:
                self.on_data(event["body"])
            if not event["more_body"]:
                self.on_request_done()


def _octets(headers: Headers | None) -> list[tuple[bytes, bytes]]:
    return [(_encoded(name).lower(), _encoded(value)) for name, value in headers or ()]


def _encoded(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


async def _send(send: Send, answer: _Answer) -> None:
    status, headers, body = answer
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if isinstance(body, str):
        body = body.encode()
    if body is None or isinstance(body, bytes):
        await send({"type": "http.response.body", "body": body or b""})
        return
    async for piece in _pieces(body):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


async def _pieces(body: io.IOBase | Iterable[bytes] | AsyncIterable[bytes]) -> AsyncIterable[bytes]:
    if isinstance(body, AsyncIterable):
        async for piece in body:
            yield piece
    elif isinstance(body, io.RawIOBase | io.BufferedIOBase):
        with body:
            while piece := await asyncio.to_thread(body.read, _PIECE):
                yield piece
    else:
        for piece in body:
            yield piece
