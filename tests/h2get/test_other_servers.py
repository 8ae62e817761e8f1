"""``h2get`` against servers of others: h2o, nginx, Caddy and node."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.conformance_peers import PEERS, running
from tests.support.certificates import Certificate
from tests.support.h2get import h2get
from tests.support.processes import DEADLINE
from tests.support.tools import require_tool

CONTENT = b"a line of text that is good for nothing but its length\n" * 4_000


@pytest.mark.parametrize("name", ["nghttpd", "h2o", "nginx", "Caddy"])
def test_servers_of_debian(name: str, tmp_path: Path) -> None:
    (peer,) = [one for one in PEERS if one.name == name]
    require_tool(peer.program, package=peer.install.split()[-1])
    with running(peer, tmp_path) as url:
        asks(url)
        done = h2get("-I", f"{url}/none")
    assert done.output.startswith("HTTP/2 404\n")
    # nghttpd sends its error page as a response to HEAD.
    assert (done.code == 1) == (name == "nghttpd")
    assert ("more content than content-length" in done.errors) == (name == "nghttpd")


def asks(url: str, *words: str) -> None:
    """What every server can do."""
    done = h2get(*words, url)
    assert (done.code, done.octets, done.errors) == (0, CONTENT, "")
    done = h2get(*words, url, url, url)
    assert (done.code, done.octets) == (0, CONTENT * 3)
    done = h2get("-nv", *words, "-m", "20", "-w", "10", url)
    assert done.code == 0
    assert done.output.count("recv (stream_id=39) :status: 200") == 1
    done = h2get("-I", *words, url)
    assert done.code == 0
    assert done.output.startswith("HTTP/2 200\n")
    done = h2get("-f", *words, f"{url}/none")
    assert (done.code, done.octets) == (1, b"")
    words = ("-n", *words, "--expect", "200 stream=1", "--no-frame", "RST_STREAM")
    done = h2get(*words, url)
    assert (done.code, done.errors) == (0, "")


PROGRAM = """
const http2 = require("http2"), fs = require("fs");
const [key, cert] = process.argv.slice(2);
const content = "a line of text that is good for nothing but its length\\n".repeat(4000);
const serve = (request, response) => {
  if (request.url !== "/file") { response.statusCode = 404; response.end(); return; }
  response.setHeader("content-length", content.length);
  response.end(content);
};
const server = key ? http2.createSecureServer({
    key: fs.readFileSync(key), cert: fs.readFileSync(cert), allowHTTP1: true,
  }, serve) : http2.createServer(serve);
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


@pytest.fixture(params=["cleartext", "TLS"])
def node(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate
) -> Iterator[tuple[str, bool]]:
    """A server of node's http2 module: its URL, and whether it speaks TLS."""
    program = tmp_path / "server.js"
    program.write_text(PROGRAM)
    secure = request.param == "TLS"
    files = [str(certificate.key), str(certificate.cert)] if secure else []
    command = [require_tool("node", package="nodejs"), str(program), *files]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield f"{'https' if secure else 'http'}://localhost:{port}/file", secure
    finally:
        process.terminate()
        process.wait(DEADLINE)
        if process.stdout is not None:
            process.stdout.close()


def test_node(node: tuple[str, bool], authority: str) -> None:
    url, secure = node
    words = ("--cacert", authority) if secure else ()
    asks(url, *words)
    if secure:
        assert h2get("--http1.1", *words, url).octets == CONTENT
