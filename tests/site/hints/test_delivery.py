"""The decision: which targets are delivered, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.exchange import ResponseJob
from h2static.http.fields import Field
from h2static.http.hints import MAX_SEEN, Delivery, PushClient, Seen
from h2static.http.messages import Request, Response
from h2static.site.hints.cookie import CookieDigest, read_digest
from h2static.site.hints.delivery import (
    PromisedRequests,
    PushHints,
    PushMode,
    PushPolicy,
    promised_request,
)
from h2static.site.hints.rules import ALWAYS, Condition, Entry, parse_push_option
from h2static.site.hints.targets import PushTarget, make_target
from h2static.site.limits import DEFAULTS
from tests.site.harness import field, make_client, write

CSS, JS, PNG = make_target("/a.css"), make_target("/b.js"), make_target("/c.png")
OTHER, PRINT = make_target("https://cdn/x.css"), make_target("/p.css", media="print")
PLAIN = make_target("/d")

NAVIGATE = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document"))
NO_CORS = ((b"sec-fetch-mode", b"no-cors"), (b"sec-fetch-dest", b"script"))


def request(
    *fields: Field, method: bytes = b"GET", path: bytes = b"/", authority: bytes = b"here"
) -> Request:
    return Request(
        method=method, scheme=b"https", authority=authority, path=path, fields=tuple(fields)
    )


def found(etag: bytes = b'"1"') -> Response:
    return Response(status=200, fields=((b"etag", etag),))


def all_there(request: Request) -> Response:
    return found()


class Sent(NamedTuple):
    """A delivery in the terms of these tests."""

    promises: tuple[bytes, ...] = ()
    early: bytes = b""
    link: bytes = b""


def sent(delivery: Delivery) -> Sent:
    assert all(name == b"link" for name, _ in delivery.early)
    return Sent(
        promises=tuple(promise.request.path for promise in delivery.promises),
        early=dict(delivery.early).get(b"link", b""),
        link=dict(delivery.fields).get(b"link", b""),
    )


def pushing(free_streams: int = 100, seen: Seen | None = None) -> PushClient:
    return PushClient(
        multiplexed=True, push_enabled=True, free_streams=free_streams, seen=seen or Seen()
    )


def hinting(seen: Seen | None = None) -> PushClient:
    return PushClient(multiplexed=True, seen=seen or Seen())


def old() -> PushClient:
    return PushClient(multiplexed=False, seen=Seen())


def always(*targets: PushTarget) -> tuple[Entry, ...]:
    return tuple((ALWAYS, target) for target in targets)


def delivered(
    client: PushClient,
    *fields: Field,
    wanted: tuple[Entry, ...] = always(CSS, JS),
    status: int = 200,
    mode: PushMode = PushMode.AUTO,
    method: bytes = b"GET",
) -> Sent:
    hints = PushHints(entries=wanted, policy=PushPolicy(mode=mode, look=all_there))
    return sent(hints.deliver(request(*fields, method=method), status, client))


BOTH = CSS.link + b", " + JS.link


def test_push_when_the_client_allows_it() -> None:
    assert delivered(pushing()) == Sent(promises=(CSS.path, JS.path))


def test_early_hints_when_it_does_not() -> None:
    assert delivered(hinting()) == Sent(early=BOTH, link=BOTH)
    assert delivered(hinting(), *NAVIGATE) == Sent(early=BOTH, link=BOTH)


@pytest.mark.parametrize(
    "fields",
    [
        NO_CORS,
        # A frame is navigated too, and browsers ignore hints there.
        ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"iframe")),
        ((b"sec-fetch-dest", b"script"),),
        ((b"sec-fetch-mode", b"cors"),),
    ],
)
def test_link_on_what_is_no_top_level_navigation(fields: tuple[Field, ...]) -> None:
    assert delivered(hinting(), *fields) == Sent(link=BOTH)


def test_never_early_on_http_1() -> None:
    """RFC 8297 section 3."""
    assert delivered(old(), *NAVIGATE) == Sent(link=BOTH)


@pytest.mark.parametrize("status", [206, 301, 302, 304, 403, 404, 405, 416, 500])
@pytest.mark.parametrize("client", [pushing(), hinting(), old()])
def test_only_200_brings_anything(status: int, client: PushClient) -> None:
    assert delivered(client, status=status) == Sent()


@pytest.mark.parametrize(
    "name", ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range",
             "range"]
)  # fmt: skip
def test_no_push_for_conditional_requests(name: str) -> None:
    assert delivered(pushing(), (name.encode(), b"x")) == Sent(early=BOTH, link=BOTH)


def test_head_says_what_get_would_link() -> None:
    assert delivered(pushing(), method=b"HEAD") == Sent(link=BOTH)
    assert delivered(hinting(), method=b"HEAD") == Sent(link=BOTH)
    assert delivered(pushing(), method=b"POST") == Sent()


def test_what_was_sent_is_not_sent_again() -> None:
    memory = Seen()
    memory.add(b"here", b"/a.css")
    memory.add(b"elsewhere", b"/b.js")
    # Hints cost next to nothing and start a revalidation early.
    assert delivered(hinting(seen=memory)).early == BOTH
    assert delivered(pushing(seen=memory)) == Sent(promises=(JS.path,))
    assert delivered(pushing(seen=memory)) == Sent()


def test_a_full_memory_ends_pushes() -> None:
    memory = Seen()
    for number in range(MAX_SEEN):
        assert not memory.full
        memory.add(b"here", b"/%d" % number)
    assert memory.full
    memory.add(b"here", b"/one more")
    assert not memory.has(b"here", b"/one more")
    assert delivered(pushing(seen=memory)) == Sent(early=BOTH, link=BOTH)


def test_streams_that_the_client_allows() -> None:
    """RFC 9113 section 5.1.2: promised streams that are open count against the client's limit."""
    assert delivered(pushing(1)) == Sent(promises=(CSS.path,), early=JS.link, link=JS.link)
    assert delivered(pushing(0)) == Sent(early=BOTH, link=BOTH)


