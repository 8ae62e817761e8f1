"""``h2get --ws`` and the client's WebSockets against an application that h2static serves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest

from h2static.client import TunnelRefused, WebSocketClosed, connect
from tests.support.certificates import Certificate
from tests.support.h2get import h2get
from tests.support.processes import DEADLINE, running

SOURCE = """
async def app(scope, receive, send):
    assert scope["type"] == "websocket"
    await receive()
    if scope["path"] == "/denied":
        await send({"type": "websocket.http.response.start", "status": 403,
                    "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "websocket.http.response.body", "body": b"not for \\x1byou\\n"})
        return
    if scope["path"] == "/closed":
        await send({"type": "websocket.close"})
        return
    chosen = scope["subprotocols"][0] if scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": chosen})
    while (message := await receive())["type"] == "websocket.receive":
        text = message.get("text")
        if text == "bye":
            await send({"type": "websocket.close", "code": 3001, "reason": "as you wish"})
            return
        if text == "raise":
            raise RuntimeError("on purpose")
        octets = message.get("bytes")
        if text == "binary":
            text, octets = None, bytes((0, 255))
        await send({"type": "websocket.send", "text": text, "bytes": octets})
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("application")
    (folder / "chat.py").write_text(SOURCE)
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[str]:
    words = ("--app-dir", str(folder), "--app", "chat:app", "--lifespan", "off")
    with running("--no-tls", "-a", "127.0.0.1", *words, "0") as server:
        yield f"127.0.0.1:{server.port}"


@pytest.mark.parametrize("scheme", ["ws", "http"])
def test_lines_and_messages(server: str, scheme: str) -> None:
    text = "hello\r\nwörld\nbinary\n"
    done = h2get("--ws", f"{scheme}://{server}/chat", stdin=text.encode())
    assert (done.code, done.output, done.errors) == (0, "hello\nwörld\n00ff\n", "")


def test_tls(folder: Path, certificate: Certificate, authority: str) -> None:
    words = ("--app-dir", str(folder), "--app", "chat:app", "--lifespan", "off")
    files = (str(certificate.key), str(certificate.cert))
    with running("-a", "127.0.0.1", *words, "0", *files) as server:
        url = f"wss://localhost:{server.port}/chat"
        done = h2get("--ws", "--cacert", authority, url, stdin=b"hello\n")
    assert (done.code, done.output, done.errors) == (0, "hello\n", "")


def test_large_messages(server: str) -> None:
    line = "x" * 300_000
    done = h2get("--ws", f"ws://{server}/chat", stdin=f"{line}\n".encode() * 3)
    assert (done.code, done.output == f"{line}\n" * 3, done.errors) == (0, True, "")


@pytest.mark.parametrize(
    ("path", "line", "complaint"),
    [
        ("/chat", "bye", "the WebSocket was closed: 3001 as you wish"),
        ("/chat", "raise", "the WebSocket was closed: 1011 the application failed"),
        ("/denied", "x", "the server answered CONNECT with 403: not for \\x1byou"),
        ("/closed", "x", "the server answered CONNECT with 403"),
    ],
)
def test_ends_that_are_none(server: str, path: str, line: str, complaint: str) -> None:
    url = f"http://{server}{path}"
    done = h2get("--ws", url, stdin=f"{line}\n".encode())
    assert (done.code, done.output) == (1, "")
    assert done.errors == f"h2get: {url}: {complaint}\n"


def test_the_library(server: str) -> None:
    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with connect(f"http://{server}") as client:
                async with client.websocket("/chat", subprotocols=["one", "two"]) as websocket:
                    assert websocket.subprotocol == "one"
                    for message in ("text", b"octets", "", "x" * 100_000):
                        await websocket.send(message)
                        assert await websocket.receive() == message
                    await websocket.send("bye")
                    with pytest.raises(WebSocketClosed, match="3001 as you wish"):
                        await websocket.receive()
                # More than the streams that the server lets be open: none may be left behind.
                for _ in range(110):
                    with pytest.raises(TunnelRefused) as raised:
                        await client.tunnel(
                            "/denied", "websocket", [("sec-websocket-version", "13")]
                        )
                    assert raised.value.content == b"not for \x1byou\n"

    anyio.run(main)
