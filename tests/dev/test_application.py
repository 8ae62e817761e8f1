"""The site in dev mode, on a real folder."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.dev import application as application_module
from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker, State
from h2static.dev.cors import CorsApplication
from h2static.http.messages import Answer, Deferred, Request, Response
from h2static.site import Site, SiteConfig, bodies
from h2static.site.bodies import FileBody
from h2static.site.hints.delivery import PushHints
from h2static.site.hints.rules import parse_push_option
from h2static.site.representation import prepare
from h2static.site.rules import parse_cache_rule, parse_header_rule
from tests.support.applications import text_response
from tests.support.processes import DEADLINE

PAGE = b"<!doctype html><html><head><title>x</title></head><body>y</body></html>"
ELEMENT = b'<script src="/.h2static/client.js" defer="defer"></script>'
NAVIGATION = ((b"sec-fetch-dest", b"document"), (b"accept", b"text/html"))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "index.html.gz").write_bytes(b"compressed")
    (tmp_path / "a.css").write_bytes(b"a{}")
    (tmp_path / "app.0123abcd.js").write_bytes(b"1")
    (tmp_path / "sub").mkdir()
    return tmp_path


def much_later() -> float:
    """A time at which every file has been as it is for long, so that answers are remembered."""
    return time.time() + 3600


class Dev:
    """A site in dev mode and what is asked of it."""

    def __init__(
        self,
        root: Path,
        *,
        friendly: bool = True,
        push: tuple[str, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        config = SiteConfig(
            root=str(root),
            listing=True,
            cache=(parse_cache_rule("*.js=max-age=31536000"),),
            push=tuple(map(parse_push_option, push)),
        )
        self.broker = Broker(now=0.0)
        self.site = Site(config, clock=clock)
        options = DevOptions(root=str(root), allowed_hosts=("dev.test",), friendly=friendly)
        self.problems: tuple[str, ...] = ()
        self.application = DevApplication(
            self.site,
            self.broker,
            options,
            clock=time.time,
            problems=lambda: self.problems,
        )

    def ask(
        self,
        path: bytes,
        *fields: tuple[bytes, bytes],
        method: bytes = b"GET",
        authority: bytes = b"localhost:8443",
    ) -> Response:
        request = Request(
            method=method, scheme=b"https", authority=authority, path=path, fields=fields
        )
        self.application.new_batch()
        return finished(self.application.answer(request))

    def visit(self, path: bytes, *fields: tuple[bytes, bytes], method: bytes = b"GET") -> Response:
        return self.ask(path, *NAVIGATION, *fields, method=method)


def state(version: str, moment: int = 1) -> State:
    return State(version=version, server=7, moment=moment)


def finished(answer: Answer) -> Response:
    if isinstance(answer, Deferred):
        answer = answer.run()
    assert isinstance(answer, Response)
    return answer


def bytes_of(response: Response) -> bytes:
    assert isinstance(response.body, bytes)
    return response.body


def fields(response: Response) -> dict[bytes, bytes]:
    found = dict(response.fields)
    assert len(found) == len(response.fields)
    return found


@pytest.fixture
def dev(root: Path) -> Dev:
    return Dev(root)


# ---------------------------------------------------------------- documents


def test_a_page_has_the_client_and_its_own_length_and_tag(dev: Dev) -> None:
    visited, fetched = dev.visit(b"/"), dev.ask(b"/")
    assert visited.body == PAGE.replace(b"<head>", b"<head>" + ELEMENT)
    assert fetched.body == PAGE
    assert fields(visited)[b"content-length"] == b"%d" % len(visited.body)
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
    whole = dev.visit(b"/")
    assert isinstance(whole.body, bytes)
    part = dev.visit(b"/", (b"range", b"bytes=10-40"))
    assert part.status == 206
    assert part.body == whole.body[10:41]
    assert fields(part)[b"content-range"] == b"bytes 10-40/%d" % len(whole.body)
    beyond = dev.visit(b"/", (b"range", b"bytes=100000-"))
    assert beyond.status == 416
    assert fields(beyond)[b"content-range"] == b"bytes */%d" % len(whole.body)
    stale = dev.visit(b"/", (b"range", b"bytes=0-1"), (b"if-range", b'"old"'))
    assert stale.status == 200


REPEATED = Request(
    method=b"GET",
    scheme=b"https",
    authority=b"localhost",
    path=b"/",
    fields=NAVIGATION,
    repeats=True,
)


def test_a_request_that_repeats_gets_the_same_response_object(root: Path) -> None:
    dev = Dev(root, clock=much_later)
    finished(dev.application.answer(REPEATED))
    first = finished(dev.application.answer(REPEATED))
    assert finished(dev.application.answer(REPEATED)) is first
    assert not first.once


def test_what_will_not_come_again_is_not_remembered(root: Path) -> None:
    """A response that the site makes anew each time, and a request whose octets were new."""
    page = Response(status=200, fields=((b"content-type", b"text/html"),), body=PAGE, once=True)
    options = DevOptions(root=str(root))
    application = DevApplication(Cold(page), Broker(now=0.0), options, clock=time.time)
    assert finished(application.answer(REPEATED)).once
    assert len(application._documents) == 0
    page.once = False
    assert not finished(application.answer(REPEATED)).once
    assert finished(application.answer(replace(REPEATED, repeats=False))).once
    part = replace(REPEATED, fields=(*NAVIGATION, (b"range", b"bytes=0-9")))
    assert finished(application.answer(part)).once
    assert len(application._documents) == 1


def test_documents_are_forgotten_with_the_answers_of_the_site(root: Path) -> None:
    dev = Dev(root, clock=much_later)
    dev.visit(b"/")
    dev.ask(b"/app.0123abcd.js")
    assert dev.application._documents.octets > 0
    dev.application.release()
    assert dev.application._documents.octets == 0
    assert len(dev.application._without_client._changed) == 0


def test_an_edit_is_seen_at_once(dev: Dev, root: Path) -> None:
    before = fields(dev.visit(b"/"))[b"etag"]
    (root / "index.html").write_bytes(PAGE.replace(b">y<", b">z<"))
    after = dev.visit(b"/")
    assert isinstance(after.body, bytes)
    assert b"<body>z" in after.body
    assert fields(after)[b"etag"] != before


def test_the_version_of_the_tree_goes_with_the_page(dev: Dev) -> None:
    assert b"server-timing" not in fields(dev.visit(b"/"))
    dev.broker.set_state(state("0123"), [])
    assert fields(dev.visit(b"/"))[b"server-timing"] == b'h2static;desc="0123 7 1"'
    etag = fields(dev.visit(b"/"))[b"etag"]
    unchanged = dev.visit(b"/", (b"if-none-match", etag))
    assert fields(unchanged)[b"server-timing"] == b'h2static;desc="0123 7 1"'


def test_a_page_is_never_older_than_its_version(dev: Dev) -> None:
    dev.broker.set_state(state("0123"), [])
    dev.application.new_batch()
    # An edit is noticed after the site looked at its files.
    dev.broker.set_state(state("4567"), [])
    page = finished(dev.application.answer(REPEATED))
    assert fields(page)[b"server-timing"] == b'h2static;desc="0123 7 1"'
    dev.application.new_batch()
    page = finished(dev.application.answer(REPEATED))
    assert fields(page)[b"server-timing"] == b'h2static;desc="4567 7 1"'


def test_the_same_version_of_a_later_moment_is_told_as_such(dev: Dev) -> None:
    for moment in (1, 2):
        dev.broker.set_state(state("0123", moment), [])
        dev.application.new_batch()
        page = finished(dev.application.answer(REPEATED))
        assert fields(page)[b"server-timing"] == b'h2static;desc="0123 7 %d"' % moment


def test_the_version_stays_when_another_thread_answers_in_between(
    dev: Dev, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested: list[Response] = []

    def interrupted(*arguments: object) -> Response:
        if not nested:
            nested.append(text_response(200, b""))
            dev.broker.set_state(state("4567"), [])
            nested.append(dev.visit(b"/"))
        return prepare(*arguments)  # type: ignore[arg-type]  # as they came

    dev.broker.set_state(state("0123"), [])
    dev.visit(b"/")
    monkeypatch.setattr(application_module, "prepare", interrupted)
    dev.broker.set_state(state("0124"), [])
    assert fields(dev.visit(b"/"))[b"server-timing"] == b'h2static;desc="0124 7 1"'
    assert fields(nested[1])[b"server-timing"] == b'h2static;desc="4567 7 1"'


def test_policies_are_extended(root: Path) -> None:
    (root / "meta.html").write_bytes(
        b'<meta http-equiv="Content-Security-Policy" content="script-src \'nonce-abc\'"><p>'
    )
    document = Dev(root).visit(b"/meta.html").body
    assert isinstance(document, bytes)
    assert b"https://localhost:8443/.h2static/client.js" in document
    assert ELEMENT in document


def test_a_document_in_a_sandbox_has_no_client_and_is_told_of(root: Path) -> None:
    def site(*policies: str) -> Site:
        rules = tuple(parse_header_rule(f"*.html:content-security-policy: {p}") for p in policies)
        return Site(SiteConfig(root=str(root), header=rules), clock=time.time)

    def visit(application: DevApplication, path: bytes) -> Response:
        request = replace(REPEATED, path=path)
        return finished(application.answer(request))

    options = DevOptions(root=str(root))
    sandboxed = site("default-src 'none', sandbox allow-scripts")
    application = DevApplication(sandboxed, Broker(now=0.0), options, clock=time.time)
    assert not application.warnings
    for _ in range(2):
        page = visit(application, b"/index.html?query")
        assert page.body == PAGE
        policy = fields(page)[b"content-security-policy"]
        assert policy == b"default-src 'none', sandbox allow-scripts"
    (warning,) = application.warnings
    assert warning.startswith("/index.html: no live reload: ")
    application._inner = site()
    assert ELEMENT in bytes_of(visit(application, b"/index.html"))
    assert not application.warnings


def test_warnings_of_documents_without_the_client_are_bounded(root: Path) -> None:
    header = (parse_header_rule("/*:content-security-policy: sandbox"),)
    site = Site(SiteConfig(root=str(root), header=header), clock=time.time)
    options = DevOptions(root=str(root))
    application = DevApplication(site, Broker(now=0.0), options, clock=time.time)
    for number in range(2 * application_module.MAX_WARNINGS):
        finished(application.answer(replace(REPEATED, path=b"/%d" % number)))
    assert len(application.warnings) == application_module.MAX_WARNINGS


def test_hints_go_with_the_page(root: Path) -> None:
    hints = Dev(root, push=("/=/a.css",)).visit(b"/").hints
    assert isinstance(hints, PushHints)
    assert [target.url for _, target in hints.entries] == ["/a.css"]
    assert Dev(root).visit(b"/").hints is None


def test_large_documents(root: Path) -> None:
    content = PAGE + b"<p>" * 1_000_000
    (root / "large.html").write_bytes(content)
    visited = Dev(root).visit(b"/large.html")
    assert isinstance(visited.body, bytes)
    assert len(visited.body) == len(content) + len(ELEMENT)


def test_cold_documents_need_no_second_thread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads of the pool may be busy, each with such a document."""
    (root / "large.html").write_bytes(PAGE + b"<p>" * 1_000_000)
    waiting: list[Callable[[], None]] = []
    site = Site(SiteConfig(root=str(root)), clock=time.time, submit=waiting.append)
    options = DevOptions(root=str(root))
    application = DevApplication(site, Broker(now=0.0), options, clock=time.time)
    monkeypatch.setattr(bodies, "read_without_waiting", lambda *arguments: None)
    answer = application.answer(replace(REPEATED, path=b"/large.html"))
    executor = ThreadPoolExecutor(1)
    try:
        assert executor.submit(finished, answer).result(DEADLINE).status == 200
    finally:
        # A thread that waits for one of the site's would wait for ever.
        for job in waiting:
            job()
        executor.shutdown()


