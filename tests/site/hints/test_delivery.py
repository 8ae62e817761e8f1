"""The decision: which targets are delivered, and how."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.messages import Answer, Deferred, Field, Request, Response
from h2static.site.hints.cookie import CookieDigest, read_digest
from h2static.site.hints.delivery import (
    MAX_LINK,
    MAX_PROMISES,
    MAX_REMEMBERED,
    NOTHING,
    Client,
    Delivery,
    PushHints,
    PushMemory,
    PushMode,
    decide,
    digest_field,
    promised_request,
    promises,
)
from h2static.site.hints.rules import ALWAYS, Condition
from h2static.site.hints.targets import PushTarget, make_target

CSS, JS, PNG = make_target("/a.css"), make_target("/b.js"), make_target("/c.png")
OTHER, PRINT = make_target("https://cdn/x.css"), make_target("/p.css", media="print")
PLAIN = make_target("/d")

PUSHING = Client(http2=True, push_enabled=True, free_streams=100)
HINTING = Client(http2=True)
OLD = Client(http2=False)

NAVIGATE = ((b"sec-fetch-mode", b"navigate"), (b"sec-fetch-dest", b"document"))
NO_CORS = ((b"sec-fetch-mode", b"no-cors"), (b"sec-fetch-dest", b"script"))


def request(
    *fields: Field, method: bytes = b"GET", path: bytes = b"/", authority: bytes = b"here"
) -> Request:
    return Request(
        method=method, scheme=b"https", authority=authority, path=path, fields=tuple(fields)
    )


def hints(*targets: object) -> PushHints:
    return PushHints(entries=tuple((ALWAYS, target) for target in targets))  # type: ignore[misc]
    # PushTarget


def decided(
    client: Client,
    *fields: Field,
    wanted: PushHints | None = None,
    status: int = 200,
    mode: PushMode = PushMode.AUTO,
    method: bytes = b"GET",
    memory: PushMemory | None = None,
) -> Delivery:
    return decide(
        wanted or hints(CSS, JS),
        request=request(*fields, method=method),
        status=status,
        client=client,
        memory=memory or PushMemory(),
        mode=mode,
    )


BOTH = CSS.link + b", " + JS.link


def test_push_when_the_client_allows_it() -> None:
    assert decided(PUSHING) == Delivery(promises=(CSS, JS))


def test_early_hints_when_it_does_not() -> None:
    assert decided(HINTING) == Delivery(early=BOTH, link=BOTH)
    assert decided(HINTING, *NAVIGATE) == Delivery(early=BOTH, link=BOTH)


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
    assert decided(HINTING, *fields) == Delivery(link=BOTH)


def test_never_early_on_http_1() -> None:
    """RFC 8297 section 3."""
    assert decided(OLD, *NAVIGATE) == Delivery(link=BOTH)


@pytest.mark.parametrize("status", [206, 301, 302, 304, 403, 404, 405, 416, 500])
@pytest.mark.parametrize("client", [PUSHING, HINTING, OLD])
def test_only_200_brings_anything(status: int, client: Client) -> None:
    assert decided(client, status=status) is NOTHING


@pytest.mark.parametrize(
    "name", ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range",
             "range"]
)  # fmt: skip
def test_no_push_for_conditional_requests(name: str) -> None:
    assert decided(PUSHING, (name.encode(), b"x")) == Delivery(early=BOTH, link=BOTH)


def test_head_says_what_get_would_link() -> None:
    assert decided(PUSHING, method=b"HEAD") == Delivery(link=BOTH)
    assert decided(HINTING, method=b"HEAD") == Delivery(link=BOTH)
    assert decided(PUSHING, method=b"POST") is NOTHING


def test_what_was_sent_is_not_sent_again() -> None:
    memory = PushMemory()
    memory.add(b"here", b"/a.css")
    assert decided(PUSHING, memory=memory) == Delivery(promises=(JS,))
    memory.add(b"elsewhere", b"/b.js")
    assert decided(PUSHING, memory=memory) == Delivery(promises=(JS,))
    # Hints cost next to nothing and start a revalidation early.
    assert decided(HINTING, memory=memory).early == BOTH


def test_a_full_memory_ends_pushes() -> None:
    memory = PushMemory()
    for number in range(MAX_REMEMBERED):
        assert not memory.full
        memory.add(b"here", b"/%d" % number)
    assert memory.full
    memory.add(b"here", b"/one more")
    assert not memory.has(b"here", b"/one more")
    assert decided(PUSHING, memory=memory) == Delivery(early=BOTH, link=BOTH)


def test_streams_that_the_client_allows() -> None:
    """RFC 9113 section 5.1.2: promised streams that are open count against the client's limit."""
    one = Client(http2=True, push_enabled=True, free_streams=1)
    assert decided(one) == Delivery(promises=(CSS,), early=JS.link, link=JS.link)
    none = Client(http2=True, push_enabled=True, free_streams=0)
    assert decided(none) == Delivery(early=BOTH, link=BOTH)


