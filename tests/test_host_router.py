"""Which host a request belongs to, and that nothing of one reaches another."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.host_router import Host, HostRouter, Hosts
from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.site.refusals import Refusals
from tests.support.exchange import FakeExchange, ask


class Named(Lifecycle):
    """Answers with its name, sometimes prepared, and counts what it is told."""

    def __init__(self, name: str, *, prepared: bool = True) -> None:
        self.response = Response(status=200, fields=(), body=name.encode(), prepared=prepared)
        self.told: list[str] = []

    def recall(self, request: Request) -> Response | None:
        return self.response if self.response.prepared else None

    def handle(self, exchange: Exchange) -> None:
        exchange.respond(self.response)

    def refuse(self, status: int, request: Request | None) -> Response:
        return Response(status=status, fields=(), body=self.response.body)

    def new_batch(self) -> None:
        self.told.append("batch")

    def start(self) -> None:
        self.told.append("start")

    def shrink(self) -> None:
        self.told.append("shrink")


def request_for(authority: bytes) -> Request:
    return Request(method=b"GET", scheme=b"https", authority=authority, path=b"/", fields=())


A, B, REST = Named("a"), Named("b", prepared=False), Named("rest")


def make(*, default: bool, here: bool = True) -> HostRouter:
    hosts = [Host("a.test", ["a.test", "::1"], A), Host("b", ["*.b.test"], B)]
    rest = Host("", [], REST) if default else None
    every = [*hosts, rest] if rest is not None else hosts
    return HostRouter(
        Hosts(every, rest), Refusals(), lambda host, name: here or host is not hosts[1]
    )


@pytest.mark.parametrize(
    ("authority", "name"),
    [
        (b"a.test", "a"),
        (b"A.TEST.:8443", "a"),
        (b"[::1]:1", "a"),
        (b"x.b.test", "b"),
        (b"b.test", "rest"),
        (b"x.y.b.test", "rest"),
        (b"127.0.0.1:8443", "rest"),
        (b"", "rest"),
    ],
)
def test_by_authority(authority: bytes, name: str) -> None:
    router = make(default=True)
    for _ in range(2):
        assert ask(router, request_for(authority)).body == name.encode()


@pytest.mark.parametrize("authority", [b"c.test", b"", b"127.0.0.1"])
def test_nobodys_name_is_421_without_a_default(authority: bytes) -> None:
    """RFC 9110 section 15.5.20; nothing may keep it, and the error log is told why."""
    response = ask(make(default=False), request_for(authority))
    assert response.status == 421
    assert [field for field in response.fields if field[0] == b"cache-control"] == [
        (b"cache-control", b"no-store")
    ]
    assert not response.prepared
    assert "no host has this name" in (response.refusal or "")


def test_a_host_that_is_not_reached_is_421_also_where_there_is_a_default() -> None:
    router = make(default=True, here=False)
    assert router.recall(request_for(b"x.b.test")) is None
    response = ask(router, request_for(b"x.b.test"))
    assert response.status == 421
    assert "not served" in (response.refusal or "")
    assert ask(router, request_for(b"a.test")).body == b"a"


def test_refusals_are_the_hosts_own() -> None:
    router = make(default=False)
    assert router.refuse(400, request_for(b"a.test")).body == b"a"
    assert router.refuse(400, request_for(b"x.b.test")).body == b"b"
    for request in (None, request_for(b"c.test")):
        body = router.refuse(400, request).body
        assert isinstance(body, bytes)
        assert b"400" in body


def test_only_who_is_asked_is_told_of_a_batch() -> None:
    one, other = Named("1"), Named("2")
    hosts = Hosts([Host("1", ["1.test"], one), Host("2", ["2.test"], other)], None)
    routers = [HostRouter(hosts, Refusals()) for _ in range(2)]
    for router in routers:
        router.start()
    for batch in range(1, 4):
        routers[0].new_batch()
        for router in routers:
            router.recall(request_for(b"1.test"))
            router.handle(FakeExchange(request_for(b"1.test")))
        assert one.told.count("batch") == batch
    assert "batch" not in other.told
    assert other.told == ["start", "start"]


def test_where_memory_is_short_every_host_is_told() -> None:
    one, other = Named("1"), Named("2")
    hosts = Hosts([Host("1", ["1.test"], one), Host("2", ["2.test"], other)], None)
    HostRouter(hosts, Refusals()).shrink()
    assert one.told == other.told == ["shrink"]


def test_what_is_remembered_is_bounded() -> None:
    router = make(default=True)
    for number in range(1_000):
        assert ask(router, request_for(b"h%d.test" % number)).body == b"rest"
        assert ask(router, request_for(b"a.test:%d" % number)).body == b"a"
    assert ask(router, request_for(b"x" * 900 + b".b.test")).body == b"b"


@given(
    order=st.lists(
        st.sampled_from(
            [b"a.test", b"A.test:1", b"x.b.test", b"y.b.test.", b"c.test", b"[::1]", b""]
        ),
        max_size=60,
    ),
    default=st.booleans(),
)
def test_whatever_was_asked_before_each_has_its_own(order: list[bytes], default: bool) -> None:
    router = make(default=default)
    expected = {b"a.test": b"a", b"A.test:1": b"a", b"[::1]": b"a"}
    expected |= {b"x.b.test": b"b", b"y.b.test.": b"b"}
    for authority in order:
        response = ask(router, request_for(authority))
        if authority in expected:
            assert response.body == expected[authority]
        else:
            assert (response.body == b"rest") if default else response.status == 421
