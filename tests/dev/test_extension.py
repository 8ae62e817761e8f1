"""What dev mode puts around a site, and what it says in the terminal."""

from __future__ import annotations

import queue
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.dev import extension as extension_module
from h2static.dev import open_page
from h2static.dev.application import DevApplication
from h2static.dev.broker import EventReader
from h2static.dev.cors import CorsApplication
from h2static.dev.extension import DevExtension
from h2static.site import Site, SiteConfig

#: Seconds for anything that is waited for.
PATIENCE = 30


def config(root: Path, **values: object) -> Config:
    settings: dict[str, object] = {"debounce": 10, **values}
    return Config(port=0, no_tls=True, site=SiteConfig(root=str(root)), **settings)  # type: ignore[arg-type]  # by name


@contextmanager
def started(
    root: Path, **values: object
) -> Iterator[tuple[DevExtension, queue.Queue[str], EventReader]]:
    """A running extension, the lines it prints, and a stream that has heard the first state."""
    lines: queue.Queue[str] = queue.Queue()
    extension = DevExtension(config(root, live_reload=True, **values), report=lines.put)
    reader = extension.broker.open_reader()
    extension.start()
    try:
        wait_for(reader, b'"version":"')
        yield extension, lines, reader
    finally:
        extension.stop()


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
        assert lines.get(timeout=PATIENCE) == "changed /ä?.css"


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


def test_stopping_ends_the_streams(tmp_path: Path) -> None:
    with started(tmp_path) as (extension, _, reader):
        extension.end_streams()
        assert reader.read(1000) == b""


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"dev": True}, DevApplication),
        ({"live_reload": True}, DevApplication),
        ({"dev": True, "cors": True}, DevApplication),
        ({"cors": True}, CorsApplication),
        ({"open": True}, Site),
    ],
)
def test_what_is_put_around(tmp_path: Path, values: dict[str, object], kind: type) -> None:
    site = Site(SiteConfig(root=str(tmp_path)), clock=time.time)
    assert type(DevExtension(config(tmp_path, **values)).wrap(site)) is kind


@pytest.mark.parametrize("connected", [True, False])
def test_a_page_is_opened_unless_one_is_connected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, connected: bool
) -> None:
    monkeypatch.setattr(extension_module, "_RETURN_SECONDS", 0.01)
    opened: list[str] = []
    monkeypatch.setattr(open_page, "start", opened.append)
    extension = DevExtension(config(tmp_path, live_reload=True), page="http://localhost/")
    if connected:
        extension.broker.open_reader()
    extension._open("http://localhost/")
    assert opened == ([] if connected else ["http://localhost/"])