def test_promises_and_links_are_limited() -> None:
    many = [make_target(f"/{number:04}.css") for number in range(200)]
    delivery = decided(PUSHING, wanted=hints(*many))
    assert delivery.promises == tuple(many[:MAX_PROMISES])
    assert len(delivery.link) <= MAX_LINK
    assert delivery.link.startswith(many[MAX_PROMISES].link + b", ")
    assert delivery.link.endswith(b"; rel=preload; as=style")


def test_what_cannot_be_pushed_is_hinted_at() -> None:
    delivery = decided(PUSHING, wanted=hints(CSS, OTHER, PRINT, PLAIN))
    assert delivery.promises == (CSS, PLAIN)
    assert delivery.link == delivery.early == OTHER.link + b", " + PRINT.link
    # A target without "as" can be pushed, but not be preloaded.
    assert decided(HINTING, wanted=hints(PLAIN)) == NOTHING


@pytest.mark.parametrize(
    ("mode", "pushing", "hinting", "old"),
    [
        (PushMode.AUTO, "promises", "early link", "link"),
        (PushMode.PUSH, "promises", "", ""),
        (PushMode.HINTS, "early link", "early link", "link"),
        (PushMode.LINK, "link", "link", "link"),
        (PushMode.OFF, "", "", ""),
    ],
)
def test_modes(mode: PushMode, pushing: str, hinting: str, old: str) -> None:
    for client, expected in ((PUSHING, pushing), (HINTING, hinting), (OLD, old)):
        delivery = decided(client, mode=mode)
        used = [name for name in ("promises", "early", "link") if getattr(delivery, name)]
        assert " ".join(used) == expected


def test_conditions_of_rules() -> None:
    wanted = PushHints(
        entries=(
            (Condition(first_visit=True), CSS),
            (Condition(navigation=False), JS),
            (ALWAYS, PNG),
        )
    )
    cookie = (b"cookie", b"a=b")
    assert decided(PUSHING, wanted=wanted).promises == (CSS, PNG)
    assert decided(PUSHING, cookie, wanted=wanted).promises == (PNG,)
    assert decided(PUSHING, *NO_CORS, wanted=wanted).promises == (CSS, JS, PNG)
    assert decided(HINTING, (b"if-none-match", b"x"), wanted=wanted).link == PNG.link


