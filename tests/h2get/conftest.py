"""Servers that the tests of ``h2get`` share, and the folder that they serve."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import RunningServer, running
from tests.support.servers import RunningNghttpd, running_nghttpd

PAGE = b"""<!doctype html><title>t</title>
<link rel=stylesheet href=style.css><link rel=alternate href=feed.xml>
<script src="/app.js"></script><img src=logo.png><img src=logo.png>
<img src="http://elsewhere.invalid/x.png"><img src="data:image/png;base64,x">
<a href=other.html>x</a><img src="mailto:x">
"""
FILES = {
    "index.html": PAGE,
    "style.css": b"body { color: red }\n" * 100,
    "app.js": b"let x = 1\n",
    "logo.png": bytes(range(256)) * 8,
    "large.bin": bytes(range(256)) * 1_000,
    "empty": b"",
}


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    (folder / "sub").mkdir()
    (folder / "sub/index.html").write_bytes(b"sub\n")
    return folder


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    certificate = make_certificate(folder)
    certificate.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return certificate


@pytest.fixture(scope="session")
def authority(certificate: Certificate) -> str:
    return str(certificate.key.parent / "ca.pem")


@pytest.fixture(scope="session")
def ours(root: Path) -> Iterator[RunningServer]:
    """h2static, cleartext, which echoes uploads and pushes with the page of ``/``."""
    words = ("--no-tls", "-a", "127.0.0.1", "--echo-upload", "-p", "/=/style.css", "-v")
    with running(*words, "0", str(root)) as server:
        yield server


@pytest.fixture(scope="session")
def nghttpd(root: Path) -> Iterator[RunningNghttpd]:
    with running_nghttpd(root, "--echo-upload", "--trailer", "x-sum: 1") as server:
        yield server


@pytest.fixture(scope="session")
def url(ours: RunningServer) -> str:
    return f"http://127.0.0.1:{ours.port}"


@pytest.fixture(scope="session")
def theirs(nghttpd: RunningNghttpd) -> str:
    return f"http://127.0.0.1:{nghttpd.port}"
