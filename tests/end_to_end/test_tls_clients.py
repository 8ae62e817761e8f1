"""Clients that are not ours, over TLS."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.tools import require_tool

PAGE = b"<!doctype html><title>t</title>"
LARGE = hashlib.shake_256(b"h2static").digest(2_000_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def authority(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    certificate.authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture(scope="module")
def server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_bytes(PAGE)
    (folder / "large").write_bytes(LARGE)
    with running("-a", "127.0.0.1", "-n", "2", "0", str(folder), *certificate.words) as server:
        yield server


def run(*words: str, stdin: bytes = b"") -> bytes:
    """Standard output of a program that has to succeed."""
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(server: RunningServer, authority: Path) -> None:
    curl = require_tool("curl", package="curl")
    words = (curl, "-sS", "--http2", "--cacert", str(authority))
    written = "%{http_version} %{http_code} %{content_type}"
    out = run(*words, "-w", written, "-o", "/dev/null", server.urls[0])
    assert out == b"2 200 text/html; charset=utf-8"
    assert run(*words, server.urls[0] + "large") == LARGE
    assert run(curl, "-sSk", "--http2", server.urls[0]) == PAGE


def test_nghttp(server: RunningServer) -> None:
    nghttp = require_tool("nghttp", package="nghttp2-client")
    out = run(nghttp, "-nv", "-m", "10", server.urls[0] + "large").decode()
    assert "The negotiated protocol: h2" in out
    assert out.count(":status: 200") == 10
    assert f"content-length: {len(LARGE)}" in out


def test_h2load(server: RunningServer) -> None:
    h2load = require_tool("h2load", package="nghttp2-client")
    out = run(h2load, "-n1000", "-c10", "-m10", server.urls[0]).decode()
    assert "1000 succeeded, 0 failed, 0 errored, 0 timeout" in out
    assert "status codes: 1000 2xx" in out


def test_node(server: RunningServer, authority: Path) -> None:
    node = require_tool("node", package="nodejs")
    script = """
        const client = require('http2').connect(process.argv[1],
            {ca: require('fs').readFileSync(process.argv[2])});
        const request = client.request({':path': '/large'});
        const hash = require('crypto').createHash('sha256');
        request.on('response', fields => console.log(client.alpnProtocol, fields[':status']));
        request.on('data', part => hash.update(part));
        request.on('end', () => { console.log(hash.digest('hex')); client.close(); });
    """
    out = run(node, "-e", script, server.urls[0], str(authority)).decode().split()
    assert out == ["h2", "200", hashlib.sha256(LARGE).hexdigest()]


def test_httpx(server: RunningServer, certificate: Certificate) -> None:
    context = certificate.client_context()
    with httpx.Client(http2=True, verify=context, timeout=DEADLINE) as client:
        page, large = client.get(server.urls[0]), client.get(server.urls[0] + "large")
    assert (page.http_version, page.status_code, page.content) == ("HTTP/2", 200, PAGE)
    assert large.content == LARGE


def test_openssl(server: RunningServer, authority: Path) -> None:
    openssl = require_tool("openssl", package="openssl")
    words = ("-connect", f"127.0.0.1:{server.port}", "-alpn", "h2", "-CAfile", str(authority))
    out = run(openssl, "s_client", *words, "-verify_return_error").decode(errors="replace")
    assert "ALPN protocol: h2" in out
    assert "Verify return code: 0 (ok)" in out
    assert "Compression: NONE" in out


@pytest.mark.parametrize(
    "suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
)
def test_openssl_prefers_a_suite(server: RunningServer, authority: Path, suite: str) -> None:
    openssl = require_tool("openssl", package="openssl")
    suites = [suite, "TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"]
    words = ("-connect", f"127.0.0.1:{server.port}", "-alpn", "h2", "-CAfile", str(authority))
    offer = ("-ciphersuites", ":".join(dict.fromkeys(suites)))
    out = run(openssl, "s_client", *words, *offer).decode(errors="replace")
    assert f"New, TLSv1.3, Cipher is {suite}" in out
