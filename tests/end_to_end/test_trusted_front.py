"""HAProxy in front: health checks, HTTP/2 and HTTP/1.1 to the server, PROXY headers, TLS taken off.

The clients come from 127.0.0.2 and HAProxy from 127.0.0.1, so that logs tell the two apart.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import DEADLINE, RunningServer, accepts, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="has one loopback address only")

CLIENT, PROXY = "127.0.0.2", "127.0.0.1"
_HEAD = """
global
  maxconn 200
defaults
  timeout connect 5s
  timeout client 20s
  timeout server 20s
  timeout check 20s
  # A check that fails once takes the server out, and one that is right brings it back.
  default-server check inter 200ms fall 1 rise 1
"""
#: How HAProxy speaks to the server: the mode of a front, and what else its two sections say.
_WAYS = {
    "h2": ("http", "option forwardfor", "option httpchk", "proto h2"),
    "h1": ("http", "option forwardfor", "option httpchk", ""),
    "h2 and PROXY": ("http", "", "option httpchk", "proto h2 send-proxy-v2 check-send-proxy"),
    "PROXY 1": ("tcp", "", "", "send-proxy check-send-proxy"),
    "PROXY 2": ("tcp", "", "", "send-proxy-v2 check-send-proxy"),
}
_TLS = "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]"


@contextlib.contextmanager
def haproxy(
    folder: Path, server: int, way: str, certificate: Certificate | None = None
) -> Iterator[int]:
    """The port of an HAProxy that has the server for the only one behind it."""
    program = require_tool("haproxy", package="haproxy")
    mode, front, back, words = _WAYS[way]
    port = free_port()
    tls = ""
    if certificate is not None:
        pem = folder / "front.pem"
        pem.write_bytes(certificate.cert.read_bytes() + certificate.key.read_bytes())
        tls, front = f" ssl crt {pem} alpn h2,http/1.1", f"{front}\n  {_TLS}"
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        f"{_HEAD}  mode {mode}\nfrontend f\n  bind {PROXY}:{port}{tls}\n  {front}\n"
        f"  default_backend b\nbackend b\n  {back}\n  server s {PROXY}:{server} {words}\n"
    )
    with (folder / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "-db", "-f", str(configuration)], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            wait_until(lambda: accepts(PROXY, port), "HAProxy to listen")
            yield port
        finally:
            process.kill()
            process.wait(DEADLINE)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_text("hello")
    return folder


def curl(port: int, *words: str, scheme: str = "http") -> str:
    """Status and body, as a client at 127.0.0.2 gets them."""
    program = require_tool("curl", package="curl")
    found = subprocess.run(
        [program, "-sk", "--interface", CLIENT, "-w", " %{http_code}", *words,
         f"{scheme}://{PROXY}:{port}/"],
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    return found.stdout


@contextlib.contextmanager
def served(site: Path, log: Path, *words: str) -> Iterator[RunningServer]:
    logging = (f"--access-log={log}", "--log-format", "json")
    with running("--no-tls", "-a", PROXY, *logging, *words, "0", str(site)) as server:
        yield server


def gets(log: Path) -> list[tuple[str, str, str]]:
    """Who asked for the page, how and by which scheme; health checks ask for nothing."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [
        (line["peer"], line["scheme"], line["protocol"])
        for line in lines
        if line["method"] == "GET"
    ]


def wait_for(log: Path, count: int) -> None:
    """Wait until the page was asked for so often."""
    wait_until(lambda: len(gets(log)) == count, f"{count} lines")


def wait_for_failed_check(folder: Path) -> None:
    """Wait until HAProxy has taken the server out: until its first check, it counts as up."""
    log = folder / "haproxy.log"
    wait_until(lambda: "is DOWN" in log.read_text(), "a failed check")


@pytest.mark.parametrize("way", _WAYS)
def test_whatever_way_it_asks(site: Path, tmp_path: Path, way: str) -> None:
    """Trust is by address, whether or not a PROXY header comes; logs have the client."""
    log = tmp_path / "log"
    with (
        served(site, log, "--trusted-proxy", PROXY) as server,
        haproxy(tmp_path, server.port, way) as port,
    ):
        assert curl(port) == "hello 200"
        if "option httpchk" in _WAYS[way]:
            wait_until(lambda: log.read_text().count('"OPTIONS"') > 2, "health checks")
        assert curl(port) == "hello 200"
        wait_for(log, 2)
        assert {peer for peer, _, _ in gets(log)} == {CLIENT}
        versions = {version for _, _, version in gets(log)}
        assert versions == ({"HTTP/2.0"} if "h2" in way else {"HTTP/1.1"})
        # Not one refusal, not one check that failed.
        assert "[stream]" not in server.stderr()
        assert "[connection]" not in server.stderr()
        assert "is DOWN" not in (tmp_path / "haproxy.log").read_text()


@pytest.mark.parametrize("way", ["h2", "h1"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_scheme_is_the_one_that_the_client_used(
    site: Path, tmp_path: Path, way: str, scheme: str
) -> None:
    """HAProxy writes ``:scheme https`` whatever its client used; X-Forwarded-Proto says it."""
    log = tmp_path / "log"
    certificate = make_certificate(tmp_path)
    with (
        served(site, log, "--trusted-proxy", PROXY) as server,
        haproxy(tmp_path, server.port, way, certificate if scheme == "https" else None) as port,
    ):
        words = ("-H", "X-Forwarded-Proto: http") if scheme == "http" else ()
        assert curl(port, *words, scheme=scheme) == "hello 200"
        wait_for(log, 1)
        assert [line[:2] for line in gets(log)] == [(CLIENT, scheme)]


def test_what_the_client_writes_does_not_count(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    forged = ("-H", "X-Forwarded-For: 192.0.2.1", "-H", "Forwarded: for=192.0.2.2")
    with served(site, log, "--trusted-proxy", PROXY) as server:
        for number, way in enumerate(_WAYS, 1):
            with haproxy(tmp_path, server.port, way) as port:
                assert curl(port, *forged) == "hello 200"
                wait_for(log, number)
        assert [peer for peer, _, _ in gets(log)] == [CLIENT] * len(_WAYS)


def test_a_proxy_that_nobody_trusts_is_told_and_so_is_the_owner(site: Path, tmp_path: Path) -> None:
    """RFC 9110 section 7.4: https over cleartext MUST be rejected; 421 says so, and the log why."""
    with (
        served(site, tmp_path / "log") as server,
        haproxy(tmp_path, server.port, "h2") as port,
    ):
        server.wait_for_stderr(
            "421: :scheme https on a connection for http, not from a trusted proxy: OPTIONS /"
        )
        wait_for_failed_check(tmp_path)
        assert curl(port).endswith(" 503"), "the health check gets 421 as well"


def test_a_header_that_is_required_and_does_not_come(site: Path, tmp_path: Path) -> None:
    words = ("--trusted-proxy", PROXY, "--proxy-protocol", "require")
    with served(site, tmp_path / "log", *words) as server:
        with haproxy(tmp_path, server.port, "h2") as port:
            server.wait_for_stderr("no PROXY protocol header from a trusted proxy")
            wait_for_failed_check(tmp_path)
            assert curl(port).endswith(" 503")
        with haproxy(tmp_path, server.port, "h2 and PROXY") as port:
            assert curl(port) == "hello 200"
