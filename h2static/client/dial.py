"""From an origin to a connected wire: names, addresses, proxies, TLS.

Contract: :func:`dial` returns a :class:`~h2static.client.wire.Wire` and the protocol to speak on
it, or raises :class:`~h2static.client.errors.ConnectError` with one line that says what failed.

Strategy: addresses are tried in the order of the resolver, the next one as soon as the one before
has failed or a quarter of a second has gone by (RFC 8305 section 5), with both families in turn.
"""

from __future__ import annotations

import base64
import errno
import os
import socket
import ssl
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Final
from urllib.parse import unquote

import anyio

from h2static.client.errors import ConnectError, OptionError
from h2static.client.options import HTTP1, HTTP2, ConnectOptions, Place
from h2static.client.tls import describe, make_context
from h2static.client.urls import Origin, bracketed, parse_url
from h2static.client.wire import Wire
from h2static.http1.errors import BadMessage
from h2static.http1.limits import Limits

#: RFC 8305 section 5: "Connection Attempt Delay … a recommended value is 250 milliseconds".
_ATTEMPT_DELAY: Final = 0.25

#: Address family, and the address for ``connect``.
_Address = tuple[int, "tuple[str, int] | tuple[str, int, int, int] | str"]


async def dial(
    origin: Origin, options: ConnectOptions, context: ssl.SSLContext | None = None
) -> tuple[Wire, str]:
    """Connect to ``origin``; the wire, and ``h2`` or ``http/1.1``.

    ``context``: what :func:`~h2static.client.tls.make_context` has made of ``options``, where that
    was done before.

    Raises :class:`~h2static.client.errors.ConnectError`, or
    :class:`~h2static.client.errors.OptionError` for files that cannot be read.
    """
    if context is None and origin.secure:
        context = make_context(options)
    wire: Wire | None = None
    try:
        with anyio.fail_after(options.connect_seconds):
            wire = await _connect(origin, options)
            if context is None:
                return wire, HTTP1 if options.upgrade else options.protocols[0]
            try:
                await wire.start_tls(context, options.server_name or origin.host)
            except (OSError, ValueError) as error:
                reason = describe(error) if isinstance(error, OSError) else str(error)
                raise ConnectError(f"{origin}: {reason}") from error
            return wire, _protocol(origin, wire, options)
    except BaseException as error:
        if wire is not None:
            wire.close()
        if isinstance(error, TimeoutError):
            raise ConnectError(
                f"{origin}: no connection within {options.connect_seconds:g} s"
            ) from error
        raise


def _protocol(origin: Origin, wire: Wire, options: ConnectOptions) -> str:
    """The protocol that the server selected in ALPN; without ALPN, HTTP/1.1."""
    assert wire.tls is not None
    chosen = wire.tls.selected_alpn_protocol()
    if chosen is not None:
        return chosen
    if HTTP1 in options.protocols:
        return HTTP1
    raise ConnectError(f"{origin}: the server does not offer HTTP/2 (no {HTTP2} in ALPN)")


async def _connect(origin: Origin, options: ConnectOptions) -> Wire:
    """A connection to the server, perhaps through a proxy."""
    if options.unix_socket is not None:
        return Wire(await _first([(socket.AF_UNIX, options.unix_socket)], options.unix_socket))
    host, port = _place(origin, options)
    if options.proxy is None:
        return Wire(await _reach(host, port, options))
    proxy = parse_proxy(options.proxy)
    wire = Wire(await _reach(proxy.host, proxy.port, options))
    try:
        await _ask_proxy(wire, options.proxy, bracketed(host), port)
    except BaseException:
        wire.close()
        raise
    return wire


def _place(origin: Origin, options: ConnectOptions) -> tuple[str, int]:
    """Host and port to connect to, after ``connect_to``."""
    host, port = origin.host, origin.port
    for asked, other in options.connect_to:
        if _matches(asked, host, port):
            return other.host or host, other.port or port
    return host, port


def _matches(place: Place, host: str, port: int) -> bool:
    return (place.host is None or place.host.lower() == host.lower()) and place.port in (None, port)


async def _reach(host: str, port: int, options: ConnectOptions) -> socket.socket:
    """A socket that is connected to ``host``."""
    name = f"{bracketed(host)}:{port}"
    for asked, addresses in options.resolve:
        if _matches(asked, host, port):
            found = [one for text in addresses for one in await _look_up(text, port, name)]
            return await _first(found, name)
    return await _first(await _look_up(host, port, name), name)


