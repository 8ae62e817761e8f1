"""What is proxied to: one answer, and a WebSocket that sends back what it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

HELLO = "hello from the backend\n"


def _answer(connection: ServerConnection, request: Request) -> Response | None:
    if request.headers.get("upgrade", "").lower() == "websocket":
        return None
    return connection.respond(HTTPStatus.OK, HELLO)


def _echo(connection: ServerConnection) -> None:
    # A browser that ends says no goodbye.
    with suppress(ConnectionClosed):
        for message in connection:
            connection.send(message)


@contextmanager
def running() -> Iterator[int]:
    """Its port on 127.0.0.1, as long as the block lasts."""
    with serve(_echo, "127.0.0.1", 0, process_request=_answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port: int = server.socket.getsockname()[1]
        yield port
        server.shutdown()
        thread.join(10)