def test_frames_and_fetches_get_the_page_as_it_is(dev: Dev) -> None:
    for destination in (b"iframe", b"empty", b"embed"):
        assert dev.ask(b"/", (b"sec-fetch-dest", destination)).body == PAGE


def test_a_style_sheet_that_is_visited_is_left_alone(dev: Dev) -> None:
    visited = dev.visit(b"/a.css", (b"range", b"bytes=0-0"))
    assert (visited.status, visited.body) == (206, b"a")


def test_hints_are_kept(root: Path) -> None:
    config = SiteConfig(root=str(root), push=(parse_push_option("/=/a.css"),))
    application = DevApplication(
        Site(config, clock=time.time), Broker(now=0.0), DevOptions(root=str(root)), clock=time.time
    )
    for fields in (NAVIGATION, ()):
        request = Request(
            method=b"GET", scheme=b"https", authority=b"localhost", path=b"/", fields=fields
        )
        answer = application.answer(request)
        if isinstance(answer, Deferred):
            answer = answer.run()
        assert isinstance(answer, Response)
        assert answer.hints is not None


def test_redirects_pass(dev: Dev) -> None:
    assert dev.visit(b"/sub").status == 301


def test_remembered_documents_are_bounded_in_octets(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(application_module, "MAX_REMEMBERED_OCTETS", 2_000)
    dev = Dev(root, clock=much_later)
    for number in range(10):
        (root / f"{number}.html").write_bytes(PAGE + b"." * 500)
        dev.visit(b"/%d.html" % number)
    assert 0 < dev.application._documents.octets <= 2_000


class Cold:
    """An application whose every answer needs a thread."""

    def __init__(self, answer: Response) -> None:
        self.response = answer

    def answer(self, request: Request) -> Answer:
        response = self.response

        class Later:
            def run(self) -> Response:
                return response

        return Later()

    def refuse(self, status: int, request: Request | None) -> Response:
        return text_response(status, b"refused")

    def new_batch(self) -> None:
        """Nothing to forget."""

    def release(self) -> None:
        """As above."""


@pytest.mark.parametrize(
    ("media_type", "body"),
    [(b"text/html", ELEMENT + b"<p>"), (b"text/plain", b"<p>"), (b"text/html; charset=x", None)],
)
def test_answers_that_need_a_thread(tmp_path: Path, media_type: bytes, body: bytes | None) -> None:
    response = Response(
        status=200,
        fields=((b"content-type", media_type), (b"cache-control", b"max-age=9")),
        body=b"<p>",
    )
    application = DevApplication(
        Cold(response), Broker(now=0.0), DevOptions(root=str(tmp_path)), clock=time.time
    )
    for method in (b"GET", b"HEAD"):
        request = Request(
            method=method, scheme=b"http", authority=b"localhost", path=b"/", fields=NAVIGATION
        )
        answer = application.answer(request)
        assert isinstance(answer, Deferred)
        outcome = answer.run()
        assert isinstance(outcome, Response)
        assert fields(outcome)[b"cache-control"] == b"no-cache"
        if method == b"HEAD":
            assert outcome.body == b""
        elif body is not None:
            assert outcome.body == body


def test_a_document_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "large.html").write_bytes(PAGE + b"<p>" * 1_000_000)
    site = Site(SiteConfig(root=str(tmp_path)), clock=time.time)
    response = finished(site.answer(replace(REPEATED, path=b"/large.html")))
    assert isinstance(response.body, FileBody)
    os.truncate(tmp_path / "large.html", 1_000)
    application = DevApplication(
        Cold(response), Broker(now=0.0), DevOptions(root=str(tmp_path)), clock=time.time
    )
    answer = application.answer(REPEATED)
    assert isinstance(answer, Deferred)
    # The driver answers 500 and says so in the log.
    with pytest.raises(OSError, match="changed while it was read"):
        answer.run()