def test_promises_and_links_are_limited() -> None:
    many = [make_target(f"/{number:04}.css") for number in range(200)]
    delivery = delivered(pushing(), wanted=always(*many))
    assert delivery.promises == tuple(target.path for target in many[: DEFAULTS.promises])
    assert len(delivery.link) <= DEFAULTS.link
    assert delivery.link.startswith(many[DEFAULTS.promises].link + b", ")
    assert delivery.link.endswith(b"; rel=preload; as=style")


def test_what_cannot_be_pushed_is_hinted_at() -> None:
    delivery = delivered(pushing(), wanted=always(CSS, OTHER, PRINT, PLAIN))
    assert delivery.promises == (
        CSS.path,
        PLAIN.path,
    )
    assert delivery.link == delivery.early == OTHER.link + b", " + PRINT.link
    # A target without "as" can be pushed, but not be preloaded.
    assert delivered(hinting(), wanted=always(PLAIN)) == Sent()


@pytest.mark.parametrize(
    ("mode", "to_pushing", "to_hinting", "to_old"),
    [
        (PushMode.AUTO, "promises", "early link", "link"),
        (PushMode.PUSH, "promises", "", ""),
        (PushMode.HINTS, "early link", "early link", "link"),
        (PushMode.LINK, "link", "link", "link"),
        (PushMode.OFF, "", "", ""),
    ],
)
def test_modes(mode: PushMode, to_pushing: str, to_hinting: str, to_old: str) -> None:
    for client, expected in ((pushing(), to_pushing), (hinting(), to_hinting), (old(), to_old)):
        delivery = delivered(client, mode=mode)
        used = [name for name in ("promises", "early", "link") if getattr(delivery, name)]
        assert " ".join(used) == expected


def test_conditions_of_rules() -> None:
    wanted = (
        (Condition(first_visit=True), CSS),
        (Condition(navigation=False), JS),
        (ALWAYS, PNG),
    )
    cookie = (b"cookie", b"a=b")
    assert delivered(pushing(), wanted=wanted).promises == (
        CSS.path,
        PNG.path,
    )
    assert delivered(pushing(), cookie, wanted=wanted).promises == (PNG.path,)
    assert delivered(pushing(), *NO_CORS, wanted=wanted).promises == (
        CSS.path,
        JS.path,
        PNG.path,
    )
    assert delivered(hinting(), (b"if-none-match", b"x"), wanted=wanted).link == PNG.link


