"""Served in place of applications that could not start, until they are repaired.

Contract: :class:`StandIn` is an ASGI application that answers every request with 500 and
:attr:`StandIn.text`, as a page for clients that show pages; it accepts no WebSockets.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from html import escape

from h2static.asgi.config import AppConfig, LifespanMode
from h2static.asgi.types import Receive, Scope, Send
from h2static.config import Config
from h2static.site.pages import page

_TITLE = "The application could not start"


class StandIn:
    """An ASGI application that shows why the real one could not start."""

    def __init__(self, text: str) -> None:
        """``text``: what is wrong, and the traceback."""
        self.text = text

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond 500 with :attr:`text`; refuse WebSockets."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        shows = any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])
        kind, content = ("html", self._page()) if shows else ("plain", f"{self.text}\n".encode())
        headers = [
            (b"content-type", f"text/{kind}; charset=utf-8".encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 500, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    def _page(self) -> bytes:
        text = escape(self.text)
        return page(_TITLE, f"<h1>{_TITLE}</h1>\n<pre>{text}</pre>\n")


def without_applications(config: Config) -> Config:
    """``config`` for :class:`StandIn` in the place of each application."""
    return replace(
        config,
        apps=_replaced(config.apps),
        hosts=tuple([replace(one, apps=_replaced(one.apps)) for one in config.hosts]),
    )


def _replaced(apps: Sequence[AppConfig]) -> tuple[AppConfig, ...]:
    return tuple(
        [replace(one, wsgi=False, factory=False, lifespan=LifespanMode.OFF) for one in apps]
    )
