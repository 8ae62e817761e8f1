"""The site in dev mode, on a real folder."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.dev.limits import DevLimits
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig
from h2static.site.hints.delivery import PushHints
from tests.dev.support import (
    ELEMENT,
    NAVIGATION,
    PAGE,
    Dev,
    FakeSite,
    bytes_of,
    dev_around,
    html_response,
    much_later,
    request,
    state,
    text_response,
)
from tests.dev.support import fields_of as fields
from tests.support.exchange import FakeExchange, ask, read_all

REPEATED = request(b"/", *NAVIGATION, repeats=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "index.html.gz").write_bytes(b"compressed")
    (tmp_path / "a.css").write_bytes(b"a{}")
    (tmp_path / "app.0123abcd.js").write_bytes(b"1")
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.fixture
def dev(root: Path) -> Dev:
    return Dev(root)


# ---------------------------------------------------------------- documents


def test_a_page_has_the_client_and_its_own_length_and_tag(dev: Dev) -> None:
    visited, fetched = dev.visit(b"/"), dev.ask(b"/")
    assert read_all(visited.body) == PAGE.replace(b"<head>", b"<head>" + ELEMENT)
    assert read_all(fetched.body) == PAGE
    assert fields(visited)[b"content-length"] == b"%d" % (len(PAGE) + len(ELEMENT))
    assert fields(visited)[b"etag"] != fields(fetched)[b"etag"]
    assert fields(visited)[b"cache-control"] == b"no-cache"
    assert b"sec-fetch-dest" in fields(visited)[b"vary"]
    assert b"last-modified" not in fields(visited)


def test_compressed_siblings_are_not_used_for_it(dev: Dev) -> None:
    encoding = (b"accept-encoding", b"gzip")
    assert b"content-encoding" not in fields(dev.visit(b"/", encoding))
    assert fields(dev.ask(b"/", encoding))[b"content-encoding"] == b"gzip"


def test_head_and_conditional_requests(dev: Dev) -> None:
    visited = fields(dev.visit(b"/"))
    head = dev.visit(b"/", method=b"HEAD")
    assert head.body == b""
    assert fields(head) == visited
    etag = (b"if-none-match", visited[b"etag"])
    unchanged = dev.visit(b"/", etag)
    assert unchanged.status == 304
    assert unchanged.body == b""
    assert fields(unchanged)[b"etag"] == visited[b"etag"]
    # The tag of the page without the client is another representation's.
    assert dev.visit(b"/", (b"if-none-match", fields(dev.ask(b"/"))[b"etag"])).status == 200
    assert dev.visit(b"/", (b"if-match", b'"other"')).status == 412


def test_ranges_are_of_the_octets_that_are_sent(dev: Dev) -> None:
    whole = read_all(dev.visit(b"/").body)
    part = dev.visit(b"/", (b"range", b"bytes=10-40"))
    assert part.status == 206
    assert read_all(part.body) == whole[10:41]
    assert fields(part)[b"content-range"] == b"bytes 10-40/%d" % len(whole)
    beyond = dev.visit(b"/", (b"range", b"bytes=100000-"))
    assert beyond.status == 416
    assert fields(beyond)[b"content-range"] == b"bytes */%d" % len(whole)
    stale = dev.visit(b"/", (b"range", b"bytes=0-1"), (b"if-range", b'"old"'))
    assert stale.status == 200


def timing(response: Response) -> bytes:
    """What a document says of the state of the tree; without the word for its content."""
    value = fields(response)[b"server-timing"]
    assert value.startswith(b'h2static;desc="')
    return value.removeprefix(b'h2static;desc="').rpartition(b" ")[0]


def asked_twice(dev: Dev, one: Request) -> Response:
    """The response to a request whose object the site knows by then."""
    ask(dev.application, one)
    return ask(dev.application, one)


def test_a_request_that_repeats_gets_the_same_response_object(root: Path) -> None:
    dev = Dev(root, clock=much_later)
    first = asked_twice(dev, REPEATED)
    assert first.prepared
    assert dev.application.recall(REPEATED) is first
    assert ask(dev.application, REPEATED) is first
    exchange = FakeExchange(REPEATED)
    dev.application.handle(exchange)
    assert exchange.response is first


def test_what_will_not_come_again_is_not_remembered() -> None:
    """A response that the site makes anew each time, and a request whose octets were new."""
    site = FakeSite(html_response())
    application = dev_around(site)
    assert not ask(application, REPEATED).prepared
    assert len(application.documents) == 0
    site.response = html_response(prepared=True)
    assert ask(application, REPEATED).prepared
    assert not ask(application, replace(REPEATED, repeats=False)).prepared
    part = replace(REPEATED, fields=(*NAVIGATION, (b"range", b"bytes=0-9")))
    assert not ask(application, part).prepared
    assert application.recall(part) is None
    assert len(application.documents) == 1


def test_recall_has_no_effects_and_is_never_out_of_date(root: Path) -> None:
    dev = Dev(root, clock=much_later)
    style = request(b"/a.css", repeats=True)
    for one in (REPEATED, style):
        assert dev.application.recall(one) is None
        first = asked_twice(dev, one)
        assert [dev.application.recall(one) for _ in range(3)] == [first] * 3
    (root / "index.html").write_bytes(PAGE + b"<p>")
    (root / "a.css").write_bytes(b"a{color:red}")
    dev.application.new_batch()
    for one in (REPEATED, style):
        assert dev.application.recall(one) is None
    assert b"<p>" in read_all(ask(dev.application, REPEATED).body)
    assert ask(dev.application, style).body == b"a{color:red}"


def test_recall_after_the_tree_changed(root: Path) -> None:
    """The page is the same, and says that it is of another state."""
    dev = Dev(root, clock=much_later)
    first = asked_twice(dev, REPEATED)
    dev.broker.set_state(state("0123"), [])
    assert dev.application.recall(REPEATED) is first
    dev.application.new_batch()
    assert dev.application.recall(REPEATED) is None
    second = ask(dev.application, REPEATED)
    assert second is not first
    assert dev.application.recall(REPEATED) is second
    assert timing(second) == b"0123 7 1"


def test_the_kinds_of_requests_are_remembered_within_bounds() -> None:
    site = FakeSite(text_response(prepared=True))
    application = dev_around(site, limits=DevLimits(remembered=3))
    requests = [request(b"/a.css", repeats=True) for _ in range(4)]
    for one in requests:
        ask(application, one)
    assert [application.recall(one) is not None for one in requests] == [False] * 3 + [True]


def test_what_is_changed_is_forgotten_with_the_responses_of_the_site() -> None:
    for response in (html_response(prepared=True), text_response(prepared=True)):
        site = FakeSite(response)
        application = dev_around(site, friendly=False)
        first = ask(application, REPEATED)
        site.response = html_response(prepared=True)
        assert ask(application, REPEATED) is not first
        application.release()
        assert site.calls == ["release"]
        assert len(application.documents) == application.documents.octets == 0


def test_push_rules_that_changed_make_everything_anew(root: Path) -> None:
    dev = Dev(root, clock=much_later)
    style = request(b"/a.css", repeats=True)
    before = [ask(dev.application, one) for one in (REPEATED, style)]
    dev.application.forget()
    assert [ask(dev.application, one) for one in (REPEATED, style)] == before
    dev.application.new_batch()
    after = [ask(dev.application, one) for one in (REPEATED, style)]
    assert not set(before) & set(after)


def test_an_edit_is_seen_at_once(dev: Dev, root: Path) -> None:
    before = fields(dev.visit(b"/"))[b"etag"]
    (root / "index.html").write_bytes(PAGE.replace(b">y<", b">z<"))
    after = dev.visit(b"/")
    assert b"<body>z" in read_all(after.body)
    assert fields(after)[b"etag"] != before


def test_the_version_of_the_tree_goes_with_the_page(dev: Dev) -> None:
    assert timing(dev.visit(b"/")) == b"unknown"
    dev.broker.set_state(state("0123"), [])
    assert timing(dev.visit(b"/")) == b"0123 7 1"
    etag = fields(dev.visit(b"/"))[b"etag"]
    unchanged = dev.visit(b"/", (b"if-none-match", etag))
    assert timing(unchanged) == b"0123 7 1"


def test_a_page_is_never_older_than_its_version(dev: Dev) -> None:
    dev.broker.set_state(state("0123"), [])
    dev.application.new_batch()
    # An edit is noticed after the site looked at its files.
    dev.broker.set_state(state("4567"), [])
    page = ask(dev.application, REPEATED)
    assert timing(page) == b"0123 7 1"
    dev.application.new_batch()
    page = ask(dev.application, REPEATED)
    assert timing(page) == b"4567 7 1"


def test_the_same_version_of_a_later_moment_is_told_as_such(dev: Dev) -> None:
    for moment in (1, 2):
        dev.broker.set_state(state("0123", moment), [])
        dev.application.new_batch()
        page = ask(dev.application, REPEATED)
        assert timing(page) == b"0123 7 %d" % moment


def test_the_version_stays_when_another_thread_responds_in_between(root: Path) -> None:
    nested: list[Response] = []
    armed = False
    made: list[Dev] = []

    def clock() -> float:
        """Is asked in the middle of making a response."""
        nonlocal armed
        if armed:
            armed = False
            made[0].broker.set_state(state("4567"), [])
            nested.append(made[0].visit(b"/"))
        return time.time()

    dev = Dev(root, dev_clock=clock)
    made.append(dev)
    dev.broker.set_state(state("0123"), [])
    dev.visit(b"/")
    dev.broker.set_state(state("0124"), [])
    armed = True
    assert timing(dev.visit(b"/")) == b"0124 7 1"
    assert timing(nested[0]) == b"4567 7 1"


def test_policies_are_extended(root: Path) -> None:
    (root / "meta.html").write_bytes(
        b'<meta http-equiv="Content-Security-Policy" content="script-src \'nonce-abc\'"><p>'
    )
    document = read_all(Dev(root).visit(b"/meta.html").body)
    assert b"https://localhost:8443/.h2static/client.js" in document
    assert ELEMENT in document


def test_a_document_in_a_sandbox_has_no_client_and_a_warning() -> None:
    policy = (b"content-security-policy", b"default-src 'none', sandbox allow-scripts")
    site = FakeSite(html_response(PAGE, policy))
    application = dev_around(site)
    assert not application.warnings
    for _ in range(2):
        page = ask(application, replace(REPEATED, path=b"/index.html?query"))
        assert read_all(page.body) == PAGE
        assert fields(page)[b"content-security-policy"] == policy[1]
    (warning,) = application.warnings
    assert warning.startswith("/index.html: no live reload: ")
    site.response = html_response()
    page = ask(application, replace(REPEATED, path=b"/index.html"))
    assert ELEMENT in read_all(page.body)
    assert not application.warnings


def test_warnings_of_documents_without_the_client_are_bounded() -> None:
    site = FakeSite(html_response(PAGE, (b"content-security-policy", b"sandbox")))
    application = dev_around(site, limits=DevLimits(warnings=3))
    for number in range(6):
        ask(application, replace(REPEATED, path=b"/%d" % number))
    assert len(application.warnings) == 3


def test_hints_go_with_the_page(root: Path) -> None:
    hints = Dev(root, push=("/=/a.css",)).visit(b"/").hints
    assert isinstance(hints, PushHints)
    assert [target.url for _, target in hints.entries] == ["/a.css"]
    assert Dev(root).visit(b"/").hints is None


def test_frames_and_fetches_get_the_page_as_it_is(dev: Dev) -> None:
    for destination in (b"iframe", b"empty", b"embed"):
        assert bytes_of(dev.ask(b"/", (b"sec-fetch-dest", destination))) == PAGE


def test_a_style_sheet_that_is_visited_is_left_alone(dev: Dev) -> None:
    visited = dev.visit(b"/a.css", (b"range", b"bytes=0-0"))
    assert (visited.status, read_all(visited.body)) == (206, b"a")


def test_hints_are_kept(root: Path) -> None:
    dev = Dev(root, push=("/=/a.css",))
    for sent in (NAVIGATION, ()):
        assert ask(dev.application, request(b"/", *sent)).hints is not None


def test_each_reader_gets_a_language_with_the_client_in_it(root: Path) -> None:
    (root / "about.html").write_text("<p>english</p>")
    (root / "about.de.html").write_text("<p>deutsch</p>")
    dev = Dev(root, languages=("en", "de"))
    for _ in range(2):
        for language, text in ((b"de-AT", b"deutsch"), (b"fr", b"english")):
            response = dev.visit(b"/about.html", (b"accept-language", language))
            body = response.body
            octets = body if isinstance(body, bytes) else read_all(body)
            assert text in octets
            assert ELEMENT in octets
            assert b"accept-language" in fields(response)[b"vary"].split(b", ")


def test_redirects_pass(dev: Dev) -> None:
    assert dev.visit(b"/sub").status == 301


def test_an_upload_passes_and_its_response_is_fresh(root: Path) -> None:
    site = Site(SiteConfig(root=str(root), echo_upload=True), clock=time.time)
    exchange = FakeExchange(request(b"/x", *NAVIGATION, method=b"POST"), content=True)
    dev_around(site).handle(exchange)
    assert exchange.send(b"abc")
    exchange.end()
    exchange.run_jobs()
    assert exchange.answer().status == 200
    assert read_all(exchange.answer().body) == b"abc"


# ---------------------------------------------------------------- what a thread works out


@pytest.mark.parametrize(
    ("media_type", "body"),
    [(b"text/html", ELEMENT + b"<p>"), (b"text/plain", b"<p>"), (b"text/html; charset=x", None)],
)
def test_responses_that_need_a_thread(media_type: bytes, body: bytes | None) -> None:
    response = Response(
        status=200,
        fields=((b"content-type", media_type), (b"cache-control", b"max-age=9")),
        body=b"<p>",
    )
    application = dev_around(FakeSite(response, later=True))
    for method in (b"GET", b"HEAD"):
        exchange = FakeExchange(request(b"/", *NAVIGATION, method=method))
        application.handle(exchange)
        assert exchange.response is None
        exchange.run_jobs()
        outcome = exchange.answer()
        assert fields(outcome)[b"cache-control"] == b"no-cache"
        if method == b"HEAD":
            assert outcome.body == b""
        elif body is not None:
            assert read_all(outcome.body) == body


def test_a_head_response_from_a_thread_leaves_the_remembered_one_alone() -> None:
    site = FakeSite(text_response(200, b"abc", prepared=True), later=True)
    application = dev_around(site)
    for method, body in ((b"HEAD", b""), (b"GET", b"abc"), (b"HEAD", b"")):
        exchange = FakeExchange(request(b"/", *NAVIGATION, method=method))
        application.handle(exchange)
        exchange.run_jobs()
        assert exchange.answer().body == body


def test_the_site_is_handled_once_whatever_becomes_of_the_request() -> None:
    for response in (html_response(), text_response()):
        for sent in (NAVIGATION, ()):
            site = FakeSite(response)
            exchange = FakeExchange(request(b"/", *sent))
            dev_around(site).handle(exchange)
            assert exchange.response is not None
            made = bool(sent) and response.fields[1][1] == b"text/html"
            assert len(site.handled) == (0 if made else 1)


# ---------------------------------------------------------------- freshness and error pages


@pytest.mark.parametrize("path", [b"/a.css", b"/app.0123abcd.js", b"/", b"/sub/", b"/none"])
def test_everything_is_revalidated(dev: Dev, path: bytes) -> None:
    for response in (dev.ask(path), dev.visit(path), dev.ask(path, method=b"HEAD")):
        assert fields(response)[b"cache-control"] == b"no-cache"


def test_live_reload_alone_leaves_cache_rules_as_they_are(root: Path) -> None:
    dev = Dev(root, friendly=False)
    assert fields(dev.ask(b"/app.0123abcd.js"))[b"cache-control"] == b"max-age=31536000"
    assert ELEMENT in read_all(dev.visit(b"/none").body)
    assert dev.ask(b"/", authority=b"other.test").status == 200
    assert dev.ask(b"/.h2static/events", authority=b"other.test").status == 421


@pytest.mark.parametrize("friendly", [True, False])
def test_both_variants_of_a_document_say_what_they_depend_on(root: Path, friendly: bool) -> None:
    """A cache must not give the one without the client to who navigates there."""
    dev = Dev(root, friendly=friendly)
    names = b"accept, sec-fetch-dest, x-requested-with"
    fetched = dev.ask(b"/")
    etag = (b"if-none-match", fields(fetched)[b"etag"])
    answers = [dev.ask(b"/", etag), dev.ask(b"/", method=b"HEAD"), dev.ask(b"/none"), fetched]
    assert [one.status for one in answers] == [304, 200, 404, 200]
    for response in (*answers, dev.visit(b"/")):
        vary = fields(response)[b"vary"]
        assert vary.removeprefix(b"accept-encoding, ") == names
    assert b"sec-fetch-dest" not in fields(dev.ask(b"/a.css")).get(b"vary", b"")


def test_broken_rules_are_told(dev: Dev) -> None:
    reader = dev.broker.open_reader()
    dev.problems = ("_headers line 3: no name",)
    dev.application.new_batch()
    dev.problems = ()
    dev.application.new_batch()
    octets = reader.read(10_000)
    assert octets is not None
    assert octets.count(b"_headers line 3") == 1
    assert octets.endswith(b'"problems":[]}\n\n')


# ---------------------------------------------------------------- client and events


def test_the_client(dev: Dev) -> None:
    response = dev.ask(b"/.h2static/client.js", (b"sec-fetch-site", b"same-origin"))
    assert response.status == 200
    assert fields(response)[b"content-type"].startswith(b"text/javascript")
    assert fields(response)[b"cross-origin-resource-policy"] == b"same-origin"
    etag = (b"if-none-match", fields(response)[b"etag"])
    assert dev.ask(b"/.h2static/client.js", etag).status == 304


def test_the_events(dev: Dev) -> None:
    response = dev.ask(b"/.h2static/events", (b"sec-fetch-site", b"same-origin"))
    assert fields(response)[b"content-type"] == b"text/event-stream"
    assert not isinstance(response.body, bytes)
    assert response.body.length is None
    assert dev.ask(b"/.h2static/events", method=b"HEAD").body == b""


@pytest.mark.parametrize("path", [b"/.h2static/client.js", b"/.h2static/events"])
def test_other_origins_get_neither(dev: Dev, path: bytes) -> None:
    assert dev.ask(path, (b"sec-fetch-site", b"cross-site")).status == 403
    assert dev.ask(path, (b"origin", b"https://evil.test")).status == 403
    refused = dev.ask(path, method=b"POST")
    assert (refused.status, fields(refused)[b"allow"]) == (405, b"GET, HEAD")
    response = dev.ask(path, (b"origin", b"https://localhost:8443"))
    assert response.status == 200
    assert b"access-control-allow-origin" not in fields(response)


def test_nothing_else_is_there(dev: Dev) -> None:
    assert dev.ask(b"/.h2static/").status == 404
    assert dev.ask(b"/.h2static/../index.html").status == 404


@pytest.mark.parametrize("path", [b"/", b"/a.css", b"/.h2static/events"])
def test_other_names_get_nothing(dev: Dev, path: bytes) -> None:
    response = dev.ask(path, authority=b"evil.test")
    assert response.status == 421
    assert b"--allow-host evil.test" in bytes_of(response)
    assert dev.ask(path, authority=b"dev.test:8443").status == 200
    assert dev.ask(path, authority=b"[::1]:8443").status == 200


def test_no_cors_by_default(dev: Dev) -> None:
    for path in (b"/a.css", b"/", b"/.h2static/client.js"):
        for response in (
            dev.ask(path, (b"origin", b"https://localhost:8443")),
            dev.visit(path, (b"sec-fetch-site", b"same-origin")),
        ):
            assert response.status == 200
            assert not [one for one, _ in response.fields if one.startswith(b"access-control")]


def test_draining_ends_the_event_streams() -> None:
    site = FakeSite(text_response())
    application = dev_around(site)
    body = ask(application, request(b"/.h2static/events")).body
    assert not isinstance(body, bytes)
    reader = body.open()
    assert reader.read(10_000)
    assert reader.read(10_000) is None
    application.drain()
    assert reader.read(10_000) == b""
    assert site.calls == ["drain"]
