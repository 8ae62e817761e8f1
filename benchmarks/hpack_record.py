"""Record header lists of real clients and of h2static as raw HPACK stories.

A relay stands between the clients and ``h2static`` serving ``www``, in cleartext and with TLS on
both sides.  It passes octets on unchanged, reads the frames beside, and keeps every field section.
Each connection gives two stories, requests and responses.

    python -m benchmarks.hpack_record hpack-test-case/raw-data

Then ``hpack-conformance generate hpack-test-case/h2static --source hpack-test-case/raw-data``.
Clients that are not installed are left out, with a line that says so.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme

from hpacktools.codec import Decoder
from hpacktools.jsonforms import fields_to_json

REPOSITORY = Path(__file__).resolve().parent.parent
WWW = REPOSITORY / "www"
#: What clients see in ``:authority``.  The same in every recording.
CLEARTEXT_PORT, TLS_PORT = 8080, 8443
#: Seconds that a client gets.
PATIENCE = 60

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, PUSH_PROMISE, CONTINUATION = 1, 5, 9
END_HEADERS, PADDED, PRIORITY = 0x4, 0x8, 0x20

NODE = """
const http2 = require('http2');
const paths = process.argv.slice(2);
const session = http2.connect('http://127.0.0.1:8080');
const tags = {};
function get(path, then) {
  const headers = {':path': path, 'accept-encoding': 'gzip, br'};
  if (tags[path]) headers['if-none-match'] = tags[path];
  const stream = session.request(headers);
  stream.on('response', (fields) => { tags[path] = fields['etag']; });
  stream.resume();
  stream.on('close', then);
}
const queue = paths.concat(paths);
(function next() {
  const path = queue.shift();
  if (path === undefined) session.close(); else get(path, next);
})();
"""

HTTPX = """
import sys, httpx
with httpx.Client(http1=False, http2=True) as client:
    for round in range(2):
        for path in sys.argv[1:]:
            client.get('http://127.0.0.1:8080' + path, headers={'x-round': str(round)})
"""


@dataclass(slots=True, kw_only=True)
class Direction:
    """The frames of one direction of one connection, and the field sections in them."""

    skip: int
    buffer: bytearray = field(default_factory=bytearray)
    block: bytearray = field(default_factory=bytearray)
    decoder: Decoder = field(default_factory=lambda: Decoder(allowed=2**32 - 1))
    cases: list[dict[str, Any]] = field(default_factory=list)

    def feed(self, octets: bytes) -> None:
        """Read more octets."""
        buffer = self.buffer
        buffer += octets
        if len(buffer) < self.skip:
            return
        del buffer[: self.skip]
        self.skip = 0
        while len(buffer) >= 9:
            length = int.from_bytes(buffer[:3], "big")
            if len(buffer) < 9 + length:
                return
            self.frame(buffer[3], buffer[4], bytes(buffer[9 : 9 + length]))
            del buffer[: 9 + length]

    def frame(self, kind: int, flags: int, payload: bytes) -> None:
        """Take the fragment out of a frame; a whole block becomes a case."""
        if kind not in (HEADERS, PUSH_PROMISE, CONTINUATION):
            return
        if kind != CONTINUATION and flags & PADDED:
            payload = payload[1 : len(payload) - payload[0]]
        if kind == HEADERS and flags & PRIORITY:
            payload = payload[5:]
        if kind == PUSH_PROMISE:
            payload = payload[4:]
        self.block += payload
        if flags & END_HEADERS:
            decoded = self.decoder.decode(bytes(self.block))
            self.block.clear()
            headers, octets = fields_to_json(decoded.fields)
            case: dict[str, Any] = {"seqno": len(self.cases), "headers": headers}
            if octets:
                case["octets"] = octets
            if decoded.never_indexed:
                case["sensitive"] = list(decoded.never_indexed)
            self.cases.append(case)


class Relay:
    """Passes connections on to the server and keeps what it saw."""

    def __init__(self, port: int, context: ssl.SSLContext | None = None) -> None:
        self.port = port
        self.context = context
        self.connections: list[tuple[Direction, Direction]] = []

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection of a client."""
        there_reader, there_writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.context
        )
        requests, responses = Direction(skip=len(PREFACE)), Direction(skip=0)
        self.connections.append((requests, responses))
        await asyncio.gather(
            self.pump(reader, there_writer, requests), self.pump(there_reader, writer, responses)
        )

    async def pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: Direction
    ) -> None:
        """One direction, to its end."""
        try:
            while octets := await reader.read(65536):
                direction.feed(octets)
                writer.write(octets)
                await writer.drain()
        except (ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def server(*certificate: str) -> AsyncIterator[int]:
    """h2static on ``www``, with TLS if there are key and certificate files; gives its port."""
    mode = [] if certificate else ["--no-tls"]
    running = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "h2static", *mode, "-a", "127.0.0.1", "0", str(WWW), *certificate),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert running.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                line = (await running.stdout.readline()).decode()
                if match := re.search(r"https?://127\.0\.0\.1:(\d+)/", line):
                    break
                if not line:
                    raise RuntimeError("h2static did not start")
        yield int(match[1])
    finally:
        running.terminate()
        await running.wait()


