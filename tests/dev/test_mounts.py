"""Dev mode with folders below paths: each is watched, and its pages are as those of the site."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2static.assembly import make_applications
from h2static.config import Config
from h2static.dev.broker import EventReader
from h2static.dev.extension import LiveReload, make_dev
from h2static.dev.limits import DevLimits
from h2static.host_config import MountConfig
from h2static.http.lifecycle import lifecycle_of
from h2static.http.messages import Response
from h2static.served import Served
from h2static.server.pool import Pool
from h2static.site import Site
from h2static.site.config import SiteConfig
from tests.dev.support import ELEMENT, NAVIGATION, request
from tests.dev.test_extension import PATIENCE, wait_for
from tests.support.edits import replace
from tests.support.exchange import ask, read_all


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("main", "docs", "deep"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text(f"<p>{name}")
    return tmp_path


def config(folders: Path, **values: object) -> Config:
    mounts = tuple(
        MountConfig(
            prefix=prefix,
            site=SiteConfig(root=str(folders / name), **values),  # type: ignore[arg-type]  # by name
        )
        for prefix, name in (("/docs", "docs"), ("/docs/a/b", "deep"))
    )
    site = SiteConfig(root=str(folders / "main"))
    return Config(port=0, no_tls=True, site=site, mounts=mounts, dev=True, debounce=10)


@contextmanager
def watching(
    settings: Config, limits: DevLimits
) -> Iterator[tuple[LiveReload, queue.Queue[str], EventReader]]:
    lines: queue.Queue[str] = queue.Queue()
    mounts = {
        one.prefix: Site(one.site, clock=time.time, base=one.prefix) for one in settings.mounts
    }
    site = Site(settings.site, clock=time.time)
    extension = make_dev(settings, site, mounts=mounts, report=lines.put, limits=limits)
    assert isinstance(extension, LiveReload)
    reader = extension.broker.open_reader()
    extension.start()
    try:
        wait_for(reader, b'"version":"')
        yield extension, lines, reader
    finally:
        extension.stop()


@pytest.mark.parametrize(
    ("file", "path"),
    [
        ("main/new.css", "/new.css"),
        ("docs/new.css", "/docs/new.css"),
        ("deep/new.css", "/docs/a/b/new.css"),
    ],
)
def test_every_folder_is_watched(folders: Path, file: str, path: str) -> None:
    with watching(config(folders), DevLimits()) as (extension, lines, reader):
        before = extension.broker.state
        (folders / file).write_text("a{}")
        heard = wait_for(reader, b"event: change")
        assert b'{"path":"%b","kind":"added"}' % path.encode() in heard
        assert lines.get(timeout=PATIENCE) == f"changed {path}"
        state = extension.broker.state
        assert before is not None
        assert state is not None
        # A word for each folder; that of one is another now.
        words = zip(before.version.split("-"), state.version.split("-"), strict=True)
        assert sum(old != new for old, new in words) == 1


def test_rules_of_a_mount_are_read_again(folders: Path) -> None:
    """And every tab hears what is wrong with them, and where."""
    rules = folders / "push.json"
    rules.write_text(json.dumps({"/docs/": {"/docs/page.html": {"type": "style"}}}))
    (folders / "docs" / "_headers").write_text("/*\n  X-A: 1\n")
    settings = config(folders, push_rules=str(rules), lenient=True, netlify=True)
    with watching(settings, DevLimits(rules_seconds=0.01)) as (_, lines, reader):
        replace(rules, "{")
        heard = wait_for(reader, b'"problems":["/docs: ')
        assert b"push.json" in heard
        replace(rules, json.dumps({}))
        assert lines.get(timeout=PATIENCE) == "reloaded the push rules"
        replace(folders / "docs" / "_headers", "  X-A: 1\n")
        wait_for(reader, b'"problems":["/docs: _headers:1: ')


@contextmanager
def served(settings: Config) -> Iterator[Served]:
    pool = Pool(lambda text: None)
    made = make_applications(settings, pool, page=None, tells=False)
    try:
        yield made
    finally:
        lifecycle_of(made.application).stop()
        pool.close()


def visit(served: Served, path: bytes) -> Response:
    return ask(served.application, request(path, *NAVIGATION))


def test_pages_of_a_mount_have_the_client(folders: Path) -> None:
    with served(config(folders)) as made:
        for below, title in ((b"", b"main"), (b"/docs", b"docs"), (b"/docs/a/b", b"deep")):
            page = visit(made, below + b"/page.html")
            assert read_all(page.body) == ELEMENT + b"<p>" + title
            # Made of the file, as those of the site: a validator of the octets that are sent.
            assert dict(page.fields)[b"etag"].startswith(b'"')


def test_what_is_missing_in_a_mount(folders: Path) -> None:
    """The page tells of the mount's folder, and suggests what is there, by whole paths."""
    with served(config(folders)) as made:
        for path, folder, suggested in (
            (b"/docs/pag.html", "docs", b"/docs/page.html"),
            (b"/docs/a/b/pag.html", "deep", b"/docs/a/b/page.html"),
            (b"/pag.html", "main", b"/page.html"),
        ):
            page = visit(made, path)
            text = read_all(page.body)
            assert page.status == 404
            assert f"Looked for <code>{folders / folder / 'pag.html'}</code>".encode() in text
            assert b'<a href="%b">' % suggested in text
