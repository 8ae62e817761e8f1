"""Applications as people write them, behind the server, by HTTP/1.1 and HTTP/2."""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import anyio
import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from h2static import Config, serve
from h2static.asgi.types import AsgiCallable
from tests.frameworks.contract import COUNT, PIECE, Diary
from tests.support.processes import DEADLINE
from tests.support.tools import in_ci

pytestmark = [
    pytest.mark.anyio,
    # Some frameworks leave files to the collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

FRAMEWORKS = ("starlette", "fastapi", "quart", "litestar", "django")
#: Django has no lifespan and no tasks that follow a response.
WITH_LIFESPAN = FRAMEWORKS[:-1]
FILE = bytes(range(256)) * 1_000


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(slots=True, kw_only=True)
class Hosting:
    """An application that is served."""

    http: httpx.AsyncClient
    port: int
    diary: Diary

    def socket(self, path: str, **options: object) -> connect:
        options.setdefault("proxy", None)
        return connect(f"ws://127.0.0.1:{self.port}{path}", **options)  # type: ignore[arg-type]


@asynccontextmanager
async def hosting(name: str, folder: Path, *, http2: bool = True) -> AsyncIterator[Hosting]:
    """Serve the application of the framework ``name``."""
    try:
        module = importlib.import_module(f"tests.frameworks.in_{name}")
    except ImportError as error:
        if in_ci():
            raise
        pytest.skip(f"{error}: pip install --group applications")
    file = folder / "file.bin"
    file.write_bytes(FILE)
    diary = Diary()
    make = cast("Callable[[Path, Diary], AsgiCallable]", module.make)
    config = Config(
        port=0,
        no_tls=True,
        addresses=("127.0.0.1",),
        error_log=str(folder / "errors"),
    )
    async with (
        serve(config, make(file, diary)) as server,
        httpx.AsyncClient(
            http1=not http2, http2=http2, base_url=server.urls[0], timeout=DEADLINE
        ) as http,
    ):
        yield Hosting(http=http, port=server.port, diary=diary)


async def noted(diary: Diary, line: str) -> None:
    """Wait until the diary has ``line``."""
    with anyio.fail_after(DEADLINE):
        await diary.wait_for(line)


@pytest.mark.filterwarnings("ignore:StreamingHttpResponse must consume synchronous iterators")
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_requests(name: str, http2: bool, tmp_path: Path) -> None:
    async with hosting(name, tmp_path, http2=http2) as it:
        http = it.http
        hello = await http.get("/hello", params={"name": "wörld & all"})
        assert hello.text == "hello wörld & all"
        assert hello.headers["x-host"] == f"127.0.0.1:{it.port}"
        assert hello.headers["content-length"] == str(len(hello.content))
        assert (await http.head("/hello")).content == b""
        assert (await http.get("/nothing")).status_code == 404

        large = os.urandom(1_000_000)
        assert (await http.post("/echo", content=large)).content == large
        assert (await http.post("/echo", content=b"")).content == b""
        assert (await http.post("/count", content=_pieces(large))).text == "1000000"
        form = await http.post(
            "/form", data={"field": "a value"}, files={"file": ("name.bin", large)}
        )
        assert form.text == "a value name.bin 1000000"

        assert (await http.get("/stream")).content == PIECE * COUNT
        where = await http.get("/where")
        assert where.text == f"http://127.0.0.1:{it.port}/where"

        cookies = await http.get("/cookies", headers={"cookie": "b=1; a=2"})
        assert cookies.text == "a b"
        assert len(cookies.headers.get_list("set-cookie")) == 2

        download = await http.get("/download")
        assert download.content == FILE
        assert (await http.get("/fail")).status_code == 500
        assert (await http.get("/hello")).status_code == 200


async def _pieces(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 10_000):
        yield content[start : start + 10_000]


@pytest.mark.parametrize("name", ["starlette", "fastapi", "quart"])
async def test_part_of_a_file(name: str, tmp_path: Path) -> None:
    async with hosting(name, tmp_path) as it:
        part = await it.http.get("/download", headers={"range": "bytes=1000-1999"})
        assert part.status_code == 206
        assert part.content == FILE[1_000:2_000]


@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_client_that_goes_in_the_middle(name: str, http2: bool, tmp_path: Path) -> None:
    async with hosting(name, tmp_path, http2=http2) as it:
        # A client of its own: with HTTP/2, httpx resets no streams.
        async with (
            httpx.AsyncClient(
                http1=not http2, http2=http2, base_url=it.http.base_url, timeout=DEADLINE
            ) as http,
            http.stream("GET", "/endless") as endless,
        ):
            async for piece in endless.aiter_raw():
                assert piece.startswith(PIECE[:10])
                break
        await noted(it.diary, "gone")
        assert (await it.http.get("/hello")).status_code == 200
    errors = tmp_path / "errors"
    assert "raised" not in errors.read_text(), "it is no error of the application"


@pytest.mark.parametrize("name", WITH_LIFESPAN)
async def test_start_and_end(name: str, tmp_path: Path) -> None:
    async with hosting(name, tmp_path) as it:
        assert it.diary.lines == ["start"]
        assert (await it.http.get("/state")).text == "state"
        assert (await it.http.get("/later")).text == "now"
        await noted(it.diary, "later")
    assert it.diary.lines == ["start", "later", "stop"]


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_websockets(name: str, tmp_path: Path) -> None:
    async with hosting(name, tmp_path) as it:
        async with it.socket("/ws", subprotocols=["other", "chat"]) as socket:
            assert socket.subprotocol == "chat"
            for text in ("one", "zwölf", "x" * 100_000, ""):
                await socket.send(text)
                assert await _received(socket) == text
        await noted(it.diary, "left")
        async with it.socket("/ws") as socket:
            assert socket.subprotocol is None
        async with it.socket("/close") as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await _received(socket)
            assert closed.value.rcvd is not None
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4001, "enough")
        with pytest.raises(InvalidStatus) as denied:
            await it.socket("/deny")
        assert denied.value.response.status_code == 403


async def _received(socket: ClientConnection) -> str | bytes:
    with anyio.fail_after(DEADLINE):
        return await socket.recv()
