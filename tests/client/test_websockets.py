"""WebSockets over HTTP/2: against servers that are written by hand, and against hypercorn."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from h2static.client import Client, ClientError, WebSocket, WebSocketClosed, connect
from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import Data, RstStream
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import h2get
from tests.support.processes import DEADLINE
from tests.support.servers import free_port
from tests.support.tools import in_ci

OFFER = (r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
OK = (b":status", b"200")

Serve = Callable[["Served"], None]


class Served:
    """The server's end of a WebSocket."""

    def __init__(self, visitor: Visitor, *granted: Field) -> None:
        self.visitor = visitor
        visitor.greet(OFFER)
        self.stream, self.fields = visitor.request()
        visitor.send(visitor.head(self.stream, OK, *granted))
        self.protocol = Protocol(Side.SERVER, state=State.OPEN)
        self._events: list[object] = []

    def receive(self) -> Frame:
        """The next frame of the client."""
        while not self._events:
            data = self.visitor.expect(Data)
            if data.data:
                self.protocol.receive_data(data.data)
            else:
                self.protocol.receive_eof()
            self.flush()
            self._events += self.protocol.events_received()
        event = self._events.pop(0)
        assert isinstance(event, Frame)
        return event

    def send(self, *frames: Frame) -> None:
        for frame in frames:
            octets = frame.serialize(mask=False)
            self.visitor.send(Data(stream_id=self.stream, data=octets))

    def flush(self) -> None:
        for octets in self.protocol.data_to_send():
            flags = 0 if octets else r.END_STREAM
            self.visitor.send(Data(stream_id=self.stream, data=octets, flags=flags))

    def close(self, code: int, reason: str = "") -> None:
        self.protocol.send_close(code, reason)
        self.flush()

    def finish(self) -> None:
        """Answer the client's close frame, unless it has gone without one."""
        with contextlib.suppress(AssertionError):
            while self.protocol.close_rcvd is None:
                self.receive()
            self.visitor.send(Data(stream_id=self.stream, flags=r.END_STREAM))
            self.visitor.read_to_end()


def talk(serve: Serve, action: Callable[[WebSocket], Awaitable[None]], *granted: Field) -> None:
    """Do ``action`` with a WebSocket to a server that is written by hand."""

    def visit(visitor: Visitor) -> None:
        served = Served(visitor, *granted)
        serve(served)
        served.finish()

    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            async with (
                connect(server.url) as client,
                client.websocket("/chat", subprotocols=("a", "b")) as websocket,
            ):
                await action(websocket)

    with fake_server(visit) as server:
        anyio.run(main)


def test_the_handshake() -> None:
    """RFC 8441 section 5: no key, no Upgrade; otherwise as ever."""

    def serve(served: Served) -> None:
        assert served.fields[0] == (b":method", b"CONNECT")
        assert (b":protocol", b"websocket") in served.fields
        assert (b":path", b"/chat") in served.fields
        assert (b"sec-websocket-version", b"13") in served.fields
        assert (b"sec-websocket-protocol", b"a, b") in served.fields
        assert b"sec-websocket-key" not in dict(served.fields)
        assert dict(served.fields)[b"sec-websocket-extensions"].startswith(b"permessage-deflate")

    async def action(websocket: WebSocket) -> None:
        assert websocket.subprotocol == "b"

    talk(serve, action, (b"sec-websocket-protocol", b"b"))


def test_messages_go_there_and_back() -> None:
    def serve(served: Served) -> None:
        while (frame := served.receive()).opcode is not Opcode.CLOSE:
            served.send(Frame(frame.opcode, bytes(frame.data)))

    async def action(websocket: WebSocket) -> None:
        for message in ("hello", "äö€😀", "", b"\x00\xff", b"x" * 10_000):
            await websocket.send(message)
            assert await websocket.receive() == message

    talk(serve, action)


def test_compression() -> None:
    async def action(websocket: WebSocket) -> None:
        assert await websocket.receive() == "Hello"

    def serve(served: Served) -> None:
        # RFC 7692 section 7.2.3.1.
        octets = bytes.fromhex("c107f248cdc9c90700")
        served.visitor.send(Data(stream_id=served.stream, data=octets))

    talk(serve, action, (b"sec-websocket-extensions", b"permessage-deflate"))


def test_fragments_and_pings_in_between() -> None:
    def serve(served: Served) -> None:
        served.send(
            Frame(Opcode.TEXT, "hä".encode()[:2], fin=False),
            Frame(Opcode.PING, b"there?"),
            Frame(Opcode.CONT, "hä".encode()[2:], fin=False),
            Frame(Opcode.CONT, b"llo"),
        )
        pong = served.receive()
        assert (pong.opcode, bytes(pong.data)) == (Opcode.PONG, b"there?")

    async def action(websocket: WebSocket) -> None:
        assert await websocket.receive() == "hällo"

    talk(serve, action)


