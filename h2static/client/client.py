"""A connection to a server, for programs: ask, and read what comes back.

Contract: :func:`connect` gives a :class:`Client` for the time of its block.  A client has one
connection; requests on it run at the same time over HTTP/2, one after the other over HTTP/1.1.
When the block ends, what is still under way is cancelled and the connection is closed.

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

#: A field as a caller may write it.
Header: TypeAlias = tuple[str | bytes, str | bytes]
#: What content may be given as.
Content: TypeAlias = bytes | Body | AsyncIterable[bytes]

#: How long the end of a connection may take.
_CLOSE_SECONDS = 1.0


def _nothing(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(slots=True, kw_only=True, frozen=True)
class Observers:
    """Those who look at what a connection does."""

    #: Every frame of HTTP/2.
    frames: Observer | None = None
    #: Every header section of HTTP/1.1.
    heads: HeadObserver | None = None
    #: The octets that arrive, decrypted.
    octets: Callable[[bytes], None] = _nothing
    #: Is called after what has arrived was processed.
    turned: Callable[[], None] = _nothing
    #: The connection is made: TLS, if there is any, and the protocol.
    connected: Callable[[ssl.SSLSocket | None, str], None] = _nothing
    #: Something has come for a response.
    changed: Callable[[Response], None] = _nothing


class Client:
    """A connection to one server; see the module.  Made by :func:`connect`."""

    def __init__(
        self,
        origin: Origin,
        wire: Wire,
        protocol: str,
        options: ConnectOptions,
        observers: Observers,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        #: Scheme, host and port that the URL named.
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
        #: A request is still to ask for HTTP/2.
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
        # Loaded when it is needed: a command line that is used all day starts quickly.
        from h2static.http1.client import ClientConnection as Connection1

        return Connection1(
            self._options.limits1,
            notify=lambda: self._driver.resume(),
            observer=self._observers.heads,
        )

    # ------------------------------------------------------------------ requests

    async def get(self, path: str, headers: Iterable[Header] = ()) -> Response:
        """Ask for ``path`` by GET; see :meth:`request`."""
        return await self.request("GET", path, headers)

    async def head(self, path: str, headers: Iterable[Header] = ()) -> Response:
        """Ask for ``path`` by HEAD; see :meth:`request`."""
        return await self.request("HEAD", path, headers)

    async def post(self, path: str, content: Content, headers: Iterable[Header] = ()) -> Response:
        """Send ``content`` to ``path`` by POST; see :meth:`request`."""
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
        """Send a request and wait for the head of its response.

        ``path``: with the query, in the form of ``:path``.  ``headers``: pairs of name and value;
        one whose name begins with a colon replaces that pseudo-header field.  Text becomes octets
        as Latin-1, names become lower case.  ``content``: octets, a body, or octets as they come.

        Raises :class:`~h2static.client.errors.OptionError` for a request that is none, and
        :class:`~h2static.client.errors.ResponseError` when there is no response.
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
        """The same without waiting: the response will be filled as it comes.

        ``expect_seconds``: the content goes out when a 100 (Continue) has come, and after so many
        seconds if nothing has (RFC 9110 section 10.1.1); the field ``expect`` is the caller's.
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
        """Have the server make a tunnel, which needs HTTP/2.

        With ``protocol`` the target is a path, and what goes through the tunnel is that protocol
        (RFC 8441); without, the target is ``host:port``, and the server is a proxy that connects to
        it (RFC 9113 section 8.5).

        Raises :class:`~h2static.client.errors.OptionError`, and
        :class:`~h2static.client.errors.ResponseError` when it was not granted:
        :class:`~h2static.client.errors.TunnelRefused` when the server says why.
        """
        if self.protocol != HTTP2:
            raise OptionError("a tunnel needs HTTP/2")
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
        """Open a WebSocket for the time of the block (RFC 8441); needs ``h2static[websocket]``.

        Raises as :meth:`tunnel`.
        """
        try:
            from h2static.client import websocket
        except ModuleNotFoundError as error:
            raise OptionError(f"WebSockets need h2static[websocket]: {error}") from error
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
        """What will become the response to ``request``."""
        limits = self._options.response_limits
        return Response(request, limits=limits, taken=self._taken, changed=self._changed)

    def _send(self, request: Request, body: bytes | Body) -> Response:
        """Send a request that is one."""
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
            raise OptionError(f"{next(iter(pseudo)).decode('latin-1')}: not a field of a request")
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
        """Ask for HTTP/2 with the first request (RFC 7540 section 3.2).

        One with content would have to be sent as a whole first: OPTIONS asks in its place.
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
        """The server has changed to HTTP/2, and answers on stream 1."""
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
        """Whether the connection takes no more requests."""
        return self._driver.over.is_set() or self._driver.engine.closing

    @property
    def problem(self) -> str | None:
        """What the server did wrong and why the connection has ended, if that is so."""
        return self._driver.engine.problem

    async def run(self) -> None:
        """Serve the connection until it is over; :func:`connect` does it."""
        await self._driver.run()

    async def close(self) -> None:
        """End the connection; what is under way is cancelled."""
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
    """Connect to the server that ``url`` names; its path does not matter.

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
            # Raised below: out of here it would come as a group of one.
            failure = error
        finally:
            with anyio.CancelScope(shield=True):
                await client.close()
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


class _Switching:
    """The receiver of a request that asks for HTTP/2: the response may come in either."""

    def __init__(self, response: Response, switch: Callable[[Response], None]) -> None:
        self._response = response
        self._switch = switch
        self.respond = response.respond
        self.receive = response.receive
        self.end = response.end
        self.fail = response.fail

    def inform(self, head: ResponseHead) -> None:
        """See :class:`h2static.http.outgoing.ResponseReceiver`."""
        self._response.inform(head)
        if head.status == 101:
            self._switch(self._response)

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """HTTP/1.1 has no such thing."""
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
    """What the engine takes; content that is written while it goes out is a matter of its own."""
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
