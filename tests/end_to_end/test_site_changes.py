"""Files that change while a real server sends them, and requests that name no proper host."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.processes import DEADLINE, RunningServer, running

#: More than any window or buffer in between holds.
SIZE = 32 * 1024 * 1024


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("www")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with running("--no-tls", "-a", "127.0.0.1", "0", os.fspath(folder)) as server:
        yield server


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    url = f"http://127.0.0.1:{server.port}"
    with httpx.Client(http1=False, http2=True, base_url=url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture
def large(folder: Path) -> Path:
    path = folder / "large.bin"
    path.write_bytes(b"old " * (SIZE // 4))
    return path


def take(parts: Iterator[bytes], octets: bytearray) -> None:
    """Add ``parts`` to ``octets`` as far as they come."""
    for part in parts:
        octets += part


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("change", ["truncated", "rewritten"])
def test_a_download_of_a_file_that_was_destroyed_fails_and_nothing_else(
    client: httpx.Client, large: Path, change: str, mapped: bool
) -> None:
    if mapped:
        # Read once, it is in the page cache.
        assert client.get("/large.bin").content == b"old " * (SIZE // 4)
    with client.stream("GET", "/large.bin") as response:
        assert response.headers["content-length"] == str(SIZE)
        received = response.iter_raw()
        assert next(received)
        if change == "truncated":
            os.truncate(large, 100_000)
        else:
            with large.open("r+b") as file:
                file.write(b"new " * (SIZE // 4))
        octets = bytearray()
        with pytest.raises(httpx.RemoteProtocolError, match="StreamReset"):
            take(received, octets)
    # Nothing but what the file was when the response began; of a mapping, what was on its way.
    assert set(octets) <= (set(b"old new \0") if mapped else set(b"old "))
    assert len(octets) < SIZE
    # The connection goes on.
    assert client.get("/large.bin").status_code == 200


def test_a_file_that_was_replaced_is_sent_to_its_old_end(
    client: httpx.Client, large: Path, folder: Path
) -> None:
    with client.stream("GET", "/large.bin") as response:
        received = response.iter_raw()
        first = next(received)
        (folder / "new").write_bytes(b"new")
        (folder / "new").rename(large)
        octets = first + b"".join(received)
    assert octets == b"old " * (SIZE // 4)
    assert client.get("/large.bin").content == b"new"


def test_a_file_that_grows_is_sent_to_its_old_end(client: httpx.Client, large: Path) -> None:
    with client.stream("GET", "/large.bin") as response:
        received = response.iter_raw()
        first = next(received)
        with large.open("ab") as file:
            file.write(b"more")
        octets = first + b"".join(received)
    assert octets == b"old " * (SIZE // 4)


def test_a_fifo_holds_nobody_up(client: httpx.Client, folder: Path) -> None:
    os.mkfifo(folder / "fifo")
    assert client.get("/fifo").status_code == 404
    assert client.get("/fifo", headers={"accept-encoding": "gzip"}).status_code == 404


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ("Host: localhost", 200),
        ("Host: unknown.example:1", 200),
        ("", 400),
        ("Host:", 400),
        ("Host: a\r\nHost: b", 400),
        ("Host: a\r\nHost: a", 400),
        ("Host: user@a", 400),
        ("Host: a:99999", 400),
        ("Host: a:b", 400),
    ],
)
def test_hosts(server: RunningServer, folder: Path, fields: str, status: int) -> None:
    (folder / "index.html").write_text("index")
    lines = filter(None, ("GET / HTTP/1.1", fields, "Connection: close"))
    text = "\r\n".join(lines) + "\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), 20) as connection:
        connection.sendall(text.encode())
        answer = b""
        while octets := connection.recv(65536):
            answer += octets
    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("authority", "status"),
    [("localhost", 200), ("unknown.example:1", 200), ("user@a", 400), ("a:99999", 400)],
)
def test_authorities(client: httpx.Client, folder: Path, authority: str, status: int) -> None:
    (folder / "index.html").write_text("index")
    response = client.get("/", headers={"host": authority})
    assert response.http_version == "HTTP/2"
    assert response.status_code == status
    assert authority not in response.text