def test_octet_by_octet() -> None:
    def serve(served: Served) -> None:
        octets = Frame(Opcode.TEXT, b"hello" * 30).serialize(mask=False)
        for octet in octets:
            served.visitor.send(Data(stream_id=served.stream, data=bytes((octet,))))

    async def action(websocket: WebSocket) -> None:
        assert await websocket.receive() == "hello" * 30

    talk(serve, action)


@pytest.mark.parametrize("code", [1000, 1001])
def test_the_server_closes_and_all_is_well(code: int) -> None:
    def serve(served: Served) -> None:
        served.send(Frame(Opcode.TEXT, b"last"))
        served.close(code, "bye")

    async def action(websocket: WebSocket) -> None:
        assert [message async for message in websocket] == ["last"]
        assert websocket.closed is not None
        assert (websocket.closed.code, websocket.closed.reason) == (code, "bye")
        with pytest.raises(WebSocketClosed):
            await websocket.send("x")

    talk(serve, action)


def silence(served: Served) -> None:
    served.visitor.send(Data(stream_id=served.stream, flags=r.END_STREAM))


def reset(served: Served) -> None:
    served.visitor.send(RstStream(stream_id=served.stream, code=8))


def sending(*frames: Frame) -> Serve:
    def serve(served: Served) -> None:
        served.send(*frames)
        while served.receive().opcode is not Opcode.CLOSE:
            pass

    return serve


def octets(data: bytes) -> Serve:
    def serve(served: Served) -> None:
        served.visitor.send(Data(stream_id=served.stream, data=data))
        while served.receive().opcode is not Opcode.CLOSE:
            pass

    return serve


@pytest.mark.parametrize(
    ("serve", "code"),
    [
        (lambda served: served.close(1011, "oops"), 1011),
        (silence, 1006),
        (reset, 1006),
        (sending(Frame(Opcode.TEXT, b"\xff")), 1007),
        (sending(Frame(Opcode.TEXT, b"a", fin=False), Frame(Opcode.TEXT, b"b")), 1002),
        (sending(Frame(Opcode.CONT, b"a")), 1002),
        # Masked by a server, a reserved bit, an opcode that nobody knows, a long ping.
        (octets(bytes.fromhex("818101020304 60")), 1002),
        (octets(bytes.fromhex("c10178")), 1002),
        (octets(bytes.fromhex("8300")), 1002),
        (octets(bytes.fromhex("897e0080") + bytes(128)), 1002),
        # 32 MiB are announced.
        (octets(bytes.fromhex("827f0000000002000000")), 1009),
    ],
)
def test_every_other_end_is_an_error(serve: Serve, code: int) -> None:
    async def action(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketClosed) as raised:
            async for _ in websocket:
                pass
        assert raised.value.code == code

    talk(serve, action)


def test_close_with_a_code() -> None:
    def serve(served: Served) -> None:
        close = served.receive()
        assert bytes(close.data) == (4000).to_bytes(2, "big") + b"enough"

    async def action(websocket: WebSocket) -> None:
        await websocket.close(4000, "enough")
        assert websocket.closed is not None
        assert websocket.closed.code == 4000
        with pytest.raises(WebSocketClosed):
            await websocket.receive()

    talk(serve, action)


def test_close_while_another_task_receives() -> None:
    def serve(served: Served) -> None:
        served.send(Frame(Opcode.TEXT, b"one"), Frame(Opcode.TEXT, b"two"))
        assert served.receive().opcode is Opcode.CLOSE

    async def action(websocket: WebSocket) -> None:
        came: list[str | bytes] = []

        async def receive() -> None:
            came.extend([message async for message in websocket])

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(receive)
            await websocket.close()
        assert came == ["one", "two"]

    talk(serve, action)


@pytest.mark.parametrize(
    "field",
    [
        (b"sec-websocket-protocol", b"c"),
        (b"sec-websocket-extensions", b"x-unknown"),
        (b"sec-websocket-extensions", b"permessage-deflate; server_max_window_bits=99"),
    ],
)
def test_what_nobody_has_asked_for(field: Field) -> None:
    def serve(visitor: Visitor) -> None:
        Served(visitor, field)
        assert visitor.expect(RstStream).code == 8
        visitor.read_to_end()

    async def main(url: str) -> None:
        async with connect(url) as client:
            with pytest.raises(
                ClientError, match="the server accepted something that was not requested"
            ):
                async with client.websocket("/", subprotocols=("a",)):
                    pass

    with fake_server(serve) as server:
        anyio.run(main, server.url)


