"""Hosts as the assembly makes them: each answers as if it was alone, whatever was asked before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.assembly import make_applications
from h2static.config import Config
from h2static.host_config import HostConfig, ListenConfig, MountConfig
from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle, lifecycle_of
from h2static.http.messages import Client, Request, Response
from h2static.http.shared import Shared
from h2static.served import Served
from h2static.server.entrance import HTTP1, HTTP2, VERSIONS, Engines, Opening
from h2static.server.pool import Pool
from h2static.site import Site
from h2static.site.config import SiteConfig
from h2static.site.hints.rules import parse_push_option
from h2static.site.rules import parse_header_rule
from h2static.site_engines import engines_beside
from h2static.virtual_hosts import VirtualHosts, labels
from tests.support.exchange import ask, read_all
from tests.support.wire_clients.http1 import Http1Client
from tests.support.wire_clients.http2 import Http2Client

NAMES = (b"a.test", b"b.test", b"x.c.test")
PATHS = (b"/", b"/same.txt", b"/only-a.txt", b"/sub/", b"/sub", b"/none", b"/m/same.txt", b"/%00")


@dataclass(slots=True, kw_only=True)
class World:
    """Hosts, and what each would be alone."""

    engines: Engines
    hosts: VirtualHosts
    alone: dict[bytes, Site] = field(default_factory=dict)

    def begin(self) -> None:
        self.hosts.served.application.new_batch()  # type: ignore[attr-defined]  # a lifecycle
        self.engines.new_batch()


def site_of(root: Path, name: str) -> SiteConfig:
    return SiteConfig(
        root=str(root / name),
        listing=name == "b",
        header=(parse_header_rule(f"/*:X-Host: {name}"),),
        push=(parse_push_option(f"/=/{name}.css"),) if name != "c" else (),
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("hosts")
    for name in ("a", "b", "c"):
        (root / name / "sub").mkdir(parents=True)
        (root / name / "index.html").write_text(f"<title>{name}</title>")
        (root / name / "same.txt").write_text(name)
        (root / name / f"{name}.css").write_text(name)
        (root / name / f"only-{name}.txt").write_text(name)
    return root


@contextmanager
def world(root: Path) -> Iterator[World]:
    mount = MountConfig(prefix="/m", site=site_of(root, "c"))
    config = Config(
        port=0,
        no_tls=True,
        hosts=(
            HostConfig(names=("a.test",), site=site_of(root, "a")),
            HostConfig(names=("b.test",), site=site_of(root, "b"), mounts=(mount,)),
            HostConfig(names=("*.c.test",), site=site_of(root, "c")),
        ),
    )
    pool = Pool(lambda text: None, 1)
    try:
        hosts = VirtualHosts(
            config,
            lambda own, label, first: make_applications(own, pool, page=None, tells=False),
            lambda own: pytest.fail("no TLS here"),
        )
        make = engines_beside(config, Shared(), hosts.served.protocols)
        yield World(engines=hosts.engines(0, 80, make), hosts=hosts)
    finally:
        pool.close()


def opening(protocol: str) -> Opening:
    return Opening(
        client=Client(version=VERSIONS[protocol]),
        now=0.0,
        notify=lambda: None,
        report=lambda text: None,
        proxied=False,
        log=None,
    )


#: What a host alone says of a path: status, X-Host, octets.
Said = tuple[int, bytes | None, bytes | None]


def expected(root: Path, name: bytes, path: bytes) -> Said:
    letter = name.removesuffix(b".test")[-1:].decode()
    base = ""
    if letter == "b" and path.startswith(b"/m"):
        letter, base = "c", "/m"
    site = Site(site_of(root, letter), clock=lambda: 1e9, base=base)
    request = Request(method=b"GET", scheme=b"http", authority=name, path=path, fields=())
    response = ask(site, request)
    return response.status, dict(response.fields).get(b"x-host"), read_all(response.body)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    asked=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(PATHS)), min_size=1, max_size=40
    ),
    http2=st.booleans(),
)
def test_whatever_was_asked_before_a_host_answers_as_if_alone(
    root: Path, asked: list[tuple[bytes, bytes]], http2: bool
) -> None:
    with world(root) as made:
        protocol = HTTP2 if http2 else HTTP1
        engine = made.engines.make(protocol, opening(protocol))
        client = Http2Client() if http2 else Http1Client()
        for name, path in asked:
            client.authority = name
            number = client.request(b"GET", path, (), content=False, length=None)
            made.begin()
            engine.receive(client.take_output(), 0.0)
            for _ in range(10):
                # Lists are made by a thread.
                while engine.jobs:
                    stream, job = engine.jobs.popleft()
                    engine.finish_job(stream, job(), 0.0)
                engine.pump(0.0, 1 << 20)
                octets = b"".join(map(bytes, engine.pending()))
                engine.sent(len(octets), 0.0)
                client.receive(octets)
                if client.replies[number].whole:
                    break
                engine.take_turn(0.0)
            reply = client.replies[number]
            fields = dict(reply.fields)
            said = reply.status, fields.get(b"x-host"), reply.content
            assert said == expected(root, name, path), (name, path)
            assert all(
                b"</%b.css>" % name[:1] in value for key, value in reply.fields if key == b"link"
            )


class Told(Lifecycle):
    """An application that counts batches."""

    batches = 0

    def new_batch(self) -> None:
        self.batches += 1

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        exchange.respond(self.refuse(404, None))

    def refuse(self, status: int, request: Request | None) -> Response:
        return Response(status=status, fields=(), body=b"")


@pytest.mark.parametrize("health", [None, "/up"])
def test_one_site_at_several_ports_is_told_of_each_batch(health: str | None) -> None:
    told = Told()
    hosts = VirtualHosts(
        Config(
            port=0,
            no_tls=True,
            health=health,
            listens=(ListenConfig(port=0, no_tls=True), ListenConfig(port=0, no_tls=True)),
        ),
        lambda own, label, first: Served(
            application=told, warnings=tuple, on_stopping=lambda: None
        ),
        lambda own: pytest.fail("no TLS here"),
    )
    lifecycle_of(hosts.served.application).new_batch()
    assert told.batches == 1


def test_labels(root: Path) -> None:
    host = HostConfig(names=("a.test", "*.a.test"), site=site_of(root, "a"))

    def label(config: Config, authority: bytes) -> str:
        of = labels(config)
        assert of is not None
        return of(Request(method=b"GET", scheme=b"http", authority=authority, path=b"/", fields=()))

    main = Config(port=0, site=site_of(root, "b"), hosts=(host,))
    assert label(main, b"x.a.test:80") == "a.test"
    assert label(main, b"B.test:80") == "b.test"
    assert label(main, b"") == "-"
    assert labels(Config(port=0)) is None
