"""A connection to a server: send requests, and read the responses.

Contract: :func:`connect` yields a :class:`Client` for the duration of its block.  A client has one
connection; requests on it run concurrently over HTTP/2, and one after the other over HTTP/1.1.
When the block exits, pending requests are canceled and the connection is closed.

Errors are those of :mod:`h2static.client.errors`; nothing that a server sends raises anything else.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

import anyio

from h2static.client.content import HeldBody, OctetsBody, WrittenPipe
from h2static.client.dial import dial
from h2static.client.driver import Driver
from h2static.client.errors import ClientError, OptionError
from h2static.client.options import HTTP2, ConnectOptions
from h2static.client.response import Response
from h2static.client.tunnel import Tunnel, granted
from h2static.client.urls import Origin, parse_url
from h2static.client.wire import Wire
from h2static.http.bodies import Body
from h2static.http.errors import Malformed
from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.http.outgoing import Call, ResponseReceiver
from h2static.http.semantics import ResponseHead, validate_request, validate_trailers
from h2static.http.shared import Shared
from h2static.http1.observer import HeadObserver
from h2static.http2.client import ClientConnection as Connection2
from h2static.http2.client import make_endpoint, upgrade_settings
from h2static.http2.field_sections import request_section
from h2static.http2.observer import Observer

if TYPE_CHECKING:
    from h2static.client.websocket import WebSocket
    from h2static.http1.client import ClientConnection as Connection1

#: A field: name and value.
Header: TypeAlias = tuple[str | bytes, str | bytes]
#: Request content: octets, a body, or an asynchronous iterable of octets.
Content: TypeAlias = bytes | Body | AsyncIterable[bytes]

#: Seconds that closing a connection may take.
_CLOSE_SECONDS = 1.0


def _nothing(*_: object) -> None:
    """The observer that does nothing."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Observers:
    """Callbacks that observe a connection."""

    #: Every frame of HTTP/2.
    frames: Observer | None = None
    #: Every header section of HTTP/1.1.
    heads: HeadObserver | None = None
    #: The octets that arrive, decrypted.
    octets: Callable[[bytes], None] = _nothing
    #: Called after received octets have been processed.
    turned: Callable[[], None] = _nothing
    #: Called when the connection is established, with the TLS socket, if any, and the protocol.
    connected: Callable[[ssl.SSLSocket | None, str], None] = _nothing
    #: Called when a response has changed.
    changed: Callable[[Response], None] = _nothing


