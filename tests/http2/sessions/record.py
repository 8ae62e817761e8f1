"""Record what clients send: ``python -m tests.http2.sessions.record``.

Needs curl, nghttp, h2load, node and httpx.  Overwrites the recordings; the tests do not run this.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

from tests.http2.sessions import FOLDER
from tests.support.serving import serving

_NODE = """
const http2 = require("http2");
const client = http2.connect("http://127.0.0.1:PORT");
let left = 6;
for (const path of ["/", "/memory/70000", "/", "/file/20000", "/", "/nothing"]) {
  const request = client.request({":path": path, "cookie": "a=1; b=2"});
  request.resume();
  request.on("end", () => { if (--left === 0) client.close(); });
}
"""
_HTTPX = """
import httpx
with httpx.Client(http1=False, http2=True) as client:
    for path in ("/", "/memory/70000", "/", "/", "/early"):
        client.get("http://127.0.0.1:PORT" + path)
    client.post("http://127.0.0.1:PORT/echo", content=b"x" * 20_000)
"""
_HOST = "http://127.0.0.1:PORT"

CLIENTS: dict[str, list[str]] = {
    "curl": ["curl", "-s", "--http2-prior-knowledge", "-o", "/dev/null", f"{_HOST}/memory/70000"],
    "curl-post": [
        "curl", "-s", "--http2-prior-knowledge", "-o", "/dev/null",
        "--data-binary", "content " * 500, f"{_HOST}/echo",
    ],
    "curl-head": ["curl", "-s", "--http2-prior-knowledge", "-I", "-o", "/dev/null", f"{_HOST}/"],
    "nghttp": ["nghttp", "-n", *[f"{_HOST}/"] * 3, f"{_HOST}/memory/70000"],
    "nghttp-windows": ["nghttp", "-n", "-w", "4", "-W", "10", f"{_HOST}/memory/3000"],
    "nghttp-padding": ["nghttp", "-n", "-b", "200", *[f"{_HOST}/"] * 3],
    "nghttp-continuation": ["nghttp", "-n", "--continuation", f"{_HOST}/", f"{_HOST}/"],
    "nghttp-trailer": [
        "nghttp", "-n", "--trailer", "x-sum: 1", "-d", str(FOLDER / "__init__.py"), f"{_HOST}/echo",
    ],
    "h2load": ["h2load", "-n", "400", "-c", "1", "-m", "20", f"{_HOST}/", f"{_HOST}/memory/600"],
    "node": ["node", "-e", _NODE],
    "httpx": [sys.executable, "-c", _HTTPX],
}  # fmt: skip


def _relay(listener: socket.socket, port: int, reads: list[bytes]) -> None:
    """Pass one connection on, and keep what the client sends."""
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", port))

    def back() -> None:
        while octets := server.recv(65_536):
            client.sendall(octets)
        client.shutdown(socket.SHUT_WR)

    thread = threading.Thread(target=back)
    thread.start()
    while octets := client.recv(65_536):
        reads.append(octets)
        server.sendall(octets)
    server.shutdown(socket.SHUT_WR)
    thread.join()
    client.close()
    server.close()


def main() -> None:
    """Record all clients."""
    with serving() as running:
        for name, words in CLIENTS.items():
            listener = socket.create_server(("127.0.0.1", 0))
            port = str(listener.getsockname()[1])
            reads: list[bytes] = []
            relay = threading.Thread(target=_relay, args=(listener, running.port, reads))
            relay.start()
            subprocess.run([word.replace("PORT", port) for word in words], check=True, timeout=30)
            relay.join(10)
            listener.close()
            octets = b"".join(len(read).to_bytes(4, "big") + read for read in reads)
            (FOLDER / f"{name}.session").write_bytes(octets)
            print(name, len(reads), len(octets))


if __name__ == "__main__":
    main()
