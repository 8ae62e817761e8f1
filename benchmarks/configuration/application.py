"""What the ASGI servers serve when their conformance is checked: one resource, well-behaved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

#: Whatever ASGI has in its dictionaries.
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_CONTENT = b"a line of text that is good for nothing but its length\n" * 4_000
_METHODS = ("GET", "HEAD")


async def app(scope: _Message, receive: _Receive, send: _Send) -> None:
    """GET and HEAD of ``/file`` give content, other paths 404, other methods 405."""
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    if scope["type"] != "http":
        return
    if scope["method"] not in _METHODS:
        while (await receive()).get("more_body"):
            pass
    status, content = 200, _CONTENT
    fields = [(b"content-type", b"text/plain")]
    if scope["path"] != "/file":
        status, content = 404, b"not found\n"
    elif scope["method"] not in _METHODS:
        status, content = 405, b"not allowed\n"
        fields.append((b"allow", b"GET, HEAD"))
    fields.append((b"content-length", b"%d" % len(content)))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": content})
