"""The command against real clients: curl, nghttp, h2load, node's http2 and httpx.

Bodies at the bounds of frames and windows and of 100 MiB, small windows, interleaved streams,
priorities, trailers and padding; every octet is compared.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, GoAway, Ping
from tests.support.peer import Peer, request_fields
from tests.support.processes import RunningServer, running
from tests.support.small_site import pattern
from tests.support.tools import require_tool
from tests.support.transports import Wire

SIZES = (0, 1, 612, 16_384, 16_385, 65_535, 65_536, 300_000)
LARGE = 100 * 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of every interesting size."""
    root = tmp_path_factory.mktemp("root")
    for size in SIZES:
        (root / f"{size}.bin").write_bytes(pattern(size))
    megabyte = 1024 * 1024
    with (root / "large.bin").open("wb") as file:
        for start in range(0, LARGE, megabyte):
            file.write(pattern(megabyte, start))
    (root / "index.html").write_text("<p>hello</p>")
    return root


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with running("--no-tls", "-a", "127.0.0.1", "0", str(folder)) as one:
        yield one
        assert "internal" not in one.stderr()


def _sum_of_large() -> str:
    digest = hashlib.sha256()
    megabyte = 1024 * 1024
    for start in range(0, LARGE, megabyte):
        digest.update(pattern(megabyte, start))
    return digest.hexdigest()


def _run(*words: str) -> bytes:
    return subprocess.run(words, check=True, capture_output=True, timeout=50).stdout


# ---------------------------------------------------------------------- clients


@pytest.mark.parametrize("size", SIZES)
def test_curl(server: RunningServer, size: int) -> None:
    curl = require_tool("curl", package="curl")
    url = f"http://127.0.0.1:{server.port}/{size}.bin"
    assert _run(curl, "-s", "--http2-prior-knowledge", url) == pattern(size)
    head = _run(curl, "-s", "--http2-prior-knowledge", "-I", url).decode()
    assert head.startswith("HTTP/2 200")
    assert f"content-length: {size}\r\n" in head


def test_curl_with_100_mib(server: RunningServer) -> None:
    curl = require_tool("curl", package="curl")
    url = f"http://127.0.0.1:{server.port}/large.bin"
    body = _run(curl, "-s", "--http2-prior-knowledge", url)
    assert hashlib.sha256(body).hexdigest() == _sum_of_large()


@pytest.mark.parametrize("windows", [("-w", "16", "-W", "16"), ("-w", "3", "-W", "4")])
@pytest.mark.parametrize("size", [1, 612, 16_385])
def test_nghttp_with_windows(server: RunningServer, windows: tuple[str, ...], size: int) -> None:
    nghttp = require_tool("nghttp", package="nghttp2-client")
    url = f"http://127.0.0.1:{server.port}/{size}.bin"
    assert _run(nghttp, *windows, url) == pattern(size)


def test_nghttp_with_many_streams_and_padding(server: RunningServer) -> None:
    nghttp = require_tool("nghttp", package="nghttp2-client")
    urls = [f"http://127.0.0.1:{server.port}/{size}.bin" for size in SIZES] * 10
    log = _run(nghttp, "-nv", "-b", "100", *urls).decode()
    assert len(re.findall(r"recv \(stream_id=\d+\) :status: 200", log)) == len(set(urls))
    assert "RST_STREAM" not in log
    assert "NO_ERROR" in log


@pytest.mark.parametrize(("connections", "streams"), [(1, 1), (10, 100), (50, 1)])
def test_h2load(server: RunningServer, connections: int, streams: int) -> None:
    h2load = require_tool("h2load", package="nghttp2-client")
    urls = [f"http://127.0.0.1:{server.port}/{size}.bin" for size in SIZES]
    log = _run(h2load, "-n2000", f"-c{connections}", f"-m{streams}", *urls).decode()
    assert "2000 succeeded, 0 failed, 0 errored, 0 timeout" in log
    assert "status codes: 2000 2xx" in log


_NODE = """
const http2 = require("http2"), crypto = require("crypto");
const client = http2.connect(process.argv[1]);
const found = {};
const paths = JSON.parse(process.argv[2]);
let left = paths.length;
client.on("error", (error) => { console.error(error); process.exit(1); });
for (const path of paths) {
  const request = client.request({":path": path});
  const hash = crypto.createHash("sha256");
  let status = 0;
  request.on("response", (headers) => { status = headers[":status"]; });
  request.on("data", (data) => hash.update(data));
  request.on("end", () => {
    found[path] = [status, hash.digest("hex")];
    if (--left === 0) { console.log(JSON.stringify(found)); client.close(); }
  });
}
"""


def test_node(server: RunningServer) -> None:
    """All at once on one connection, 100 MiB among them."""
    node = require_tool("node", package="nodejs")
    paths = [f"/{size}.bin" for size in SIZES] + ["/large.bin"]
    url = f"http://127.0.0.1:{server.port}"
    found = json.loads(_run(node, "-e", _NODE, url, json.dumps(paths)))
    for size in SIZES:
        assert found[f"/{size}.bin"] == [200, hashlib.sha256(pattern(size)).hexdigest()]
    assert found["/large.bin"] == [200, _sum_of_large()]


def test_httpx(server: RunningServer) -> None:
    with httpx.Client(http1=False, http2=True, timeout=20) as client:
        for size in SIZES:
            answer = client.get(f"http://127.0.0.1:{server.port}/{size}.bin")
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200)
            assert answer.content == pattern(size)
        answer = client.post(f"http://127.0.0.1:{server.port}/", content=b"x" * 200_000)
        assert answer.status_code == 405
        assert client.get(f"http://127.0.0.1:{server.port}/").status_code == 200


