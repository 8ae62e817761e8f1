"""The page in place of a plain 404: what it says, and what it keeps to itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from h2static.dev.limits import DevLimits
from h2static.dev.pages import ServedFolder, host_page, missing_page
from h2static.site import Site, SiteConfig
from h2static.site.rules import parse_error_page
from tests.dev.support import ELEMENT, NAVIGATION, Dev, dev_around, fields_of, request
from tests.support.exchange import FakeExchange, ask, read_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_bytes(b"<p>")
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.fixture
def dev(root: Path) -> Dev:
    return Dev(root)


def test_missing_page_helps(dev: Dev, root: Path) -> None:
    response = dev.visit(b"/indx.html?a=%3Cb%3E")
    assert response.status == 404
    body = read_all(response.body)
    assert b'<a href="/index.html">' in body
    assert str(root).encode() in body
    assert ELEMENT in body
    assert b"etag" not in fields_of(response)


def test_missing_page_shows_nothing_outside_the_root(root: Path) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret.html").write_text("x")
    (root / "link").symlink_to(outside)
    body = read_all(Dev(root).visit(b"/link/secre.html").body)
    assert b"secre.html" in body
    assert b"secret" not in body


def test_missing_page_tells_no_hidden_names(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "configuration").write_text("x")
    (root / ".well-known").mkdir()
    (root / ".well-known" / "security.txt").write_text("x")
    dev = Dev(root)
    for path in (b"/.git/configuratio", b"/%2Egit/configuratio", b"/sub/../.git/configuratio"):
        body = read_all(dev.visit(path).body)
        assert b"configuration" not in body
    body = read_all(dev.visit(b"/.well-known/securty.txt").body)
    assert b"/.well-known/security.txt" in body


def test_missing_page_escapes(dev: Dev) -> None:
    body = read_all(dev.visit(b"/%3Cscript%3Ealert(1)%3C/script%3E%FF").body)
    assert b"&lt;script&gt;alert(1)" in body
    assert b"<script>alert" not in body


def test_own_error_page_is_kept(root: Path) -> None:
    (root / "404.html").write_bytes(b"<p>mine")
    config = SiteConfig(root=str(root), error_page=(parse_error_page("404=/404.html"),))
    application = dev_around(Site(config, clock=time.time), root=str(root))
    assert read_all(ask(application, request(b"/x", *NAVIGATION)).body) == ELEMENT + b"<p>mine"


def test_the_page_of_a_missing_file_is_made_in_a_thread(dev: Dev) -> None:
    """It looks at a folder, which may be large or cold."""
    exchange = FakeExchange(request(b"/indx.html", *NAVIGATION))
    dev.application.handle(exchange)
    assert exchange.response is None
    exchange.run_jobs()
    assert exchange.answer().status == 404


def test_a_page_for_each_missing_path_and_none_for_a_file_that_came(dev: Dev, root: Path) -> None:
    for path in (b"/one.html", b"/two.html", b"/one.html"):
        assert b"<code>" + path + b"</code>" in read_all(dev.visit(path).body)
    (root / "one.html").write_bytes(b"<p>here")
    assert read_all(dev.visit(b"/one.html").body) == ELEMENT + b"<p>here"


def test_suggestions_are_bounded(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"page{number}.html").touch()
    page = missing_page(ServedFolder(root=str(tmp_path)), b"/page.html", DevLimits(suggestions=2))
    assert page.count(b"<li>") == 2
    page = missing_page(
        ServedFolder(root=str(tmp_path)), b"/page.html", DevLimits(suggestion_entries=1)
    )
    assert page.count(b"<li>") == 1


@pytest.mark.parametrize("path", [b"/%00", b"/x%00y/z.html", b"/%FF.html", b"/" + b"x" * 5000])
def test_odd_paths(root: Path, path: bytes) -> None:
    page = missing_page(ServedFolder(root=str(root)), path)
    page.decode()
    assert page.endswith(b"</html>\n")


def test_the_name_that_is_refused_is_escaped() -> None:
    assert b"--allow-host &lt;b&gt;?" in host_page("<b>\udc80")
