"""A client of HTTP/2, with HTTP/1.1 where a server has nothing better.

::

    async with h2static.client.connect("https://example.org/") as client:
        response = await client.get("/")
        print(response.status, await response.read())

Requests that are sent with :meth:`Client.send` run at the same time on the one connection.  What
comes beside the final response is there too: :attr:`Response.informational` (103),
:attr:`Response.pushes`, :attr:`Response.trailers`.  :class:`Observers` see every frame.

Runs on every backend of anyio.  Certificates are verified, windows grow with what is read, and what
nobody reads holds up its own stream only.
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
    """Load a public name when it is asked for: a command line is read without an event loop."""
    for home, names in _HOMES.items():
        if name in names:
            from importlib import import_module

            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