def clients(paths: Sequence[str], folder: Path) -> dict[str, list[str]]:
    """Description -> command, for every client; ``folder`` is for their files."""
    base = f"http://127.0.0.1:{CLEARTEXT_PORT}"
    node, python = folder / "client.js", folder / "client.py"
    node.write_text(NODE)
    python.write_text(HTTPX)
    # Over TLS: on cleartext curl 7.88 sends only the first request of a connection.
    secure = f"https://127.0.0.1:{TLS_PORT}"
    curl = ["curl", "-sk"]
    for options in (["-sk", "--compressed"], ["-skI", "-H", "Range: bytes=0-99"], []):
        for path in paths:
            curl += ["-o", "/dev/null", secure + path]
        if options:
            curl += ["--next", *options]
    browser = [
        "chromium",
        *("--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"),
        *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
        f"--user-data-dir={folder / 'profile'}",
        *("--virtual-time-budget=10000", "--dump-dom", f"{secure}/"),
    ]
    return {
        "curl: every file plain, compressed, and HEAD with a range": curl,
        "nghttp: the start page with its assets, then every file": [
            *("nghttp", "-an", f"{base}/"),
            *(base + path for path in paths),
        ],
        "node http2: every file twice, the second time conditionally": [
            *("node", str(node)),
            *paths,
        ],
        "httpx: every file twice": [sys.executable, str(python), *paths],
        "Chromium: the start page, first visit": browser,
        "Chromium: the start page, second visit": browser,
    }


def version_of(command: str) -> str:
    """The version that a client reports, for the description."""
    if command == sys.executable:
        import httpx

        return httpx.__version__
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)
    match = re.search(r"\d+\.\d+(\.\d+)*", done.stdout)
    return match[0] if match else "of unknown version"


async def record(out: Path) -> None:
    """Run every client and write the stories."""
    paths = sorted(
        f"/{path.relative_to(WWW)}"
        for path in WWW.rglob("*")
        if path.is_file() and not path.name.startswith(("_", "."))
    )
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    upstream = ssl.create_default_context()
    for each in (context, upstream):
        each.set_alpn_protocols(["h2"])
    certificate.configure_cert(context)
    authority.configure_trust(upstream)
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        key, chain = f"{folder}/key.pem", f"{folder}/chain.pem"
        # The server refuses a key that others can read.
        os.close(os.open(key, os.O_CREAT, 0o600))
        certificate.private_key_pem.write_to_path(key)
        certificate.cert_chain_pems[0].write_to_path(chain)
        async with server() as plain_port, server(key, chain) as secure_port:
            relays = [Relay(plain_port), Relay(secure_port, upstream)]
            plain = await asyncio.start_server(relays[0].connected, "127.0.0.1", CLEARTEXT_PORT)
            secure = await asyncio.start_server(
                relays[1].connected, "127.0.0.1", TLS_PORT, ssl=context
            )
            async with plain, secure:
                for description, command in clients(paths, Path(folder)).items():
                    if shutil.which(command[0]) is None:
                        print(f"left out: {command[0]} is not installed", file=sys.stderr)
                        continue
                    for relay in relays:
                        relay.connections.clear()
                    await run_client(command)
                    text = f"{description} ({version_of(command[0])})"
                    connections = [each for relay in relays for each in relay.connections]
                    number += write(out, number, text, connections)


async def run_client(command: Sequence[str]) -> None:
    """Run a client to its end."""
    running = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            await running.wait()
    except TimeoutError:
        running.kill()
        print(f"{command[0]} was stopped after {PATIENCE} s", file=sys.stderr)


def write(
    out: Path,
    number: int,
    description: str,
    connections: Sequence[tuple[Direction, Direction]],
) -> int:
    """Write the stories of a client's busiest connection; returns how many."""
    if not connections:
        print(f"nothing recorded: {description}", file=sys.stderr)
        return 0
    pair = max(connections, key=lambda directions: len(directions[1].cases))
    for direction, context in zip(pair, ("request", "response"), strict=True):
        document = {"description": description, "context": context, "cases": direction.cases}
        path = out / f"story_{number:02}.json"
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        print(f"{path.name}: {description}, {context}: {len(direction.cases)} cases")
        number += 1
    return 2


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Record raw HPACK stories.")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    asyncio.run(record(folder))


if __name__ == "__main__":
    main()
