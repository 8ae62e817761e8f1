"""``h2static.assembly``: what a configuration comes to, and what is not imported for it."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from h2static import h2
from h2static.assembly import make_applications, make_entrances
from h2static.client.options import default_settings
from h2static.config import Config
from h2static.host_config import MountConfig
from h2static.http.counters import Counters
from h2static.http.lifecycle import lifecycle_of
from h2static.http.messages import Client, Request
from h2static.http.shared import Shared
from h2static.served import Served
from h2static.server.entrance import HTTP1, HTTP2, VERSIONS, Opening
from h2static.server.pool import Pool
from h2static.server.response_options import ResponseOptions
from h2static.site import Site
from h2static.site.config import SiteConfig
from h2static.site.hints.rules import parse_push_option
from tests.support.exchange import ask, read_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html><title>t</title>")
    return tmp_path


def config(root: Path, **values: object) -> Config:
    settings = {"port": 0, "no_tls": True, "site": SiteConfig(root=str(root)), **values}
    return Config(**settings)  # type: ignore[arg-type]  # by name


@contextmanager
def applications(made: Config, *, page: str | None = None) -> Iterator[Served]:
    pool = Pool(lambda text: None)
    served = make_applications(made, pool, page=page, tells=False)
    try:
        yield served
    finally:
        lifecycle_of(served.application).stop()
        pool.close()


def request(path: bytes = b"/") -> Request:
    fields = ((b"accept", b"text/html"),)
    return Request(method=b"GET", scheme=b"http", authority=b"localhost", path=path, fields=fields)


def test_the_site_alone(root: Path) -> None:
    with applications(config(root)) as served:
        assert isinstance(served.application, Site)
        assert served.warnings() == ()
        served.on_stopping()


def test_what_is_asked_for_stands_around_it(root: Path) -> None:
    with applications(config(root, cors=True, dev=True, health="/up")) as served:
        page = ask(served.application, request())
        assert b"access-control-allow-origin" in dict(page.fields)
        assert b"/.h2static/" in read_all(page.body)
        health = ask(served.application, request(b"/up"))
        assert (health.status, health.body) == (200, b"ok\n")
        assert b"access-control-allow-origin" not in dict(health.fields)
        served.on_stopping()
        assert ask(served.application, request(b"/up")).status == 503


def test_a_page_to_open_needs_no_live_reload(root: Path) -> None:
    with applications(config(root, open=True), page="http://localhost:1/") as served:
        assert not isinstance(served.application, Site)
        assert b"/.h2static/" not in read_all(ask(served.application, request()).body)


def opening(protocol: str, *, proxied: bool = False) -> Opening:
    return Opening(
        client=Client(version=VERSIONS[protocol]),
        now=0.0,
        notify=lambda: None,
        report=lambda text: None,
        proxied=proxied,
        log=None,
    )


@contextmanager
def listening(count: int) -> Iterator[list[socket.socket]]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    try:
        yield sockets
    finally:
        for one in sockets:
            one.close()


def test_entrances_share_engines_and_application(root: Path) -> None:
    with listening(2) as sockets, applications(config(root)) as served:
        made = make_entrances(config(root), sockets, served.application, Shared())
        assert [one.socket for one in made] == sockets
        assert made[0].engines is made[1].engines
        assert made[0].application is served.application
        assert made[0].engines.protocols == (HTTP2, HTTP1)
        for protocol in (HTTP2, HTTP1):
            engine = made[0].engines.make(protocol, opening(protocol))
            assert engine.counters == Counters()
            engine.abandon()


def test_http2_only(root: Path) -> None:
    made = config(root, http2_only=True)
    with listening(1) as sockets, applications(made) as served:
        (entrance,) = make_entrances(made, sockets, served.application, Shared())
        assert entrance.engines.protocols == (HTTP2,)


def test_a_mount_pushes_what_a_client_has_not_asked_for(root: Path, tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a{}")
    site = SiteConfig(root=str(root), push=(parse_push_option("/docs/=/docs/a.css"),))
    made = config(root, mounts=(MountConfig(prefix="/docs", site=site),))
    with listening(1) as sockets, applications(made) as served:
        (entrance,) = make_entrances(made, sockets, served.application, Shared())
        for asked, promised in (((), [b"/docs/a.css"]), ((b"/docs/a.css",), [])):
            engine = entrance.engines.make(HTTP2, opening(HTTP2))
            client = h2.Connection(h2.CLIENT, settings=default_settings(enable_push=True))
            promises = []
            for path in (*asked, b"/docs/"):
                client.request(replace(request(path), fields=()))
                engine.receive(client.octets_to_send(), 0.0)
                engine.pump(0.0, 1 << 20)
                octets = b"".join(map(bytes, engine.pending()))
                engine.sent(len(octets), 0.0)
                events = client.receive(octets)
                promises += [
                    one.request.path for one in events if isinstance(one, h2.PromiseReceived)
                ]
            assert promises == promised
            engine.abandon()


def promises_of(made: Config, path: bytes) -> tuple[list[bytes], tuple[str, ...]]:
    """What a browser that asks for ``path`` is promised, and what the owner is told."""
    with listening(1) as sockets, applications(made) as served:
        (entrance,) = make_entrances(made, sockets, served.application, Shared())
        engine = entrance.engines.make(HTTP2, opening(HTTP2))
        client = h2.Connection(h2.CLIENT, settings=default_settings(enable_push=True))
        client.request(replace(request(path), fields=()))
        engine.receive(client.octets_to_send(), 0.0)
        engine.pump(0.0, 1 << 20)
        events = client.receive(b"".join(map(bytes, engine.pending())))
        engine.abandon()
        found = [one.request.path for one in events if isinstance(one, h2.PromiseReceived)]
        return found, served.warnings()


def test_what_a_page_pushes_may_be_anothers(tmp_path: Path) -> None:
    """Of a mount, of the site around it, and never what a mount hides."""
    for name in ("main", "docs", "deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
        (tmp_path / name / f"{name}.css").write_text(name)
    (tmp_path / "main" / "docs").mkdir()
    (tmp_path / "main" / "docs" / "hidden.css").write_text("hidden")
    every = "/main.css,/docs/docs.css,/docs/deep/deep.css,/docs/hidden.css"

    def site(name: str, page: str) -> SiteConfig:
        return SiteConfig(root=str(tmp_path / name), push=(parse_push_option(f"{page}={every}"),))

    made = Config(
        port=0,
        no_tls=True,
        site=site("main", "/"),
        mounts=(
            MountConfig(prefix="/docs", site=site("docs", "/docs/")),
            MountConfig(prefix="/docs/deep", site=site("deep", "/docs/deep/")),
        ),
    )
    expected = [b"/main.css", b"/docs/docs.css", b"/docs/deep/deep.css"]
    for page in (b"/", b"/docs/", b"/docs/deep/"):
        promised, told = promises_of(made, page)
        assert promised == expected
        # Each is told of what itself has not.
        assert told == ("/docs: push rule for /docs/: /docs/hidden.css does not exist",)


@pytest.mark.parametrize(
    "values", [{"trailers": ((b"x", b"y"),)}, {"no_content_length": True}, {"early_response": True}]
)
def test_options_for_those_who_test_clients(root: Path, values: dict[str, object]) -> None:
    made = config(root, **values)
    with listening(1) as sockets, applications(made) as served:
        (entrance,) = make_entrances(made, sockets, served.application, Shared())
        assert isinstance(entrance.application, ResponseOptions)


LAZY = """
import socket, sys
from h2static.assembly import assemble
from h2static.config import Config
from h2static.site.config import SiteConfig
with socket.create_server(("127.0.0.1", 0)) as one:
    assemble(Config(port=0, no_tls=True, site=SiteConfig(root=sys.argv[1])), [one], several=False)
unwanted = (
    "h2static.dev", "h2static.http1", "h2static.localca", "h2static.server.tls",
    "h2static.logs.access", "h2static.logs.frames", "h2static.server.health",
    "h2static.server.response_options", "h2static.virtual_hosts", "h2static.host_router",
    "h2static.server.certificates", "h2static.router", "h2static.documents", "h2static.hosting",
    "cryptography", "watchfiles", "jsonschema",
)
print(*[name for name in sys.modules if name.startswith(unwanted)])
"""


def test_what_is_not_asked_for_is_not_imported(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LAZY, str(root)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
