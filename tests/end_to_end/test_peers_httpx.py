"""httpx as the client: python-hyper's h2, with its own idea of windows and tables."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clients_site import HUGE, SIZES, digest, octets, write_site
from tests.support.processes import RunningServer, running

ADDRESS = ("--no-tls", "-a", "127.0.0.1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "--echo-upload", "0", str(root)) as server:
        yield server


def client(server: RunningServer) -> httpx.AsyncClient:
    """A client that speaks nothing but HTTP/2."""
    limits = httpx.Limits(max_connections=1)
    return httpx.AsyncClient(
        http1=False,
        http2=True,
        base_url=f"http://127.0.0.1:{server.port}",
        limits=limits,
        timeout=30,
        trust_env=False,
    )


def test_interleaved_contents(server: RunningServer) -> None:
    async def main() -> list[httpx.Response]:
        async with client(server) as session:
            return await asyncio.gather(*(session.get(f"/{size}.bin") for size in SIZES * 10))

    for answer, size in zip(asyncio.run(main()), SIZES * 10, strict=True):
        assert answer.http_version == "HTTP/2"
        assert (answer.status_code, answer.content) == (200, octets(size))


def test_methods_and_statuses(server: RunningServer) -> None:
    cases = [
        ("HEAD", "/65536.bin", {}, 200),
        ("HEAD", "/nowhere", {}, 404),
        ("GET", "/nowhere", {}, 404),
        ("GET", "/sub", {}, 301),
        ("DELETE", "/", {}, 405),
        ("FOO", "/", {}, 501),
        ("GET", "/65536.bin", {"range": "bytes=0-0"}, 206),
        ("GET", "/65536.bin", {"range": "bytes=70000-"}, 416),
    ]

    async def main() -> list[httpx.Response]:
        async with client(server) as session:
            return [
                await session.request(method, path, headers=fields)
                for method, path, fields, _ in cases
            ]

    got = asyncio.run(main())
    assert [answer.status_code for answer in got] == [case[3] for case in cases]
    assert [answer.content for answer in got[:2]] == [b"", b""]
    assert got[3].headers["location"] == "/sub/"
    assert got[6].content == octets(65_536)[:1]


def test_a_redirect_is_followed(server: RunningServer) -> None:
    async def main() -> httpx.Response:
        async with client(server) as session:
            return await session.get("/sub?x=1", follow_redirects=True)

    answer = asyncio.run(main())
    assert answer.status_code == 200
    assert str(answer.url).endswith("/sub/?x=1")


def test_not_modified(server: RunningServer) -> None:
    async def main() -> tuple[httpx.Response, httpx.Response]:
        async with client(server) as session:
            first = await session.get("/style.css")
            condition = {"if-none-match": first.headers["etag"]}
            return first, await session.get("/style.css", headers=condition)

    first, second = asyncio.run(main())
    assert (second.status_code, second.content) == (304, b"")
    for name in ("etag", "cache-control"):
        assert second.headers[name] == first.headers[name]


@pytest.mark.parametrize("size", SIZES)
def test_echo(server: RunningServer, size: int) -> None:
    # One after the other: uploads that share a connection's window can wait for each other for
    # ever in httpx, whichever the server.
    async def main() -> list[httpx.Response]:
        async with client(server) as session:
            return [await session.post("/anywhere", content=octets(size)) for _ in range(5)]

    for answer in asyncio.run(main()):
        assert (answer.status_code, answer.content) == (200, octets(size))


def test_a_download_that_is_left(server: RunningServer) -> None:
    """httpx neither resets the stream nor returns the credit of what still comes."""
    part = {"range": f"bytes=0-{(4 << 20) - 1}"}

    async def main() -> tuple[bytes, bytes]:
        async with client(server) as session:
            begun = b""
            async with session.stream("GET", "/huge.bin", headers=part) as answer:
                assert answer.status_code == 206
                assert answer.headers["content-range"] == f"bytes 0-4194303/{HUGE}"
                async for piece in answer.aiter_bytes():
                    begun += piece
                    if len(begun) >= 1 << 20:
                        break
            return begun, (await session.get("/16385.bin")).content

    begun, content = asyncio.run(main())
    assert begun[: 1 << 20] == octets(1 << 20)
    assert digest(content) == digest(octets(16_385))