def test_a_url_of_two_rules_is_sent_once() -> None:
    wanted = ((ALWAYS, CSS), (Condition(navigation=True), CSS))
    assert delivered(pushing(), wanted=wanted).promises == (CSS.path,)
    assert delivered(hinting(), wanted=wanted).link == CSS.link


FIELDS = st.lists(
    st.sampled_from(
        [
            (b"sec-fetch-mode", b"navigate"),
            (b"sec-fetch-mode", b"no-cors"),
            (b"sec-fetch-dest", b"document"),
            (b"sec-fetch-dest", b"iframe"),
            (b"if-none-match", b'"x"'),
            (b"range", b"bytes=0-1"),
            (b"cookie", b"a=b"),
            (b"accept", b"*/*"),
        ]
    ),
    max_size=4,
    unique_by=lambda line: line[0],
)
CONDITIONS = st.builds(
    Condition,
    navigation=st.sampled_from([None, True, False]),
    first_visit=st.sampled_from([None, True, False]),
)
ENTRIES = st.lists(
    st.tuples(CONDITIONS, st.sampled_from([CSS, JS, PNG, OTHER, PRINT, PLAIN])), max_size=8
)


@given(
    entries=ENTRIES,
    fields=FIELDS,
    method=st.sampled_from([b"GET", b"GET", b"HEAD", b"POST"]),
    status=st.sampled_from([200, 200, 200, 206, 301, 304, 404]),
    http2=st.booleans(),
    push_enabled=st.booleans(),
    free_streams=st.integers(0, 3),
    seen=st.sets(st.sampled_from([b"/a.css", b"/b.js", b"/d"])),
    mode=st.sampled_from(PushMode),
)
def test_decision_is_what_the_rules_say(
    entries: list[tuple[Condition, PushTarget]],
    fields: list[Field],
    method: bytes,
    status: int,
    http2: bool,
    push_enabled: bool,
    free_streams: int,
    seen: set[bytes],
    mode: PushMode,
) -> None:
    """The oracle asks, for each target, what may happen to it; the order is checked afterwards."""
    memory = Seen()
    for path in seen:
        memory.add(b"here", path)
    delivery = delivered(
        PushClient(
            multiplexed=http2, push_enabled=push_enabled, free_streams=free_streams, seen=memory
        ),
        *fields,
        wanted=tuple(entries),
        status=status,
        mode=mode,
        method=method,
    )
    given_fields = dict(fields)
    mode_sent, destination = (
        given_fields.get(b"sec-fetch-mode"),
        given_fields.get(b"sec-fetch-dest"),
    )
    navigation = (mode_sent, destination) in (
        (None, None),
        (b"navigate", None),
        (b"navigate", b"document"),
    )
    conditional = b"if-none-match" in given_fields or b"range" in given_fields
    first_visit = not conditional and b"cookie" not in given_fields
    wanted = []
    for condition, target in entries:
        matches = condition.navigation in (None, navigation) and (
            condition.first_visit in (None, first_visit)
        )
        if matches and target not in wanted and status == 200 and method in (b"GET", b"HEAD"):
            wanted.append(target)
    may_push = (
        http2 and push_enabled and mode in ("auto", "push") and method == b"GET" and not conditional
    )
    candidates = [
        target
        for target in wanted
        if may_push and target in (CSS, JS, PNG, PLAIN) and target.path not in seen
    ]
    promised = candidates[:free_streams]
    assert list(delivery.promises) == [target.path for target in promised]
    for target in promised:
        assert memory.has(b"here", target.path)
    has_it = [
        target
        for target in wanted
        if may_push and target in (CSS, JS, PNG, PLAIN) and target.path in seen
    ]
    linked = [
        target.link
        for target in wanted
        if target not in promised
        and target not in has_it
        and target is not PLAIN
        and mode in ("auto", "hints", "link")
    ]
    assert delivery.link == b", ".join(linked)
    early = http2 and navigation and method == b"GET" and mode in ("auto", "hints")
    assert delivery.early == (delivery.link if early else b"")


