"""Live reload in Chromium of pages that are hard to ask about or to replace: lists and errors,
long addresses, service workers that keep everything, and reloads that come to nothing."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from tests.support.browser import Browser, address, dev_server
from tests.support.edits import replace
from tests.support.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LOADS = "Number(sessionStorage.loads)"
COUNT = "<script>sessionStorage.loads = Number(sessionStorage.loads || 0) + 1</script>"
REPLACED = "window.marker === undefined"


def page(title: str, content: str = "") -> str:
    return (
        f"<!doctype html><title>{title}</title>{COUNT}<link rel='icon' href='data:,'>{content}<p>"
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    return root


@pytest.mark.parametrize("name", ["new.txt", "new.png", "new.css"])
def test_a_new_file_in_a_list(browser: Browser, root: Path, name: str) -> None:
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        replace(root / name, "x")
        browser.wait(f"document.querySelector('main').textContent.includes('{name}')")
        browser.wait_connected()
        # Its size and its date are in the list.
        browser.run("window.marker = 1")
        replace(root / name, "xx")
        browser.wait(REPLACED)


@pytest.mark.parametrize("name", ["new.txt", "new.png", "new.css"])
def test_a_file_that_was_visited_before_it_existed(browser: Browser, root: Path, name: str) -> None:
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server, f"/{name}"))
        browser.run("window.marker = 1")
        replace(root / name, "x")
        browser.wait(REPLACED)


def test_a_style_sheet_of_an_error_page_changes_in_place(browser: Browser, root: Path) -> None:
    (root / "404.html").write_text(page("none", "<link rel='stylesheet' href='/a.css'>"))
    (root / "a.css").write_text("p { color: red }")
    with dev_server(browser, root, "--error-page", "404=404.html", tls=True) as server:
        browser.visit(address(server, "/none"))
        replace(root / "a.css", "p { color: blue }")
        browser.wait("getComputedStyle(document.querySelector('p')).color", "rgb(0, 0, 255)")
        assert browser.run(LOADS) == 1


def test_a_page_with_a_long_address(browser: Browser, root: Path) -> None:
    """Longer than the server answers questions about."""
    (root / "index.html").write_text(page("first"))
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server, "/?" + "x" * 9000))
        replace(root / "index.html", page("second"))
        browser.wait("document.title", "second")
        browser.wait_connected()
        assert browser.run(LOADS) == 2


#: As many write it: pages from the network, everything else from the cache.
KEEPS_FILES = """
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
const answer = async (request) => {
  const cache = await caches.open("files");
  const known = await cache.match(request);
  if (known) return known;
  const response = await fetch(request);
  cache.put(request, response.clone());
  return response;
};
addEventListener("fetch", (event) => {
  const { mode, method } = event.request;
  if (mode !== "navigate" && method === "GET") event.respondWith(answer(event.request));
});
"""


def test_a_service_worker_that_keeps_what_the_server_says(browser: Browser, root: Path) -> None:
    register = "<script>navigator.serviceWorker.register('/sw.js')</script>"
    (root / "index.html").write_text(page("0", register))
    (root / "sw.js").write_text(KEEPS_FILES)
    with dev_server(browser, root, tls=True) as server:
        browser.driver.get(address(server))
        browser.wait("!!navigator.serviceWorker.controller")
        for number in "123":
            browser.wait_connected()
            replace(root / "index.html", page(number, register))
            browser.wait("document.title", number)


#: As where the network changes: connections end, and requests with them.
FAILS = """
window.failed = 0;
const ask = window.fetch;
window.fetch = (...words) => {
  if (!window.offline) return ask(...words);
  window.failed += 1;
  return Promise.reject(new TypeError("Failed to fetch"));
};
"""


def test_a_question_that_fails_is_asked_again(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("first", f"<script>{FAILS}</script>"))
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run("window.offline = true")
        replace(root / "index.html", page("second"))
        browser.wait("window.failed > 1")
        browser.run("window.offline = false")
        browser.wait("document.title", "second")
        browser.wait_connected()
        assert browser.run(LOADS) == 2


def test_a_question_about_a_file_that_fails(browser: Browser, root: Path) -> None:
    """It is no reason to reload: the file may be what the page has loaded."""
    fails = FAILS.replace("!window.offline", "!window.offline || words[1].method !== 'HEAD'")
    script = f"<script>{fails}fetch('/a.txt')</script>"
    (root / "index.html").write_text(page("first", script))
    (root / "a.txt").write_text("1")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run("(window.offline = true, window.marker = 1)")
        replace(root / "a.txt", "2")
        browser.wait("window.failed > 1")
        assert browser.run("window.marker") == 1
        browser.run("window.offline = false")
        browser.wait(REPLACED)
        browser.wait_connected()
        assert browser.run(LOADS) == 2


#: The first style sheet that takes another one's place does not come.
LOSES_A_SHEET = """
window.lost = 0;
new MutationObserver((records, observer) => {
  for (const { addedNodes } of records) {
    for (const node of addedNodes) {
      if (node.rel !== "stylesheet") continue;
      observer.disconnect();
      window.lost += 1;
      node.dispatchEvent(new Event("error"));
    }
  }
}).observe(document.head, { childList: true });
"""


def test_a_style_sheet_that_fails(browser: Browser, root: Path) -> None:
    link = "<head><link rel='stylesheet' href='/a.css'></head>"
    (root / "index.html").write_text(page("first", link))
    (root / "a.css").write_text("p { color: red }")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run(f"(() => {{ {LOSES_A_SHEET} }})()")
        replace(root / "a.css", "p { color: blue }")
        browser.wait("getComputedStyle(document.querySelector('p')).color", "rgb(0, 0, 255)")
        browser.wait("document.styleSheets.length", 1)
        assert browser.run("[window.lost, Number(sessionStorage.loads)]") == [1, 1]


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "cleartext"])
def test_a_question_that_fails_with_the_connection(browser: Browser, root: Path, tls: bool) -> None:
    """The next server has no news, but the page is not what there is."""
    (root / "index.html").write_text(page("first", f"<script>{FAILS}</script>"))
    port = free_port()
    with dev_server(browser, root, tls=tls, port=port) as server:
        browser.visit(address(server))
        browser.run("window.offline = true")
        replace(root / "index.html", page("second"))
        browser.wait("window.failed > 0")
    browser.wait("document.querySelector('h2static-status') !== null")
    browser.run("window.offline = false")
    with dev_server(browser, root, tls=tls, port=port):
        browser.wait("document.title", "second")
        browser.wait_connected()
        assert browser.run(LOADS) == 2


#: A person's answer to the question whether to leave the page, once.
STAYS = "addEventListener('beforeunload', () => setTimeout(() => window.stop()), { once: true })"
LEAVES = (
    "addEventListener('beforeunload',"
    " () => setTimeout(() => { location.href = 'other.html' }), { once: true })"
)


def test_a_reload_that_is_called_off(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("first"))
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run(f"({STAYS}, window.marker = 1)")
        replace(root / "index.html", page("second"))
        browser.wait("sessionStorage.getItem('h2static.reloaded') !== null")
        # The page finds out after a while; until then, changes do not reload it.
        for number in range(60):
            replace(root / "unused.js", str(number))
            with contextlib.suppress(AssertionError):
                browser.wait("document.title", "second", seconds=0.5)
                break
        browser.wait("document.title", "second")
        assert browser.run(LOADS) == 2


def test_a_page_that_was_left_during_its_reload(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("first"))
    (root / "other.html").write_text("<!doctype html><title>other</title>")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run(f"({LEAVES}, window.marker = 1)")
        replace(root / "index.html", page("second"))
        browser.wait("['other', 'second'].includes(document.title)")
        # On a busy machine the reload may come first.
        if browser.run("document.title") == "other":
            browser.wait_connected()
            browser.run("history.back()")
        browser.wait("document.title", "second")