# ---------------------------------------------------------------- freshness and error pages


@pytest.mark.parametrize("path", [b"/a.css", b"/app.0123abcd.js", b"/", b"/sub/", b"/none"])
def test_everything_is_revalidated(dev: Dev, path: bytes) -> None:
    for response in (dev.ask(path), dev.visit(path), dev.ask(path, method=b"HEAD")):
        assert fields(response)[b"cache-control"] == b"no-cache"


def test_live_reload_alone_leaves_cache_rules_as_they_are(root: Path) -> None:
    dev = Dev(root, friendly=False)
    assert fields(dev.ask(b"/app.0123abcd.js"))[b"cache-control"] == b"max-age=31536000"
    assert ELEMENT in dev.visit(b"/none").body  # type: ignore[operator]  # small pages are octets
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


def test_missing_page_helps(dev: Dev, root: Path) -> None:
    response = dev.visit(b"/indx.html?a=%3Cb%3E")
    assert response.status == 404
    assert isinstance(response.body, bytes)
    assert b'<a href="/index.html">' in response.body
    assert str(root).encode() in response.body
    assert ELEMENT in response.body
    assert b"etag" not in fields(response)


def test_missing_page_shows_nothing_outside_the_root(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.html").write_text("x")
    (root / "link").symlink_to(outside)
    response = Dev(root).visit(b"/link/secre.html")
    assert isinstance(response.body, bytes)
    assert b"secret" not in response.body


def test_missing_page_tells_no_hidden_names(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "configuration").write_text("x")
    (root / ".well-known").mkdir()
    (root / ".well-known" / "security.txt").write_text("x")
    dev = Dev(root)
    for path in (b"/.git/configuratio", b"/%2Egit/configuratio", b"/sub/../.git/configuratio"):
        body = dev.visit(path).body
        assert isinstance(body, bytes)
        assert b"configuration" not in body
    body = dev.visit(b"/.well-known/securty.txt").body
    assert isinstance(body, bytes)
    assert b"/.well-known/security.txt" in body


def test_missing_page_escapes(dev: Dev) -> None:
    response = dev.visit(b"/%3Cscript%3Ealert(1)%3C/script%3E%FF")
    assert isinstance(response.body, bytes)
    assert b"<script>alert" not in response.body


def test_own_error_page_is_kept(root: Path) -> None:
    from h2static.site.rules import parse_error_page

    (root / "404.html").write_bytes(b"<p>mine")
    config = SiteConfig(root=str(root), error_page=(parse_error_page("404=/404.html"),))
    application = DevApplication(
        Site(config, clock=time.time),
        Broker(now=0.0),
        DevOptions(root=str(root)),
        clock=time.time,
    )
    request = Request(
        method=b"GET", scheme=b"http", authority=b"localhost", path=b"/x", fields=NAVIGATION
    )
    answer = application.answer(request)
    if isinstance(answer, Deferred):
        answer = answer.run()
    assert isinstance(answer, Response)
    assert answer.body == ELEMENT + b"<p>mine"


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
    assert isinstance(response.body, bytes)
    assert b"--allow-host evil.test" in response.body
    assert dev.ask(path, authority=b"dev.test:8443").status == 200
    assert dev.ask(path, authority=b"[::1]:8443").status == 200


# ---------------------------------------------------------------- cross-origin requests


def test_no_cors_by_default(dev: Dev) -> None:
    response = dev.ask(b"/a.css", (b"origin", b"https://other.test"))
    assert not [name for name, _ in response.fields if name.startswith(b"access-control")]


def test_cors_when_asked(root: Path) -> None:
    application = CorsApplication(Dev(root, clock=much_later).site)
    request = Request(
        method=b"GET", scheme=b"https", authority=b"localhost", path=b"/a.css", fields=()
    )
    first = application.answer(request)
    if isinstance(first, Deferred):
        first = first.run()
    assert isinstance(first, Response)
    assert fields(first)[b"access-control-allow-origin"] == b"*"
    assert application.answer(request) is application.answer(request)
    preflight = application.answer(
        Request(
            method=b"OPTIONS",
            scheme=b"https",
            authority=b"localhost",
            path=b"/a.css",
            fields=((b"access-control-request-method", b"GET"),),
        )
    )
    assert isinstance(preflight, Response)
    assert preflight.status == 204
    assert b"GET" in fields(preflight)[b"access-control-allow-methods"]