class Client:
    """A connection to one server, created by :func:`connect`."""

    def __init__(
        self,
        origin: Origin,
        wire: Wire,
        protocol: str,
        options: ConnectOptions,
        observers: Observers,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        #: Scheme, host and port of the URL.
        self.origin = origin
        #: ``h2`` or ``http/1.1``.
        self.protocol = protocol
        #: The TLS connection, if there is one: its certificate, version and cipher suite.
        self.tls = wire.tls
        #: When the connection was made, in monotonic seconds.
        self.connected_at = time.monotonic()
        #: Address and port of the server, or the path of its socket.
        self.address = wire.address
        self._options = options
        self._observers = observers
        self._tasks = tasks
        self._endpoint = make_endpoint(options.settings, options.limits, Shared())
        #: The first request must ask for an upgrade to HTTP/2.
        self._upgrades = options.upgrade and protocol != HTTP2
        self._responses: set[Response] = set()
        self._driver = Driver(
            wire,
            self._engine2() if protocol == HTTP2 else self._engine1(),
            received=observers.octets,
            turned=observers.turned,
        )

    def _engine2(self) -> Connection2:
        return Connection2(self._endpoint, time.monotonic(), observer=self._observers.frames)

    def _engine1(self) -> Connection1:
        # Imported on demand, so that the command line starts quickly.
        from h2static.http1.client import ClientConnection as Connection1

        return Connection1(
            self._options.limits1,
            notify=lambda: self._driver.resume(),
            observer=self._observers.heads,
        )

    # ------------------------------------------------------------------ requests

    async def get(self, path: str, headers: Iterable[Header] = ()) -> Response:
        """Send a GET request for ``path``; see :meth:`request`."""
        return await self.request("GET", path, headers)

    async def head(self, path: str, headers: Iterable[Header] = ()) -> Response:
        """Send a HEAD request for ``path``; see :meth:`request`."""
        return await self.request("HEAD", path, headers)

    async def post(self, path: str, content: Content, headers: Iterable[Header] = ()) -> Response:
        """Send ``content`` to ``path`` with POST; see :meth:`request`."""
        return await self.request("POST", path, headers, content)

    async def request(
        self,
        method: str,
        path: str,
        headers: Iterable[Header] = (),
        content: Content = b"",
        *,
        trailers: Iterable[Header] = (),
    ) -> Response:
        """Send a request and wait for the header section of its response.

        ``path`` includes the query, as in ``:path``.  ``headers`` are pairs of name and value; a
        name that starts with a colon replaces that pseudo-header field.  Text is encoded as
        Latin-1, and names are converted to lower case.  ``content`` is octets, a body, or an
        asynchronous iterable of octets.

        Raises :class:`~h2static.client.errors.OptionError` if the request is malformed, and
        :class:`~h2static.client.errors.ResponseError` if there is no response.
        """
        response = self.send(method, path, headers, content, trailers=trailers)
        try:
            await response.started()
        except BaseException:
            response.cancel()
            raise
        return response

    def send(
        self,
        method: str,
        path: str,
        headers: Iterable[Header] = (),
        content: Content = b"",
        *,
        trailers: Iterable[Header] = (),
        expect_seconds: float | None = None,
    ) -> Response:
        """Like :meth:`request`, but without waiting: the response fills as octets arrive.

        ``expect_seconds``: send the content when 100 (Continue) arrives, or after this many seconds
        without it (RFC 9110 section 10.1.1); the caller adds the field ``expect``.
        """
        request = self.make_request(method, path, headers)
        sent_trailers = _fields(trailers)
        body = _body(content, sent_trailers)
        response = self._response(request)
        self._responses.add(response)
        if isinstance(content, AsyncIterable):
            body = pipe = WrittenPipe()
            self._tasks.start_soon(pipe.write, content, sent_trailers, response.content_failed)
        if expect_seconds is not None and not isinstance(body, bytes):
            body = held = HeldBody(body)
            response.hold(held)
            self._tasks.start_soon(_release_later, held, expect_seconds)
        engine = self._driver.engine
        if self._upgrades:
            # The first request: nothing has switched yet.
            self._upgrades = False
            self._upgrade(cast("Connection1", engine), response, body)
        else:
            response.call = engine.request(request, response, body)
        self._driver.flush()
        return response

    async def tunnel(
        self, target: str, protocol: str = "", headers: Iterable[Header] = ()
    ) -> Tunnel:
        """Open a tunnel with CONNECT; requires HTTP/2.

        With ``protocol``, the target is a path, and the tunnel carries that protocol (RFC 8441).
        Without it, the target is ``host:port``, and the server acts as a proxy that connects to it
        (RFC 9113 section 8.5).

        Raises :class:`~h2static.client.errors.OptionError`, and
        :class:`~h2static.client.errors.ResponseError` if the tunnel was not granted:
        :class:`~h2static.client.errors.TunnelRefused` if the server responded with an error status.
        """
        if self.protocol != HTTP2:
            raise OptionError("a tunnel requires HTTP/2")
        pipe = WrittenPipe()
        asked: list[Header] = list(headers)
        if protocol:
            asked.append((":protocol", protocol))
        else:
            asked.append((":authority", target))
        return await granted(self._send(self.make_request("CONNECT", target, asked), pipe), pipe)

    @asynccontextmanager
    async def websocket(
        self,
        path: str,
        headers: Iterable[Header] = (),
        *,
        subprotocols: Sequence[str] = (),
        compression: bool = True,
    ) -> AsyncIterator[WebSocket]:
        """Open a WebSocket for the duration of the block (RFC 8441).

        Requires ``h2static[websocket]``.  Raises the same errors as :meth:`tunnel`.
        """
        try:
            from h2static.client import websocket
        except ModuleNotFoundError as error:
            raise OptionError(f"WebSockets require h2static[websocket]: {error}") from error
        offer = websocket.Offer(subprotocols, compression=compression)
        tunnel = await self.tunnel(path, websocket.PROTOCOL, [*headers, *offer.fields])
        try:
            opened = websocket.WebSocket(tunnel, *offer.granted(tunnel.response.fields))
        except ClientError:
            tunnel.close()
            raise
        try:
            yield opened
        finally:
            with anyio.CancelScope(shield=True):
                await opened.close()

    def _response(self, request: Request) -> Response:
        """An empty response to ``request``."""
        limits = self._options.response_limits
        return Response(request, limits=limits, taken=self._taken, changed=self._changed)

    def _send(self, request: Request, body: bytes | Body) -> Response:
        """Send a validated request."""
        response = self._response(request)
        self._responses.add(response)
        response.call = self._driver.engine.request(request, response, body)
        self._driver.flush()
        return response

    def make_request(self, method: str, path: str, headers: Iterable[Header] = ()) -> Request:
        """The request that :meth:`send` would send.

        Raises :class:`~h2static.client.errors.OptionError`.
        """
        fields = _fields(headers)
        pseudo = {name: value for name, value in fields if name.startswith(b":")}
        regular = tuple(field for field in fields if not field[0].startswith(b":"))
        authority = next((value for name, value in regular if name == b"host"), None)
        request = Request(
            method=pseudo.pop(b":method", method.encode("latin-1")),
            scheme=pseudo.pop(b":scheme", self.origin.scheme.encode("ascii")),
            authority=pseudo.pop(b":authority", authority or self.origin.authority),
            path=pseudo.pop(b":path", path.encode("latin-1")),
            protocol=pseudo.pop(b":protocol", b""),
            fields=tuple(field for field in regular if field[0] != b"host"),
        )
        if pseudo:
            raise OptionError(f"{next(iter(pseudo)).decode('latin-1')}: not a request field")
        try:
            validate_request(request_section(request), end_stream=False, connect_protocol=True)
        except Malformed as error:
            raise OptionError(f"not a request: {error}") from error
        return request

    def _taken(self) -> None:
        self._driver.resume()

    def _changed(self, response: Response) -> None:
        if response.is_over:
            self._responses.discard(response)
        self._observers.changed(response)

    # ------------------------------------------------------------------ from HTTP/1.1 to HTTP/2

    def _upgrade(self, engine: Connection1, response: Response, body: bytes | Body) -> None:
        """Request an upgrade to HTTP/2 with the first request (RFC 7540 section 3.2).

        A request with content would have to be sent completely first, so an OPTIONS request asks in
        its place.
        """
        fields = (
            (b"connection", b"Upgrade, HTTP2-Settings"),
            (b"upgrade", b"h2c"),
            (b"http2-settings", upgrade_settings(self._endpoint)),
        )
        asking = response
        if body != b"":
            request = self.make_request("OPTIONS", "*")
            asking = Response(request, taken=self._taken, changed=_nothing)
        switching = _Switching(asking, self._switch)
        asking.call = engine.upgrade(asking.request, switching, fields)
        if asking is not response:
            response.call = engine.request(response.request, response, body)

    def _switch(self, response: Response) -> None:
        """The server switched to HTTP/2 and responds on stream 1."""
        old = cast("Connection1", self._driver.engine)
        engine = self._engine2()
        self.protocol = HTTP2
        self._driver.replace(engine, old.take_rest)
        response.call = engine.upgraded(response.request, response)
        for call in old.take_waiting():
            receiver = call.receiver
            if isinstance(receiver, Response):
                receiver.call = engine.request(call.request, receiver, call.body)

    # ------------------------------------------------------------------ the end

    @property
    def is_over(self) -> bool:
        """Whether the connection accepts no more requests."""
        return self._driver.over.is_set() or self._driver.engine.closing

    @property
    def problem(self) -> str | None:
        """The protocol error of the server that ended the connection, or ``None``."""
        return self._driver.engine.problem

    async def run(self) -> None:
        """Drive the connection until it ends; called by :func:`connect`."""
        await self._driver.run()

    async def close(self) -> None:
        """Close the connection and cancel pending requests."""
        for response in list(self._responses):
            response.cancel()
        self._driver.close()
        with anyio.move_on_after(_CLOSE_SECONDS):
            await self._driver.over.wait()


@asynccontextmanager
async def connect(
    url: str | Origin,
    options: ConnectOptions | None = None,
    observers: Observers | None = None,
) -> AsyncIterator[Client]:
    """Connect to the server of ``url``, whose path is ignored.

    Raises :class:`~h2static.client.errors.OptionError` or
    :class:`~h2static.client.errors.ConnectError`.
    """
    origin = parse_url(url).origin if isinstance(url, str) else url
    options = options or ConnectOptions()
    observers = observers or Observers()
    wire, protocol = await dial(origin, options)
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        observers.connected(wire.tls, protocol)
        client = Client(origin, wire, protocol, options, observers, tasks)
        tasks.start_soon(client.run)
        try:
            yield client
        except Exception as error:
            # Raised below, because the task group would wrap it in an exception group.
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await client.close()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class _Switching:
    """Receives the response to a request for an upgrade, in HTTP/1.1 or in HTTP/2."""

    def __init__(self, response: Response, switch: Callable[[Response], None]) -> None:
        self._response = response
        self._switch = switch
        self.respond = response.respond
        self.receive = response.receive
        self.end = response.end
        self.fail = response.fail

    def inform(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.inform`."""
        self._response.inform(head)
        if head.status == 101:
            self._switch(self._response)

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """HTTP/1.1 has no server push."""
        return None


def _fields(headers: Iterable[Header]) -> Fields:
    """Fields as octets, names in lower case.  Raises OptionError."""
    try:
        return tuple(
            (_octets(name).lower(), _octets(value).strip(b" \t")) for name, value in headers
        )
    except UnicodeEncodeError as error:
        raise OptionError(f"not a field: {error.object!r} is not Latin-1") from error


def _octets(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


def _body(content: Content, trailers: Fields) -> bytes | Body:
    """The content in the form that the engine takes; iterables are written separately."""
    try:
        validate_trailers(trailers)
    except Malformed as error:
        raise OptionError(f"not trailers: {error}") from error
    if isinstance(content, bytes):
        return OctetsBody(content, trailers) if content or trailers else b""
    return b"" if isinstance(content, AsyncIterable) else content


async def _release_later(held: HeldBody, seconds: float) -> None:
    await anyio.sleep(seconds)
    held.release()
