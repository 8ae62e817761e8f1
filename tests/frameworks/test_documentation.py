"""The recipes of docs/applications.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from h2static import serve
from h2static.client import ConnectOptions, connect
from h2static.client.options import default_settings
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.anyio

_ROOT = Path(__file__).resolve().parents[2]


def blocks_of(text: str) -> list[str]:
    return re.findall(r"```python[^\n]*\n(.*?)```", text, re.DOTALL)


SHOP, TRAILERS, DECORATORS = blocks_of((_ROOT / "docs" / "applications.md").read_text())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def names_of(*blocks: str) -> dict[str, object]:
    """What the blocks define, one after the other."""
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    return names


async def test_the_shop() -> None:
    pytest.importorskip("starlette")
    app = names_of(SHOP)["app"]
    async with serve(app) as server:  # type: ignore[arg-type]  # as above
        url = server.urls[0]
        options = ConnectOptions(settings=default_settings(enable_push=True))
        async with connect(url, options) as http:
            pushed = await http.get("/hello/you")
            assert (await pushed.read()) == b"hello you"
            assert [one.request.path for one in pushed.pushes] == [b"/style.css"]
            report = await http.get("/report/", headers=[("te", "trailers")])
            assert await report.read() == b"content"
            assert report.trailers == ((b"x-sum", b"42"),)
            assert [one.status for one in report.informational] == [103]
            assert (await (await http.get("/events")).read()).count(b"data: ") == 10
            sent = await http.request("POST", "/upload", content=bytes(200_000))
            assert await sent.read() == b"200000"
            async with http.websocket("/echo") as socket:
                await socket.send("to you too")
                assert await socket.receive() == "to you too"


async def test_trailers_and_decorators() -> None:
    pytest.importorskip("starlette")
    app = names_of(TRAILERS)["app"]
    async with (
        serve(app) as server,  # type: ignore[arg-type]  # as above
        httpx.AsyncClient(base_url=server.urls[0], timeout=DEADLINE) as http,
    ):
        assert (await http.get("/", headers={"te": "trailers"})).text == "content"
    routes = names_of(SHOP, DECORATORS)["routes"]
    assert isinstance(routes, list)
    assert [one.path for one in routes] == ["/hello"]
