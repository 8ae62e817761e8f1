"""curl as the client: what a person types to look at a server."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.clients import SECONDS, Answer, curl, run_curl
from tests.support.clients_site import HUGE, SIZES, digest, huge_digest, octets, write_site
from tests.support.processes import RunningServer, running
from tests.support.tools import require_tool


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running("--no-tls", "-a", "127.0.0.1", "0", str(root)) as server:
        yield server


@pytest.mark.parametrize("size", SIZES)
def test_get_and_head(server: RunningServer, size: int) -> None:
    got = curl(server.port, f"/{size}.bin")
    assert (got.status, got.body) == (200, octets(size))
    assert got.fields["content-length"] == str(size)
    head = curl(server.port, f"/{size}.bin", "-I")
    assert head.body == b""
    assert {**head.fields, "date": ""} == {**got.fields, "date": ""}


def test_the_fields_of_a_file(server: RunningServer) -> None:
    fields = curl(server.port, "/style.css").fields
    assert fields["content-type"] == "text/css; charset=utf-8"
    assert fields["server"] == "h2static"
    for name in ("date", "last-modified"):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", fields[name])
    assert re.fullmatch(r'"[^"]+"', fields["etag"])


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        ("/nowhere", (), 404),
        ("/nowhere", ("-I",), 404),
        ("/style.css/", (), 404),
        ("/sub", (), 301),
        ("/style.css", ("-d", "content"), 405),
        ("/style.css", ("-X", "DELETE"), 405),
        ("/style.css", ("-X", "FOO"), 501),
        ("/../../etc/passwd", (), 404),
        ("/%2e%2e/%2e%2e/etc/passwd", (), 404),
        ("/?a=b", (), 200),
    ],
)
def test_statuses(server: RunningServer, path: str, options: tuple[str, ...], status: int) -> None:
    assert curl(server.port, path, *options).status == status


def test_a_folder_redirects(server: RunningServer) -> None:
    assert curl(server.port, "/sub?x=1").fields["location"] == "/sub/?x=1"
    assert b"<title>sub</title>" in curl(server.port, "/sub/?x=1").body


def test_allow(server: RunningServer) -> None:
    methods = curl(server.port, "/style.css", "-X", "PUT").fields["allow"].split(", ")
    assert {"GET", "HEAD"} <= set(methods)


@pytest.mark.parametrize("condition", ["etag", "last-modified"])
def test_not_modified(server: RunningServer, condition: str) -> None:
    value = curl(server.port, "/style.css").fields[condition]
    name = {"etag": "if-none-match", "last-modified": "if-modified-since"}[condition]
    answer = curl(server.port, "/style.css", "-H", f"{name}: {value}")
    assert (answer.status, answer.body) == (304, b"")


def test_content_that_nobody_wants_is_answered_early(server: RunningServer, root: Path) -> None:
    shown = ("-w", "%{http_code} %{size_upload}", "-o", "/dev/null")
    upload = ("--data-binary", f"@{root / 'huge.bin'}")
    status, uploaded = run_curl(server.port, "/style.css", *shown, *upload).stdout.split()
    assert status == b"405"
    assert int(uploaded) < HUGE // 10


def test_huge(server: RunningServer) -> None:
    program = require_tool("curl", package="curl")
    words = [program, "-sS", "--http2-prior-knowledge", f"http://127.0.0.1:{server.port}/huge.bin"]
    received, length = sha256(), 0
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while piece := process.stdout.read(1 << 20):
            received.update(piece)
            length += len(piece)
        assert process.wait(SECONDS) == 0
    assert length == HUGE
    assert received.hexdigest() == huge_digest()


def test_options_of_the_server_that_curl_sees(root: Path) -> None:
    words = ("--no-tls", "-a", "127.0.0.1", "--no-content-length", "--early-response", "-b", "256")
    with running(*words, "--trailer", "X-Digest: none", "0", str(root)) as server:
        for size in SIZES:
            answer = curl(server.port, f"/{size}.bin")
            # curl writes trailers behind the content.
            assert answer.body == octets(size) + b"x-digest: none\r\n"
            assert answer.fields["trailer"] == "x-digest"
            assert "content-length" not in answer.fields
        missing = curl(server.port, "/nowhere")
        assert (missing.status, int(missing.fields["content-length"]) > 0) == (404, True)
        assert curl(server.port, "/sub").status == 301
        assert curl(server.port, "/style.css", "-I").body == b""
        upload = curl(server.port, "/style.css", "--data-binary", f"@{root / '65536.bin'}")
        assert upload.status == 405


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("size", SIZES)
def test_echo(echoing: RunningServer, tmp_path: Path, method: str, size: int) -> None:
    answer = echo(echoing, tmp_path, octets(size), method)
    assert (answer.status, answer.body) == (200, octets(size))
    assert answer.fields["content-length"] == str(size)


def test_echo_of_much(echoing: RunningServer, tmp_path: Path) -> None:
    content = octets(1 << 20) * 20
    assert digest(echo(echoing, tmp_path, content, "POST").body) == digest(content)


@pytest.fixture(scope="module")
def echoing(root: Path) -> Iterator[RunningServer]:
    words = ("--no-tls", "-a", "127.0.0.1", "--echo-upload", "-w", "18", "-W", "20")
    with running(*words, "0", str(root)) as server:
        yield server


def echo(server: RunningServer, folder: Path, content: bytes, method: str) -> Answer:
    """What comes back for ``content``."""
    (folder / "content").write_bytes(content)
    upload = ("--data-binary", f"@{folder / 'content'}", "-X", method)
    return curl(server.port, "/anywhere", *upload)
