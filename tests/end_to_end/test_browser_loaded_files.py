"""Live reload in Chromium where files change while a page loads: it reloads only if it has loaded
an earlier version of one of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.browser import Browser, address, dev_server, open_streams
from tests.support.edits import replace
from tests.support.processes import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LOADS = "Number(sessionStorage.loads)"
COUNT = "<script>sessionStorage.loads = Number(sessionStorage.loads || 0) + 1</script>"
#: The paths that the page hears have changed.
HEARD = """addEventListener("h2static:change", ({ detail }) => {
  window.heard = [...(window.heard || []), ...detail.changes.map(({ path }) => path)];
})"""
#: How long a change is not reported, in milliseconds: enough to load a page meanwhile.
LATE = 2_000


@pytest.fixture(params=[True, False], ids=["tls", "cleartext"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text(
        f"<!doctype html><title>first</title>{COUNT}<link rel=icon href=data:,>"
        f"<script>{HEARD}</script><script type=module src=a.js></script>"
        "<iframe src=frame.html></iframe>"
    )
    (root / "a.js").write_text("window.a = 1; import './b.js'; fetch('data.json')")
    (root / "b.js").write_text("window.b = 1")
    (root / "frame.html").write_text("<!doctype html><title>1</title><script src=c.js></script>")
    (root / "c.js").write_text("top.c = 1")
    (root / "data.json").write_text("1")
    return root


def heard(browser: Browser, *paths: str) -> None:
    for path in paths:
        browser.wait(f"(window.heard || []).includes('{path}')")


def settled(browser: Browser, root: Path) -> None:
    """Wait until the page has dealt with all that it heard before this change, which is not its."""
    (root / "unused.txt").write_text("x")
    heard(browser, "/unused.txt")
    # A request that it makes for a change precedes this one.
    browser.driver.execute_async_script(
        "fetch('/.h2static/events?page=/').then(arguments[arguments.length - 1])"
    )


def test_files_that_were_loaded_already(browser: Browser, root: Path, tls: bool) -> None:
    with dev_server(browser, root, "--debounce", str(LATE), tls=tls) as server:
        browser.visit(address(server))
        browser.driver.get("about:blank")
        # The page that is loaded now has all that is reported later.
        (root / "a.js").write_text("window.a = 2; import './b.js'; fetch('data.json')")
        (root / "b.js").write_text("window.b = 2")
        (root / "frame.html").write_text(
            "<!doctype html><title>2</title><script src=c.js></script>"
        )
        (root / "c.js").write_text("top.c = 2")
        (root / "data.json").write_text("2")
        browser.visit(address(server))
        browser.wait("[window.a, window.b, window.c].join()", "2,2,2")
        before = browser.run(LOADS)
        heard(browser, "/a.js", "/b.js", "/c.js", "/data.json", "/frame.html")
        settled(browser, root)
        assert browser.run(LOADS) == before
        # It is not deaf.
        replace(root / "b.js", "window.b = 3")
        browser.wait("window.b", 3)
        browser.wait(f"{LOADS} - {before}", 1)


@pytest.mark.parametrize("name", ["a.js", "b.js", "c.js", "data.json", "frame.html"])
def test_one_file_that_changes_after_it_was_loaded(browser: Browser, root: Path, name: str) -> None:
    with dev_server(browser, root, "--debounce", str(LATE), tls=True) as server:
        (root / "a.js").write_text("window.a = 2; import './b.js'; fetch('data.json')")
        browser.visit(address(server))
        browser.wait("[window.a, window.b, window.c].join()", "2,1,1")
        before = browser.run(LOADS)
        text = (root / name).read_text()
        replace(root / name, text.replace("1", "3") if "1" in text else text + " ")
        browser.wait(f"{LOADS} - {before}", 1)
        heard_nothing = "(window.heard || []).length"
        browser.wait("window.c", 3 if name == "c.js" else 1)
        assert browser.run(heard_nothing) == 0


def test_what_happened_in_the_cache_of_the_browser(browser: Browser, root: Path, tls: bool) -> None:
    """A page that comes back hears what it has missed, and reloads only if that concerns it."""
    (root / "other.html").write_text("<!doctype html><title>other</title>")
    # Without a frame: Chromium keeps such pages more readily.
    text = (root / "index.html").read_text().replace("<iframe src=frame.html></iframe>", "")
    (root / "index.html").write_text(text)
    with dev_server(browser, root, tls=tls) as server:

        def away() -> None:
            browser.run("window.marker = 'same page'")
            browser.run("location.href = '/other.html'")
            browser.wait("document.title", "other")
            browser.wait_connected()

        browser.visit(address(server))
        before = browser.run(LOADS)
        away()
        (root / "unused.js").write_text("1")
        server.wait_for_stderr("changed /unused.js")
        browser.run("history.back()")
        heard(browser, "/unused.js")
        settled(browser, root)
        assert browser.run("window.marker") == "same page"
        assert browser.run(LOADS) == before
        away()
        replace(root / "b.js", "window.b = 3")
        server.wait_for_stderr("changed /b.js")
        browser.run("history.back()")
        browser.wait("window.b", 3)
        assert browser.run(f"{LOADS} - {before}") == 1


def test_a_file_that_changes_while_it_is_sent(browser: Browser, root: Path) -> None:
    """The page has requested it, but its end comes after the news."""
    # That no coding makes small.
    filler = "//" + os.urandom(60_000).hex()
    (root / "slow.js").write_text(f"window.slow = 1;{filler}")
    with dev_server(browser, root, "--rate", "*slow.js=30K", tls=True) as server:
        browser.visit(address(server))
        before = browser.run(LOADS)
        script = "Object.assign(document.createElement('script'), { src: 'slow.js' })"
        browser.run(f"document.head.append({script})")
        wait_until(lambda: open_streams(server) == 2, "the script is being sent")
        replace(root / "slow.js", f"window.slow = 2;{filler}")
        heard(browser, "/slow.js")
        browser.wait(f"{LOADS} - {before}", 1)