# ---------------------------------------------------------------------- the scripted peer


def _digest(peer: Peer, *stream_ids: int) -> dict[int, str]:
    """The digests of what comes on streams until they are over; nothing is kept."""
    digests = {stream_id: hashlib.sha256() for stream_id in stream_ids}
    while any(not peer.streams[stream_id].over for stream_id in stream_ids):
        peer._pull("content")
        for event in peer.events:
            if isinstance(event, Data):
                digests[event.stream_id].update(event.data)
        peer.events.clear()
    return {stream_id: digest.hexdigest() for stream_id, digest in digests.items()}


@pytest.mark.parametrize("window", [65_535, 2**31 - 1], ids=["65535", "2^31-1"])
def test_100_mib_interleaved_with_small_files(server: RunningServer, window: int) -> None:
    """Two large ones at once, small ones in between."""
    wire = Wire(server.port)
    peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, window)])
    if window > 65_535:
        peer.replenish = False
        peer.update(0, 2**31 - 1 - 65_535)
    for stream_id in (1, 3):
        fields = request_fields(b"/large.bin", b"GET", (b"priority", b"u=5, i"))
        peer.send(peer.headers(stream_id, fields))
    peer.request(5, b"/16385.bin")
    digests = _digest(peer, 1, 3, 5)
    assert digests[1] == digests[3] == _sum_of_large()
    assert digests[5] == hashlib.sha256(pattern(16_385)).hexdigest()
    peer.expect_alive()
    wire.close()


@pytest.mark.parametrize("window", [1, 100])
def test_tiny_windows(server: RunningServer, window: int) -> None:
    wire = Wire(server.port)
    peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, window)])
    for stream_id, size in ((1, 1), (3, 612), (5, 0)):
        peer.request(stream_id, b"/%d.bin" % size)
        reply = peer.expect_response(stream_id, 200, pattern(size))
        assert not reply.data or max(reply.data) <= window
    wire.close()


def test_a_window_of_nothing(server: RunningServer) -> None:
    wire = Wire(server.port)
    peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.request(1, b"/65536.bin", b"HEAD")
    peer.expect_response(1, 200, b"")
    peer.request(3, b"/0.bin")
    peer.expect_response(3, 200, b"")
    peer.request(5, b"/612.bin")
    peer.expect_alive_with(5)
    assert peer.streams[5].reply.data == []
    peer.update(5, 612)
    peer.expect_response(5, 200, pattern(612))
    wire.close()


def test_urgent_files_come_first(server: RunningServer) -> None:
    """What waits for the window is sent by urgency."""
    wire = Wire(server.port)
    peer = Peer(wire, replenish=False)
    peer.request(1, b"/65535.bin")
    peer.expect_response(1)
    for stream_id, value in ((3, b"u=6"), (5, b"u=1"), (7, b"u=3")):
        peer.send(
            peer.headers(stream_id, request_fields(b"/16385.bin", b"GET", (b"priority", value)))
        )
    peer.expect_alive_with(3, 5, 7)
    peer.update(0, 60_000)
    order: list[int] = []
    while not all(peer.streams[stream_id].over for stream_id in (3, 5, 7)):
        peer._pull("content")
    for event in peer.events:
        if isinstance(event, Data) and event.stream_id not in order:
            order.append(event.stream_id)
    assert order == [5, 7, 3]
    wire.close()


def test_options_of_the_command(folder: Path) -> None:
    """Trailers, padding and windows as the command line says, with a client that checks them."""
    words = ("--trailer", "x-sum: 1", "-b", "50", "-w", "20", "-W", "21", "-m", "7", "-c", "0")
    with running("--no-tls", "-a", "127.0.0.1", *words, "0", str(folder)) as server:
        wire = Wire(server.port)
        peer = Peer(wire, handshake=False)
        entries = dict(peer.handshake().entries)
        peer.encoder.header_table_size = 0
        assert entries[r.SETTINGS_MAX_CONCURRENT_STREAMS] == 7
        assert entries[r.SETTINGS_INITIAL_WINDOW_SIZE] == 2**20 - 1
        assert entries[r.SETTINGS_HEADER_TABLE_SIZE] == 0
        for stream_id, size in enumerate(SIZES):
            peer.request(2 * stream_id + 1, b"/%d.bin" % size)
            reply = peer.expect_response(2 * stream_id + 1, 200, pattern(size))
            assert reply.trailers == (((b"x-sum", b"1"),) if size else None)
        assert 50 in peer.paddings
        wire.close()


def test_goaway_when_the_server_stops(folder: Path) -> None:
    """nghttpd closes without a word."""
    with running("--no-tls", "-a", "127.0.0.1", "0", str(folder)) as server:
        wire = Wire(server.port)
        peer = Peer(wire, replenish=False)
        peer.request(1, b"/300000.bin")
        while len(peer.streams[1].reply.content) < 65_535:
            peer._pull("content")
        peer.events.clear()
        server.process.terminate()
        peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
        ping = peer.expect(Ping)
        peer.send(Ping(flags=r.ACK, opaque=ping.opaque))
        peer.expect(GoAway(last_stream_id=1, code=0))
        peer.replenish = True
        for stream_id in (0, 1):
            peer.update(stream_id, 65_535)
        peer.expect_response(1, 200, pattern(300_000))
        assert wire.closed()
        wire.close()
        assert server.wait() == 0