# ---------------------------------------------------------------------- a real one

APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    chosen = next(iter(scope["subprotocols"]), None)
    await send({"type": "websocket.accept", "subprotocol": chosen})
    while (event := await receive())["type"] == "websocket.receive":
        if event.get("text") == "bye":
            await send({"type": "websocket.close", "code": 1001})
            return
        key = "text" if event.get("text") is not None else "bytes"
        await send({"type": "websocket.send", key: event[key]})
"""


@pytest.fixture(scope="module")
def hypercorn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of others that speaks WebSocket over HTTP/2; its authority."""
    if importlib.util.find_spec("hypercorn") is None:
        assert not in_ci(), "hypercorn is missing"
        pytest.skip("hypercorn is missing: pip install hypercorn")
    folder = tmp_path_factory.mktemp("app")
    (folder / "application.py").write_text(APPLICATION)
    place = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "hypercorn", "-b", place, "application:app"],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until = time.monotonic() + DEADLINE
        while h2get("-n", f"http://{place}/").code == 3:
            assert time.monotonic() < until
            assert process.poll() is None
        yield place
    finally:
        process.terminate()
        process.wait(DEADLINE)


def test_hypercorn(hypercorn: str) -> None:
    """A connection each: hypercorn 0.18 fails once the stream of a closed WebSocket ends."""

    async def talk_to(client: Client) -> None:
        async with client.websocket("/chat", subprotocols=("x",)) as websocket:
            assert websocket.subprotocol == "x"
            for message in ("hello", "ä" * 100_000, bytes(range(256)) * 100):
                await websocket.send(message)
                assert await websocket.receive() == message

    async def part_from(client: Client) -> None:
        async with client.websocket("/chat", compression=False) as websocket:
            await websocket.send("bye")
            assert [message async for message in websocket] == []

    async def main() -> None:
        with anyio.fail_after(DEADLINE):
            for action in (talk_to, part_from):
                async with connect(f"http://{hypercorn}/") as client:
                    await action(client)

    anyio.run(main)


def test_the_command(hypercorn: str) -> None:
    done = h2get("--ws", f"ws://{hypercorn}/chat", stdin="hello\r\nwörld".encode())
    assert (done.code, done.output, done.errors) == (0, "hello\nwörld\n", "")
    done = h2get("--ws", "-v", f"http://{hypercorn}/chat", stdin=b"bye\n")
    assert done.code == 0
    assert "          :protocol: websocket\n" in done.output
    words = ("--ws", "-n", "--expect", "200 stream=1", "--no-frame", "RST_STREAM")
    done = h2get(*words, f"ws://{hypercorn}/chat", stdin=b"x\n")
    assert (done.code, done.output, done.errors) == (0, "", "")


def test_the_command_complains(tmp_path: Path) -> None:
    def closes(visitor: Visitor) -> None:
        served = Served(visitor)
        served.close(1011, "no \x1b[31mluck")
        served.finish()

    with fake_server(closes) as server:
        done = h2get("--ws", server.url)
    assert (done.code, done.output) == (1, "")
    url = f"h2get: {server.url}: "
    assert done.errors == f"{url}the WebSocket was closed: 1011 no \\x1b[31mluck\n"

    def refuses(visitor: Visitor) -> None:
        visitor.greet()
        visitor.read_to_end()

    with fake_server(refuses) as server:
        done = h2get("--ws", server.url)
    assert done.code == 1
    assert done.errors == f"h2get: {server.url}: the server does not offer extended CONNECT\n"
    for words, code, complaint in (
        (("--ws", "ws://127.0.0.1:1/"), 3, "127.0.0.1:1: Connection refused"),
        (("--ws", "ws://x/", "ws://y/"), 2, "--ws requires exactly one URI"),
        (("--ws", "--http1.1", "ws://x/"), 2, "--http1.1 cannot be combined with --ws"),
    ):
        done = h2get(*words)
        assert (done.code, done.errors) == (code, f"h2get: {complaint}\n")


def test_the_time_that_it_may_take() -> None:
    def serve(visitor: Visitor) -> None:
        Served(visitor)
        visitor.wait_for_end()

    with fake_server(serve) as server:
        done = h2get("--ws", "--max-time", "100ms", server.url)
    assert done.code == 1
    assert done.errors == f"h2get: {server.url}: not finished within 0.1 s\n"
