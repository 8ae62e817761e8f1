"""An ASGI application as people write them, for servers under test.

Promise: :func:`write_application` puts it into a folder as a module; it needs no library.  It
answers by path, and writes what becomes of it into the file that ``H2STATIC_TEST_DIARY`` names.
"""

from __future__ import annotations

from pathlib import Path

_SOURCE = """
import asyncio
import os

GREETING = "hello"


def note(text):
    with open(os.environ["H2STATIC_TEST_DIARY"], "a") as file:
        file.write(f"{text}\\n")


async def lifespan(scope, receive, send):
    assert (await receive())["type"] == "lifespan.startup"
    scope["state"]["number"] = os.getpid()
    note("start")
    await send({"type": "lifespan.startup.complete"})
    assert (await receive())["type"] == "lifespan.shutdown"
    note("stop")
    await send({"type": "lifespan.shutdown.complete"})


async def respond(send, content, status=200, *fields):
    await send({"type": "http.response.start", "status": status, "headers": [
        (b"content-type", b"text/html"), (b"content-length", b"%d" % len(content)), *fields]})
    await send({"type": "http.response.body", "body": content})


async def whole(receive):
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return -1
        size += len(message["body"])
        if not message["more_body"]:
            return size


async def events(receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"text/event-stream")]})
    await send({"type": "http.response.body", "body": b"data: begin\\n\\n", "more_body": True})
    await receive()
    while (await receive())["type"] != "http.disconnect":
        pass
    note("events over")


async def echo(scope, receive, send):
    await receive()
    chosen = "chat" if "chat" in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen})
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            note(f"websocket {message['code']}")
            return
        await send({"type": "websocket.send", "text": message.get("text")})


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        return await lifespan(scope, receive, send)
    path = scope["path"].removeprefix(scope["root_path"])
    if scope["type"] == "websocket":
        return await echo(scope, receive, send)
    match path:
        case "/slow":
            note("slow begins")
            await asyncio.sleep(0.5)
            await respond(send, b"slow")
        case "/events":
            await events(receive, send)
        case "/upload":
            await respond(send, b"%d" % await whole(receive))
        case "/pid":
            await respond(send, b"%d" % scope["state"]["number"])
        case "/raise":
            raise ValueError("a bug of the application")
        case "/exit":
            raise SystemExit(7)
        case _:
            seen = [scope[name] for name in ("method", "root_path", "path")]
            text = "<title>{} {} {} {}</title>".format(GREETING, *seen)
            await respond(send, text.encode())


async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "there is no database"})


def make():
    return app
"""


def write_application(folder: Path, name: str = "shop", greeting: str = "hello") -> Path:
    """Write the module ``name`` into ``folder``; its path."""
    path = folder / f"{name}.py"
    path.write_text(_SOURCE.replace('"hello"', repr(greeting)))
    return path
