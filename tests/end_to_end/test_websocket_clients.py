"""WebSockets as clients open them: Chromium and node, over HTTP/2 and HTTP/1.1."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.browser import address, browsing, dev_server
from tests.support.hosted import write_application
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.tools import require_tool

REPOSITORY = Path(__file__).resolve().parents[2]

PAGE = """<!doctype html><title>page</title><script>
window.told = [];
const socket = new WebSocket(`wss://${location.host}/ws`, ["other", "chat"]);
socket.onopen = () => { told.push("open"); socket.send("hello"); socket.send("x".repeat(100000)); };
socket.onmessage = ({ data }) => {
  told.push(data.length < 20 ? data : data.length);
  if (data.length === 100000) socket.close(3001, "enough");
};
socket.onclose = ({ code, reason, wasClean }) => told.push([code, reason, wasClean]);
</script>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_chromium_has_its_websocket_on_the_connection_of_the_page(folder: Path) -> None:
    root = folder / "www"
    root.mkdir()
    (root / "index.html").write_text(PAGE)
    with browsing(folder) as browser:
        browser.environment["H2STATIC_TEST_DIARY"] = str(folder / "diary")
        words = ("-v", "--app", "/ws=shop:app", "--app-dir", str(folder))
        with dev_server(browser, root, *words, tls=True) as server:
            browser.driver.get(address(server))
            browser.wait("window.told.length", 4)
            told = browser.run("window.told")
            log = server.stdout()
    assert told == ["open", "hello", 100_000, [3001, "enough", True]]
    assert "websocket 3001" in (folder / "diary").read_text()
    connects = [line for line in log.splitlines() if ":protocol: websocket" in line]
    assert len(connects) == 1


#: Opens a WebSocket by hand, with node's own http2: echo, close with 3001, the end of the stream.
NODE_HTTP2 = """
const http2 = require("http2");
const session = http2.connect(process.argv[1]);
const frame = (opcode, payload) => {
  const mask = Buffer.from([1, 2, 3, 4]);
  const masked = Buffer.from(payload.map((octet, place) => octet ^ mask[place % 4]));
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length]), mask, masked]);
};
session.once("remoteSettings", ({ enableConnectProtocol }) => {
  const stream = session.request({
    ":method": "CONNECT", ":protocol": "websocket", ":path": "/ws", ":scheme": "http",
    ":authority": "localhost", "sec-websocket-version": "13", "origin": "http://localhost",
  });
  const told = [enableConnectProtocol];
  let octets = Buffer.alloc(0);
  stream.on("response", (head) => {
    told.push(head[":status"]);
    stream.write(frame(1, Buffer.from("hello")));
  });
  stream.on("data", (data) => {
    octets = Buffer.concat([octets, data]);
    if (octets.length === 7) stream.write(frame(8, Buffer.from([0x0b, 0xb9])));
  });
  stream.on("end", () => {
    stream.end();
    session.close(() => console.log(JSON.stringify([...told, octets.toString("hex")])));
  });
});
"""

#: The same with a library; the second argument says which.
NODE_LIBRARIES = """
const [, url, name] = process.argv;
const told = [];
let socket;
if (name === "ws") {
  const { WebSocket } = require("ws");
  socket = new WebSocket(url.replace("http", "ws"));
} else {
  const { WebSocket, Agent } = require("undici");
  const dispatcher = new Agent({ allowH2: true, connect: { rejectUnauthorized: false } });
  socket = new WebSocket(url.replace("http", "ws"), { dispatcher });
}
socket.addEventListener("open", () => socket.send("hello"));
socket.addEventListener("message", ({ data }) => {
  told.push(data);
  socket.close(3001, "enough");
});
socket.addEventListener("close", ({ code, reason }) => {
  console.log(JSON.stringify([...told, code, reason]));
  process.exit(0);
});
socket.addEventListener("error", ({ message }) => console.log(JSON.stringify(["error", message])));
"""


@contextmanager
def serving(folder: Path, *words: str) -> Iterator[RunningServer]:
    diary = {"H2STATIC_TEST_DIARY": str(folder / "diary"), "XDG_DATA_HOME": str(folder / "data")}
    words = ("-a", "127.0.0.1", *words, "--app", "/ws=shop:app", "0")
    with running(*words, folder=folder, environment=diary) as server:
        yield server


def node(program: str, *words: str, environment: dict[str, str] | None = None) -> object:
    """What a program of node's tells."""
    binary = require_tool("node", package="nodejs", optional=True)
    ended = subprocess.run(
        [binary, "-e", program, *words],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_http2_module_of_node(folder: Path) -> None:
    with serving(folder, "--no-tls") as server:
        told = node(NODE_HTTP2, f"http://127.0.0.1:{server.port}")
    hello = b"\x81\x05hello".hex()
    close = b"\x88\x02\x0b\xb9".hex()
    assert told == [True, 200, hello + close]
    assert "websocket 3001" in (folder / "diary").read_text()


@pytest.mark.parametrize("name", ["ws", "undici"])
def test_libraries_of_node(folder: Path, name: str) -> None:
    """``ws`` over HTTP/1.1, undici over TLS and HTTP/2."""
    modules = os.environ.get("H2STATIC_TEST_NODE_MODULES", str(REPOSITORY / "node_modules"))
    if not Path(modules, name).exists():
        pytest.skip(f"{name} is missing: npm install --no-save ws@8 undici@7")
    with serving(folder, *(["--no-tls"] if name == "ws" else ["-v"])) as server:
        url = f"{server.urls[0].rstrip('/')}/ws".replace("localhost", "127.0.0.1")
        told = node(NODE_LIBRARIES, url, name, environment={"NODE_PATH": modules})
        log = server.stdout()
    assert told == ["hello", 3001, "enough"]
    assert "websocket 3001" in (folder / "diary").read_text()
    assert name == "ws" or ":protocol: websocket" in log