class FakeSite:
    """Answers from a table; remembers what it was asked."""

    def __init__(self, answers: Mapping[bytes, Response | ResponseJob]) -> None:
        self.answers = dict(answers)
        self.asked: list[Request] = []

    def look(self, request: Request) -> Response | ResponseJob:
        self.asked.append(request)
        return self.answers.get(request.path) or Response(status=404, fields=())

    def hints(self, *targets: PushTarget, cookie: bool = False) -> PushHints:
        return PushHints(entries=always(*targets), policy=PushPolicy(look=self.look, cookie=cookie))


def later() -> Response:
    """The work for a file that is not in the page cache."""
    raise AssertionError("not done here")


def test_promised_requests_copy_what_chooses_a_representation() -> None:
    """RFC 9113 section 8.4, and never what tells who the client is."""
    parent = request(
        (b"accept-encoding", b"br"),
        (b"accept-language", b"en"),
        (b"user-agent", b"x"),
        (b"cookie", b"secret"),
        (b"authorization", b"secret"),
        (b"accept", b"text/html"),
        (b"sec-fetch-mode", b"navigate"),
        (b"if-none-match", b'"1"'),
    )
    promised = promised_request(parent, make_target("/a.css?v=1"))
    assert (promised.method, promised.scheme, promised.authority, promised.path) == (
        b"GET",
        b"https",
        b"here",
        b"/a.css?v=1",
    )
    assert promised.fields == (
        (b"accept-encoding", b"br"),
        (b"accept-language", b"en"),
        (b"user-agent", b"x"),
    )


def test_equal_promises_are_one_request_that_repeats() -> None:
    """What is remembered of a request is found by its identity."""
    site = FakeSite({b"/a.css": found(), b"/b.js": found()})
    hints = site.hints(CSS, JS)
    brotli = request((b"accept-encoding", b"br"), (b"cookie", b"one"))
    first = hints.deliver(brotli, 200, pushing()).promises
    assert not any(one.request.repeats for one in first)
    again = request((b"accept-encoding", b"br"), (b"cookie", b"two"))
    second = hints.deliver(again, 200, pushing()).promises
    assert [one.request for one in second] == [one.request for one in first]
    assert all(one.request.repeats for one in second)
    other = hints.deliver(request((b"accept-encoding", b"gzip")), 200, pushing()).promises
    assert {one.request for one in other}.isdisjoint(one.request for one in first)
    # What was remembered is looked up each time: the file may have gone.
    del site.answers[b"/a.css"]
    assert [one.request for one in hints.deliver(brotli, 200, pushing()).promises] == [
        first[1].request
    ]


def test_one_page_for_first_visits_and_others() -> None:
    """Which targets a condition leaves is remembered, by what conditions ask."""
    entries = ((ALWAYS, CSS), (Condition(first_visit=True), JS))
    hints = PushHints(entries=entries, policy=PushPolicy(look=all_there))
    for _ in range(2):
        assert sent(hints.deliver(request(), 200, pushing())).promises == (CSS.path, JS.path)
        returning = request((b"cookie", b"id=1"))
        assert sent(hints.deliver(returning, 200, pushing())).promises == (CSS.path,)


def test_remembered_promises_are_bounded() -> None:
    requests = PromisedRequests(replace(DEFAULTS, promised_requests=3, key=100))
    first = requests.of(request())(CSS)
    assert requests.of(request())(CSS) is first
    long = request((b"user-agent", bytes(100)))
    assert requests.of(long)(CSS) is not requests.of(long)(CSS)
    for agent in (b"1", b"2"):
        requests.of(request((b"user-agent", agent)))(CSS)
    assert requests.of(request())(CSS) is not first


