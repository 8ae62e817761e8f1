"""An HTTP/2 client that falls back to HTTP/1.1.

::

    async with h2static.client.connect("https://example.org/") as client:
        response = await client.get("/")
        print(response.status, await response.read())

Requests sent with :meth:`Client.send` run concurrently on one connection.  A response also has
:attr:`Response.informational` (103), :attr:`Response.pushes` and :attr:`Response.trailers`.
:class:`Observers` see every frame.

Runs on every anyio backend.  Certificates are verified, flow-control windows grow with what is
read, and a response that is not read stalls only its own stream.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h2static.client.client import Client, Observers, connect
    from h2static.client.errors import (
        ClientError,
        ConnectError,
        OptionError,
        ResponseError,
        TunnelRefused,
    )
    from h2static.client.options import (
        HTTP1,
        HTTP2,
        ConnectOptions,
        Place,
        ResponseLimits,
        default_settings,
    )
    from h2static.client.response import Informational, Response, Times
    from h2static.client.tunnel import Tunnel
    from h2static.client.urls import URL, Origin, parse_url
    from h2static.client.websocket import WebSocket, WebSocketClosed

__all__ = [
    "HTTP1",
    "HTTP2",
    "URL",
    "Client",
    "ClientError",
    "ConnectError",
    "ConnectOptions",
    "Informational",
    "Observers",
    "OptionError",
    "Origin",
    "Place",
    "Response",
    "ResponseError",
    "ResponseLimits",
    "Times",
    "Tunnel",
    "TunnelRefused",
    "WebSocket",
    "WebSocketClosed",
    "connect",
    "default_settings",
    "parse_url",
]

_HOMES = {
    "client": ("Client", "Observers", "connect"),
    "errors": ("ClientError", "ConnectError", "OptionError", "ResponseError", "TunnelRefused"),
    "options": ("HTTP1", "HTTP2", "ConnectOptions", "Place", "ResponseLimits", "default_settings"),
    "response": ("Informational", "Response", "Times"),
    "tunnel": ("Tunnel",),
    "urls": ("URL", "Origin", "parse_url"),
    "websocket": ("WebSocket", "WebSocketClosed"),
}


def __getattr__(name: str) -> object:
    """Load a public name on first use: parsing a command line needs no event loop."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
