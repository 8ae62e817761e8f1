"""The recipes of docs/applications.md do what they say."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from h2static import serve
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.anyio

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "applications.md").read_text()
ROUTES, TRAILERS, DECORATORS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def names_of(*blocks: str) -> dict[str, object]:
    """What the blocks define, one after the other."""
    names: dict[str, object] = {}
    for block in blocks:
        exec(block, names)
    return names


async def test_routes() -> None:
    pytest.importorskip("starlette")
    app = names_of(ROUTES)["app"]
    async with (
        serve(app) as server,  # type: ignore[arg-type]  # the text says what it is
        httpx.AsyncClient(
            http2=True, http1=False, base_url=server.urls[0], timeout=DEADLINE
        ) as http,
    ):
        assert (await http.get("/hello/you")).text == "hello you"
        assert (await http.get("/events")).text.count("data: ") == 10
        assert (await http.post("/upload", content=bytes(200_000))).text == "200000"


async def test_trailers_and_decorators() -> None:
    pytest.importorskip("starlette")
    app = names_of(TRAILERS)["app"]
    async with (
        serve(app) as server,  # type: ignore[arg-type]  # as above
        httpx.AsyncClient(base_url=server.urls[0], timeout=DEADLINE) as http,
    ):
        assert (await http.get("/", headers={"te": "trailers"})).text == "content"
    routes = names_of(ROUTES, DECORATORS)["routes"]
    assert isinstance(routes, list)
    assert [one.path for one in routes] == ["/hello"]