def test_only_what_is_there_is_promised() -> None:
    site = FakeSite({b"/a.css": found(), b"/c.png": later, b"/d": Response(status=301, fields=())})
    seen = Seen()
    delivery = site.hints(CSS, JS, PNG, PLAIN).deliver(request(), 200, pushing(seen=seen))
    # RFC 9218: a style sheet comes before its page, an image after it.
    assert [(promise.request.path, promise.urgency) for promise in delivery.promises] == [
        (b"/a.css", 2),
        (b"/c.png", 5),
    ]
    assert not delivery.fields
    # Also what was not found is not looked at again.
    for path in (b"/a.css", b"/b.js", b"/c.png", b"/d"):
        assert seen.has(b"here", path)
    assert [asked.path for asked in site.asked] == [b"/a.css", b"/b.js", b"/c.png", b"/d"]


def test_urgencies_follow_that_of_the_page() -> None:
    site = FakeSite({b"/a.css": found()})
    client = pushing()._replace(urgency=6)
    (promise,) = site.hints(CSS).deliver(request(), 200, client).promises
    assert promise.urgency == 5


def test_nothing_is_looked_at_where_nothing_is_pushed() -> None:
    site = FakeSite({})
    for client in (hinting(), old()):
        assert sent(site.hints(CSS, cookie=True).deliver(request(), 200, client)).link == CSS.link
    assert not site.asked


def test_what_the_cookie_names_is_not_promised() -> None:
    site = FakeSite({b"/a.css": found(b'"1"'), b"/b.js": found(b'"2"')})
    digest = CookieDigest().with_versions([(b"/a.css", b'"1"'), (b"/b.js", b'"old"')])
    parent = request((b"cookie", digest.set_cookie(secure=True).split(b";")[0]))
    delivery = site.hints(CSS, JS, cookie=True).deliver(parent, 200, pushing())
    assert sent(delivery).promises == (b"/b.js",)
    # Without --push-cookie it says nothing, and nothing is added to it.
    delivery = site.hints(CSS, JS).deliver(parent, 200, pushing())
    assert delivery.fields == ()
    assert sent(delivery).promises == (b"/a.css", b"/b.js")


def test_the_cookie_grows_by_what_was_promised() -> None:
    site = FakeSite({b"/a.css": found(b'"1"'), b"/b.js": found(b'"2"'), b"/c.png": later})

    def visit(cookie: bytes | None) -> tuple[list[bytes], bytes | None]:
        parent = request(*([(b"cookie", cookie)] if cookie else []))
        delivery = site.hints(CSS, JS, cookie=True).deliver(parent, 200, pushing())
        paths = [promise.request.path for promise in delivery.promises]
        return paths, dict(delivery.fields).get(b"set-cookie")

    paths, value = visit(None)
    assert paths == [b"/a.css", b"/b.js"]
    assert value is not None
    assert value.endswith(b"; Secure")
    cookie = b"theme=dark; " + value.split(b";")[0]
    assert visit(cookie) == ([], None)
    site.answers[b"/a.css"] = found(b'"new"')
    paths, value = visit(cookie)
    assert paths == [b"/a.css"]
    digest = read_digest(value)
    assert digest is not None
    assert digest.has(b"/a.css", b'"new"')
    assert digest.has(b"/b.js", b'"2"')


def test_a_site_pushes_what_it_has(root: Path) -> None:
    for name in ("index.html", "a.css", "b.js"):
        write(root, name, name)
    rules = (parse_push_option("/=/a.css,/b.js"),)
    client = make_client(root, push_cookie=True, push=rules)
    (root / "b.js").unlink()
    response = client.get("/")
    assert response.hints is not None
    delivery = response.hints.deliver(request(), response.status, pushing())
    assert sent(delivery).promises == (b"/a.css",)
    digest = read_digest(dict(delivery.fields)[b"set-cookie"])
    etag = field(client.get("/a.css"), "etag")
    assert digest is not None
    assert etag is not None
    assert digest.has(b"/a.css", etag.encode())
    # Of what stays off there is nothing to deliver.
    assert make_client(root, push_mode=PushMode.OFF, push=rules).get("/").hints is None


def test_promises_without_a_known_version_leave_the_cookie() -> None:
    site = FakeSite({b"/c.png": later})
    delivery = site.hints(PNG, cookie=True).deliver(request(), 200, pushing())
    assert sent(delivery).promises == (b"/c.png",)
    assert delivery.fields == ()
