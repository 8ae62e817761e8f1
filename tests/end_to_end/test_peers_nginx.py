"""nginx in front: HTTP/1.1 on connections that it keeps, and its cache.

The clients come from 127.0.0.2 and nginx from 127.0.0.1, so that logs tell the two apart.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import DEADLINE, RunningServer, accepts, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")

CLIENT, PROXY = "127.0.0.2", "127.0.0.1"
CONTENT = random.Random(1).randbytes(300_000)
TEXT = "hello " * 1000
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_cache_path {folder}/cache keys_zone=kept:1m;
  upstream behind {{ server 127.0.0.1:{server}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://behind;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto https;
      add_header X-Cache $upstream_cache_status;
      {more}
    }}
  }}
}}
"""


@contextlib.contextmanager
def nginx(folder: Path, server: int, more: str = "") -> Iterator[int]:
    """The port of an nginx that has the server behind it."""
    program = require_tool("nginx", package="nginx")
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        _CONFIGURATION.format(folder=folder, server=server, port=port, more=more)
    )
    words = [program, "-c", str(configuration), "-p", str(folder), "-e", str(folder / "early.log")]
    process = subprocess.Popen(words)
    try:
        wait_until(lambda: accepts(PROXY, port), "nginx to listen")
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "file.bin").write_bytes(CONTENT)
    (folder / "page.html").write_text(TEXT)
    (folder / "page.html.gz").write_bytes(gzip.compress(TEXT.encode()))
    return folder


@contextlib.contextmanager
def served(root: Path, *words: str) -> Iterator[RunningServer]:
    options = ("--trusted-proxy", PROXY, f"--access-log={root.parent / 'log'}")
    with running(
        "--no-tls", "-a", PROXY, *options, "--log-format", "json", *words, "0", str(root)
    ) as server:
        yield server


def log(root: Path) -> list[dict[str, object]]:
    """A record for each request; the server has ended."""
    return [json.loads(line) for line in (root.parent / "log").read_text().splitlines()]


def curl(port: int, path: str, *words: str) -> tuple[dict[str, str], bytes]:
    """Fields, with the status as ``status``, and content of a response."""
    program = require_tool("curl", package="curl")
    done = subprocess.run(
        [program, "-sSi", "--interface", CLIENT, "--path-as-is", *words, f"http://{PROXY}:{port}{path}"],
        capture_output=True, timeout=DEADLINE, check=True,
    )  # fmt: skip
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    fields = {name.lower(): value for name, _, value in (one.partition(": ") for one in lines)}
    return {"status": first.split()[1], **fields}, content


def test_on_connections_that_are_kept(root: Path, tmp_path: Path) -> None:
    with served(root) as server, nginx(tmp_path, server.port) as port:
        fields, content = curl(port, "/file.bin")
        assert (fields["status"], content) == ("200", CONTENT)
        etag = fields["etag"]
        fields, content = curl(port, "/file.bin", "-r", "1000-1999")
        assert (fields["status"], content) == ("206", CONTENT[1000:2000])
        fields, content = curl(port, "/file.bin", "-I")
        assert (fields["content-length"], content) == (str(len(CONTENT)), b"")
        fields, content = curl(port, "/file.bin", "-H", f"If-None-Match: {etag}")
        assert (fields["status"], content) == ("304", b"")
        fields, content = curl(port, "/page.html", "-H", "Accept-Encoding: gzip")
        assert (fields["content-encoding"], gzip.decompress(content)) == ("gzip", TEXT.encode())
        fields, content = curl(port, "/page.html", "-d", "what is this")
        assert fields["status"] == "405"
        assert curl(port, "/./page.html")[1] == curl(port, "/page.html")[1] == TEXT.encode()
        assert curl(port, "/nothing")[0]["status"] == "404"
        (worker,) = server.counters()
    assert isinstance(worker["counters"], dict)
    assert worker["counters"]["accepted"] == 1, "one connection did for all"
    records = log(root)
    assert [record["status"] for record in records] == [200, 206, 200, 304, 200, 405, 200, 200, 404]
    assert {record["peer"] for record in records} == {CLIENT}
    assert {record["scheme"] for record in records} == {"https"}
    assert {record["protocol"] for record in records} == {"HTTP/1.1"}


def test_as_a_cache(root: Path, tmp_path: Path) -> None:
    """What it may store it stores, each coding for those who accept it, and asks again for more."""
    more = "proxy_cache kept; proxy_cache_revalidate on;"
    with (
        served(root, "--cache", "/page.html=max-age=60") as server,
        nginx(tmp_path, server.port, more) as port,
    ):
        accept = ("-H", "Accept-Encoding: gzip")
        for found in ("MISS", "HIT"):
            fields, content = curl(port, "/page.html", *accept)
            assert fields["x-cache"] == found
            assert gzip.decompress(content) == TEXT.encode()
        for found in ("MISS", "HIT"):
            fields, content = curl(port, "/page.html")
            assert (fields["x-cache"], content) == (found, TEXT.encode())
        for _ in range(2):
            assert curl(port, "/file.bin")[0]["x-cache"] == "MISS", "no-cache is nothing to store"
    assert [record["path"] for record in log(root)] == ["/page.html"] * 2 + ["/file.bin"] * 2
