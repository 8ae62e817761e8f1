"""Applications that a program serves itself."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from h2static import Config, SiteConfig, serve
from h2static.asgi.types import Receive, Scope, Send
from tests.asgi.support import body, start
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.anyio


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    """Say where a request came to."""
    if scope["type"] != "http":
        raise NotImplementedError
    await send(start(200))
    await send(body(f"{scope['root_path']}|{scope['path']}".encode()))


def config(**values: object) -> Config:
    settings = {"port": 0, "no_tls": True, "addresses": ("127.0.0.1",), **values}
    return Config(**settings)  # type: ignore[arg-type]  # names of its attributes


async def get(port: int, *paths: str) -> list[str]:
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, timeout=DEADLINE) as client:
        return [(await client.get(path)).text for path in paths]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a file, which is the current one."""
    (tmp_path / "secret.py").write_text("a file")
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def test_an_application_is_enough(folder: Path) -> None:
    async with serve(application) as server:
        assert await get(server.port, "/secret.py") == ["|/secret.py"]
        hosts = {address[0] for address in server.addresses}
        assert hosts <= {"127.0.0.1", "::1"}, "nobody has asked for more than this machine"


async def test_no_folder_is_served_unless_it_is_named(folder: Path) -> None:
    async with serve(config(), application) as server:
        assert await get(server.port, "/secret.py") == ["|/secret.py"]


async def test_a_folder_and_applications(folder: Path) -> None:
    site = SiteConfig(root=str(folder))
    apps = {"": application, "/api": application}
    async with serve(config(site=site), apps) as server:
        assert await get(server.port, "/secret.py", "/x", "/api/secret.py") == [
            "a file",
            "|/x",
            "/api|/api/secret.py",
        ]


async def test_nothing_to_serve() -> None:
    with pytest.raises(ValueError, match="nothing to serve: neither a folder nor an application"):
        async with serve(config()):
            raise AssertionError
