"""The fixture ``h2server`` and what it gives: servers, exchanges, frames to be held to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from h2static import Config, SiteConfig
from h2static.client import ConnectError
from h2static.h2get.script.model import ScriptError
from h2static.http2.frames import GoAway
from h2static.site.config import HintSource
from h2static.testing import Exchange, Peer, ServerFactory
from tests.support.fake_server import Visitor, fake_server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<link rel=stylesheet href=a.css>hello")
    (tmp_path / "a.css").write_text("body {}")
    return tmp_path


def test_a_folder(h2server: ServerFactory, folder: Path) -> None:
    server = h2server(folder)
    page = server.get("/", [("x-mine", "1")])
    assert isinstance(page, Exchange)
    assert (page.status, page.content) == (200, b"<link rel=stylesheet href=a.css>hello")
    assert page.header("Content-Type") == "text/html; charset=utf-8"
    assert page.header("x-none") is None
    page.expect("SETTINGS", "HEADERS stream=1 :status=200", "DATA stream=1 END_STREAM")
    page.never("RST_STREAM", "GOAWAY code!=NO_ERROR")
    assert server.get("/none").status == 404


def test_what_does_not_hold(h2server: ServerFactory, folder: Path) -> None:
    page = h2server(str(folder)).get("/")
    with pytest.raises(
        AssertionError, match=r"frames differ:\n(.*\n)*--> expected: 404\n"
    ) as raised:
        page.expect("200 stream=1", "404")
    assert "HEADERS stream=1 :status=200" in str(raised.value)
    with pytest.raises(AssertionError, match="--> expected: no DATA"):
        page.never("DATA")
    with pytest.raises(ScriptError):
        page.expect("NOTHING")


def test_several_servers_and_configurations(h2server: ServerFactory, folder: Path) -> None:
    site = SiteConfig(root=str(folder), hints=HintSource.AUTO)
    config = Config(port=0, no_tls=True, addresses=("127.0.0.1",), site=site)
    pushing, plain = h2server(config), h2server(folder)
    assert pushing.url != plain.url
    assert plain.get("/").pushes == ()
    page = pushing.get("/")
    assert page.pushes == (("/a.css", b"body {}"),)
    page.expect("PUSH_PROMISE stream=1 promised=2 :path=/a.css", "200 stream=2")


def test_scripts(h2server: ServerFactory, folder: Path) -> None:
    server = h2server(folder)
    server.run_script("handshake\n> GET $path stream=1\n< 200 stream=1\nalive\n", path="/a.css")
    server.run_script("handshake\n> PING stream=1\nconnection-error PROTOCOL_ERROR last_stream=0\n")
    with pytest.raises(AssertionError, match=r"--> expected: 404 stream=1\n--> got: HEADERS"):
        server.run_script("handshake\n> GET / stream=1\n< 404 stream=1\n")
    with pytest.raises(ScriptError, match=r"script:1: 'nonsense' is not a step"):
        server.run_script("nonsense\n")


def test_other_servers() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, _ = visitor.request()
        visitor.send(
            visitor.head(stream, (b":status", b"103"), (b"link", b"</a>")),
            visitor.head(stream, (b":status", b"200")),
            GoAway(last_stream_id=1, code=0),
            visitor.head(stream, (b"x-sum", b"1"), end=True),
        )
        visitor.read_to_end()

    with fake_server(serve) as server:
        answer = Peer(server.url).request("POST", "/", content=b"x", trailers=[("x-t", "1")])
    assert answer.informational == (103,)
    assert answer.trailers == ((b"x-sum", b"1"),)
    answer.expect("103", "200", "GOAWAY", "HEADERS END_STREAM x-sum=1")
    with pytest.raises(ConnectError):
        Peer("http://127.0.0.1:1/").get("/")


def test_pytest_finds_it(tmp_path: Path) -> None:
    """And a run that does not ask for it loads nothing of it."""
    (tmp_path / "test_it.py").write_text(
        "import sys\n"
        "def test_without():\n"
        "    assert 'h2static.client' not in sys.modules and 'anyio' not in sys.modules\n"
        "def test_with(h2server, tmp_path):\n"
        "    assert h2server(tmp_path).get('/none').status == 404\n"
    )
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:anyio", "test_it.py")
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