def test_a_url_of_two_rules_is_sent_once() -> None:
    wanted = PushHints(entries=((ALWAYS, CSS), (Condition(navigation=True), CSS)))
    assert decided(PUSHING, wanted=wanted).promises == (CSS,)
    assert decided(HINTING, wanted=wanted).link == CSS.link


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
    memory = PushMemory()
    for path in seen:
        memory.add(b"here", path)
    asked = request(*fields, method=method)
    delivery = decide(
        PushHints(entries=tuple(entries)),
        request=asked,
        status=status,
        client=Client(http2=http2, push_enabled=push_enabled, free_streams=free_streams),
        memory=memory,
        mode=mode,
    )
    sent = dict(fields)
    mode_sent, destination = sent.get(b"sec-fetch-mode"), sent.get(b"sec-fetch-dest")
    navigation = (mode_sent, destination) in (
        (None, None),
        (b"navigate", None),
        (b"navigate", b"document"),
    )
    conditional = b"if-none-match" in sent or b"range" in sent
    first_visit = not conditional and b"cookie" not in sent
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
    assert list(delivery.promises) == candidates[:free_streams]
    has_it = [
        target
        for target in wanted
        if may_push and target in (CSS, JS, PNG, PLAIN) and target.path in seen
    ]
    linked = [
        target.link
        for target in wanted
        if target not in delivery.promises
        and target not in has_it
        and target is not PLAIN
        and mode in ("auto", "hints", "link")
    ]
    assert delivery.link == b", ".join(linked)
    early = http2 and navigation and method == b"GET" and mode in ("auto", "hints")
    assert delivery.early == (delivery.link if early else b"")


@dataclass(slots=True)
class FakeSite:
    """Answers from a table; remembers what it was asked."""

    answers: dict[bytes, Answer]
    asked: list[Request] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        return self.answers.get(request.path) or Response(status=404, fields=())

    def refuse(self, status: int, request: Request | None) -> Response:
        raise AssertionError("a promise is not refused")


class Later:
    """A file that is not in the page cache."""

    def run(self) -> Response:
        raise AssertionError("not run here")


def found(etag: bytes = b'"1"') -> Response:
    return Response(status=200, fields=((b"etag", etag),))


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


def test_promises_are_answered() -> None:
    css, later = found(), Later()
    site = FakeSite({b"/a.css": css, b"/c.png": later, b"/d": Response(status=301, fields=())})
    memory = PushMemory()
    parent = request()
    sent = list(
        promises(
            [CSS, JS, PNG, PLAIN],
            parent=parent,
            parent_urgency=3,
            application=site,
            memory=memory,
        )
    )
    deferred: Deferred = later
    assert [(promise.request.path, promise.answer, promise.urgency) for promise in sent] == [
        (b"/a.css", css, 2),
        (b"/c.png", deferred, 5),
    ]
    # Also what was not found is not looked at again.
    for path in (b"/a.css", b"/b.js", b"/c.png", b"/d"):
        assert memory.has(b"here", path)
    assert [asked.path for asked in site.asked] == [b"/a.css", b"/b.js", b"/c.png", b"/d"]


def test_what_the_cookie_names_is_not_promised() -> None:
    site = FakeSite({b"/a.css": found(b'"1"'), b"/b.js": found(b'"2"')})
    digest = CookieDigest().with_versions([(b"/a.css", b'"1"'), (b"/b.js", b'"old"')])
    sent = promises(
        [CSS, JS],
        parent=request(),
        parent_urgency=3,
        application=site,
        memory=PushMemory(),
        digest=digest,
    )
    assert [promise.target for promise in sent] == [JS]


def test_the_cookie_grows_by_what_was_promised() -> None:
    site = FakeSite({b"/a.css": found(b'"1"'), b"/b.js": found(b'"2"'), b"/c.png": Later()})

    def visit(cookie: bytes | None) -> tuple[list[bytes], bytes | None]:
        parent = request(*([(b"cookie", cookie)] if cookie else []))
        sent = list(
            promises(
                [CSS, JS],
                parent=parent,
                parent_urgency=3,
                application=site,
                memory=PushMemory(),
                digest=read_digest(cookie),
            )
        )
        grown = digest_field(parent, sent, secure=True)
        return [promise.target.path for promise in sent], grown[1] if grown else None

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


def test_promises_without_a_known_version_leave_the_cookie() -> None:
    site = FakeSite({b"/c.png": Later()})
    sent = promises(
        [PNG], parent=request(), parent_urgency=3, application=site, memory=PushMemory()
    )
    assert digest_field(request(), sent, secure=False) is None
