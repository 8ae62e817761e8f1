"""What dev mode puts around a site, and what it says in the terminal."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.dev import open_page
from h2static.dev.broker import EventReader
from h2static.dev.extension import DevExtension, LiveReload, make_dev
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.http.lifecycle import lifecycle_of
from h2static.site import Site, SiteConfig
from h2static.site.hints.rules import parse_push_option
from tests.dev.support import (
    ELEMENT,
    NAVIGATION,
    PAGE,
    FakeSite,
    much_later,
    request,
    text_response,
)
from tests.support.edits import replace
from tests.support.exchange import ask, read_all

#: Seconds for anything that is waited for.
PATIENCE = 30


def config(root: Path, **values: object) -> Config:
    settings: dict[str, object] = {"debounce": 10, **values}
    return Config(port=0, no_tls=True, site=SiteConfig(root=str(root)), **settings)  # type: ignore[arg-type]  # by name


class FakeWatchedSite(FakeSite):
    """A site whose rules do not change."""

    warnings: tuple[str, ...] = ()

    def concerns(self, names: tuple[bytes, ...]) -> bool:
        return True

    def refresh_netlify(self) -> None:
        """There are no such files."""

    def refresh_push_rules(self, *, look_at_targets: bool) -> bool:
        return False


def live_reload(
    root: Path,
    *,
    lines: queue.Queue[str] | None = None,
    limits: DevLimits = DEFAULT_LIMITS,
    **values: object,
) -> LiveReload:
    """Live reload around a site on ``root``; what it prints goes to ``lines``."""
    settings = config(root, live_reload=True, **values)
    site = Site(settings.site, clock=time.time)
    report = (queue.Queue[str]() if lines is None else lines).put
    extension = make_dev(settings, site, report=report, limits=limits)
    assert isinstance(extension, LiveReload)
    return extension


@contextmanager
def started(
    root: Path, *, limits: DevLimits = DEFAULT_LIMITS, **values: object
) -> Iterator[tuple[LiveReload, queue.Queue[str], EventReader]]:
    """A running extension, the lines it prints, and a stream that has heard the first state."""
    lines: queue.Queue[str] = queue.Queue()
    extension = live_reload(root, lines=lines, limits=limits, **values)
    reader = extension.broker.open_reader()
    lifecycle_of(extension.application).start()
    try:
        wait_for(reader, b'"version":"')
        yield extension, lines, reader
    finally:
        lifecycle_of(extension.application).stop()


def wait_for(reader: EventReader, octets: bytes) -> bytes:
    end = time.monotonic() + PATIENCE
    heard = b""
    while octets not in heard:
        assert time.monotonic() < end, heard
        woken: queue.Queue[None] = queue.Queue()
        reader.wait(lambda woken=woken: woken.put(None))  # type: ignore[misc]  # mypy: default
        woken.get(timeout=PATIENCE)
        heard += reader.read(65536) or b""
    return heard


def test_changes_are_told_to_people_and_tabs(tmp_path: Path) -> None:
    with started(tmp_path) as (_, lines, reader):
        (tmp_path / "ä\x1b.css").write_text("a{}")
        heard = wait_for(reader, b"event: change")
        assert b'{"path":"/\\u00e4\\u001b.css","kind":"added"}' in heard
        assert lines.get(timeout=PATIENCE) == "changed /ä\\x1b.css"


def test_it_says_when_nobody_listens(tmp_path: Path) -> None:
    with started(tmp_path) as (_, lines, reader):
        reader.close()
        (tmp_path / "a.css").write_text("a{}")
        assert lines.get(timeout=PATIENCE) == "changed /a.css (no page is connected)"


def test_many_changes_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for number in range(300):
        (tmp_path / "new" / f"{number:03}.js").write_text("1")
    root = tmp_path / "www"
    root.mkdir()
    with started(root) as (_, lines, reader):
        (tmp_path / "new").rename(root / "new")
        heard = wait_for(reader, b"event: change")
        assert heard.count(b'"path"') == 200
        line = lines.get(timeout=PATIENCE)
        assert line == "changed /new/000.js, /new/001.js, /new/002.js and 297 more"


def test_the_numbers_of_changes_can_be_set(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    for name in "abcd":
        (tmp_path / "new" / name).write_text("1")
    root = tmp_path / "www"
    root.mkdir()
    limits = DevLimits(changes_in_event=2, changes_in_line=1)
    with started(root, limits=limits) as (_, lines, reader):
        (tmp_path / "new").rename(root / "new")
        assert wait_for(reader, b"event: change").count(b'"path"') == 2
        assert lines.get(timeout=PATIENCE) == "changed /new/a and 3 more"


@pytest.mark.parametrize("way", ["drain", "stop"])
def test_draining_and_stopping_end_the_streams(tmp_path: Path, way: str) -> None:
    with started(tmp_path) as (extension, _, reader):
        getattr(extension, way)()
        assert reader.read(1000) == b""
        late = extension.broker.open_reader()
        assert late.read(100_000)
        assert late.read(1000) == b""


def test_the_lifecycle_reaches_the_site(tmp_path: Path) -> None:
    for settings in (config(tmp_path, dev=True), config(tmp_path, open=True)):
        site = FakeWatchedSite(text_response())
        lifecycle = lifecycle_of(make_dev(settings, site).application)
        lifecycle.start()
        lifecycle.new_batch()
        lifecycle.release()
        lifecycle.drain()
        lifecycle.stop()
        assert site.calls == ["start", "new_batch", "release", "drain", "stop"]


@pytest.mark.parametrize(
    ("values", "client"),
    [({"dev": True}, True), ({"live_reload": True}, True), ({"open": True}, False)],
)
def test_what_is_put_around(tmp_path: Path, values: dict[str, object], client: bool) -> None:
    (tmp_path / "index.html").write_bytes(PAGE)
    settings = config(tmp_path, **values)
    extension = make_dev(settings, Site(settings.site, clock=time.time))
    response = ask(extension.application, request(b"/", *NAVIGATION))
    assert (ELEMENT in read_all(response.body)) == client


def test_what_the_site_recalls_is_recalled(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_bytes(b"a{}")
    style = request(b"/a.css", repeats=True)
    for values in ({"dev": True}, {"open": True}):
        settings = config(tmp_path, **values)
        application = make_dev(settings, Site(settings.site, clock=much_later)).application
        lifecycle_of(application).new_batch()
        ask(application, style)
        response = ask(application, style)
        assert response.prepared
        assert application.recall(style) is response


def test_warnings_are_those_of_documents_without_the_client(tmp_path: Path) -> None:
    (tmp_path / "large.html").write_bytes(PAGE + b"<p>" * 400_000)
    extension = live_reload(tmp_path, limits=DevLimits(document=1 << 20))
    assert not extension.warnings
    ask(extension.application, request(b"/large.html", *NAVIGATION))
    assert extension.warnings == ("/large.html: no live reload: larger than 1048576 octets",)
    assert DevExtension(FakeSite(text_response()), page=None).warnings == ()


def test_push_rules_are_read_again(tmp_path: Path) -> None:
    """And every tab hears what is wrong with them."""
    rules = tmp_path / "push.json"
    rules.write_text(json.dumps({"/": {"/a.css": {"type": "style"}}}))
    root = tmp_path / "www"
    root.mkdir()
    for name in ("a.css", "b.css"):
        (root / name).write_text("a{}")
    site = SiteConfig(root=str(root), push_rules=str(rules), lenient=True)
    settings = Config(port=0, no_tls=True, site=site, debounce=10, dev=True)
    lines: queue.Queue[str] = queue.Queue()
    limits = DevLimits(rules_seconds=0.01)
    source = Site(site, clock=time.time)
    extension = make_dev(settings, source, report=lines.put, limits=limits)
    assert isinstance(extension, LiveReload)
    reader = extension.broker.open_reader()
    extension.start()
    try:
        wait_for(reader, b'"version":"')
        replace(rules, "{")
        assert b'"problems":["' in wait_for(reader, b'"problems":["')
        replace(rules, json.dumps({"/": {"/b.css": {"type": "style"}}}))
        assert lines.get(timeout=PATIENCE) == "reloaded the push rules"
    finally:
        extension.stop()


@pytest.mark.parametrize(
    ("options", "name", "content", "before", "after"),
    [
        ({"netlify": True}, "_headers", "/*\n  no colon here\n", b"[]", b'["_headers:2'),
        ({"push": (parse_push_option("/=/a.css"),)}, "a.css", "a{}", b'["push rule', b"[]"),
    ],
    ids=["_headers", "a target"],
)
def test_rules_that_change_before_the_folder_is_known(
    tmp_path: Path,
    options: dict[str, object],
    name: str,
    content: str,
    before: bytes,
    after: bytes,
) -> None:
    """The site has read them when it was made: nothing tells of it later."""
    site = SiteConfig(root=str(tmp_path), lenient=True, **options)  # type: ignore[arg-type]  # by name
    source = Site(site, clock=time.time)
    (tmp_path / name).write_text(content)
    settings = Config(port=0, no_tls=True, site=site, debounce=10, dev=True)
    extension = make_dev(settings, source, report=lambda line: None)
    assert isinstance(extension, LiveReload)
    reader = extension.broker.open_reader()
    assert b'"problems":' + before in wait_for(reader, b"\n\n")
    extension.start()
    try:
        wait_for(reader, b'"problems":' + after)
    finally:
        extension.stop()


def test_another_process_talks_to_the_person(tmp_path: Path) -> None:
    lines: queue.Queue[str] = queue.Queue()
    settings = config(tmp_path, dev=True)
    site = Site(settings.site, clock=time.time)
    extension = make_dev(settings, site, tells=False, report=lines.put)
    assert isinstance(extension, LiveReload)
    reader = extension.broker.open_reader()
    extension.start()
    try:
        wait_for(reader, b'"version":"')
        (tmp_path / "a.css").write_text("a{}")
        wait_for(reader, b"event: change")
    finally:
        extension.stop()
    assert lines.empty()


@pytest.mark.parametrize("connected", [True, False])
def test_a_page_is_opened_unless_one_is_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(open_page, "start", opened.append)
    extension = live_reload(tmp_path, limits=DevLimits(return_seconds=0.01))
    if connected:
        extension.broker.open_reader()
    extension.open("http://localhost/")
    assert opened == ([] if connected else ["http://localhost/"])


def test_the_page_is_opened_when_serving_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: queue.Queue[str] = queue.Queue()
    monkeypatch.setattr(open_page, "start", opened.put)
    site = FakeWatchedSite(text_response())
    extension = make_dev(config(tmp_path, open=True), site, page="http://localhost/")
    assert opened.empty()
    extension.start()
    assert opened.get(timeout=PATIENCE) == "http://localhost/"