async def _look_up(host: str, port: int, name: str) -> list[_Address]:
    """The addresses of ``host``, families in turn (RFC 8305 section 4)."""
    try:
        try:
            # Numbers need no thread.
            found = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except socket.gaierror:
            found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)  # type: ignore[assignment]  # the same values with enumerations
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConnectError(f"{name}: {reason}") from error
    families: dict[int, list[_Address]] = {}
    for family, _, _, _, address in found:
        families.setdefault(family, []).append((family, address))  # type: ignore[arg-type]  # what getaddrinfo gives is what connect takes
    rounds = zip_longest(*families.values())
    return [one for each in rounds for one in each if one is not None]


async def _first(addresses: Sequence[_Address], name: str) -> socket.socket:
    """The first socket that connects to one of ``addresses``."""
    won: list[socket.socket] = []
    failures: list[OSError] = []

    async def attempt(address: _Address, over: anyio.Event) -> None:
        try:
            sock = await _open(*address)
        except OSError as error:
            failures.append(error)
            over.set()
            return
        if won:
            sock.close()
            return
        won.append(sock)
        tasks.cancel_scope.cancel()

    try:
        async with anyio.create_task_group() as tasks:
            for address in addresses:
                over = anyio.Event()
                tasks.start_soon(attempt, address, over)
                with anyio.move_on_after(_ATTEMPT_DELAY):
                    await over.wait()
    except BaseException:
        for sock in won:
            sock.close()
        raise
    if won:
        return won[0]
    reason = failures[0].strerror if failures else "no address"
    raise ConnectError(f"{name}: {reason}")


async def _open(
    family: int, address: tuple[str, int] | tuple[str, int, int, int] | str
) -> socket.socket:
    """A socket that is connected to one address.  Raises ``OSError``."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            # Frames are written completely; waiting for more gains nothing.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(address)
        if code in (errno.EINPROGRESS, errno.EWOULDBLOCK):
            await anyio.wait_writable(sock)
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            raise OSError(code, os.strerror(code))
    except BaseException:
        sock.close()
        raise
    return sock


# ---------------------------------------------------------------------- proxies


def parse_proxy(text: str) -> Origin:
    """Where the proxy ``http://[user:password@]host[:port]`` is; its usual port is 3128.

    Raises :class:`~h2static.client.errors.OptionError`.
    """
    scheme, separator, rest = text.rpartition("://")
    if separator and scheme.lower() != "http":
        raise OptionError(f"{text}: only http:// proxies are supported")
    place = rest.rpartition("@")[2].rstrip("/")
    origin = parse_url(f"http://{place}").origin
    has_port = place.rpartition(":")[2].isdigit() and not place.endswith("]")
    return origin if has_port else replace(origin, port=3128)


async def _ask_proxy(wire: Wire, text: str, host: str, port: int) -> None:
    """Have the proxy make a tunnel (RFC 9110 section 9.3.6).  Raises ConnectError."""
    # Loaded where there is a proxy.
    from h2static.http1.response_head import parse_response

    authority = f"{host}:{port}"
    lines = [f"CONNECT {authority} HTTP/1.1", f"host: {authority}"]
    credentials, at, _ = text.rpartition("://")[2].rpartition("@")
    if at:
        # In a URL they are percent-encoded.
        token = base64.b64encode(unquote(credentials).encode()).decode("ascii")
        lines.append(f"proxy-authorization: Basic {token}")
    request = "\r\n".join([*lines, "", ""]).encode("ascii")
    name = text.rpartition("@")[2]
    limits = Limits()
    received = b""
    try:
        while request:
            request = request[wire.write([request]) :]
            if request:
                await wire.writable()
        # One octet after the other at the end: what follows belongs to the tunnel.
        while not received.endswith(b"\r\n\r\n"):
            octet = wire.read(1)
            if octet is None:
                await wire.readable()
                continue
            received += octet
            if not octet or len(received) > limits.header_section:
                raise ConnectError(f"{name}: the proxy did not answer CONNECT")
        status = parse_response(received, b"CONNECT", limits).head.status
    except (OSError, BadMessage) as error:
        raise ConnectError(f"{name}: {error}") from error
    if not 200 <= status <= 299:
        raise ConnectError(f"{name}: the proxy answered CONNECT {authority} with {status}")
