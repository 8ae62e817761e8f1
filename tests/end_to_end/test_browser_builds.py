"""Live reload in Chromium where a tool writes the site: builds, frames, what concerns a page, forms
and service workers."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from tests.support.browser import Browser, address, dev_server, open_streams
from tests.support.edits import replace
from tests.support.marks import await_mark
from tests.support.processes import wait_until
from tests.support.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

LOADS = "Number(sessionStorage.loads)"
COUNT = "<script>sessionStorage.loads = Number(sessionStorage.loads || 0) + 1</script>"
RED = "rgb(255, 0, 0)"
GREEN = "rgb(0, 128, 0)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
FRAME = "document.querySelector('iframe').contentDocument"
OVERLAY = (
    "(document.querySelector('h2static-status') || {shadowRoot: {textContent: ''}})"
    ".shadowRoot.textContent"
)
#: Seconds between the files of a slow build, and between its removals and its files.
PAUSE = 0.12


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "dist"
    root.mkdir()
    return root


def page(title: str, content: str = "") -> str:
    return (
        f"<!doctype html><html><head><title>{title}</title>{COUNT}"
        f'<link rel="icon" href="data:,"></head><body>{content}</body></html>'
    )


def build(root: Path, number: int, *, pause: float, files: int = 40) -> None:
    """As ``vite build --watch``: empty the folder, work, write anew; the page comes last."""
    for old in root.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    time.sleep(pause)
    assets = root / "assets"
    assets.mkdir()
    for one in range(files):
        (assets / f"chunk-{number}-{one}.js").write_text("1")
        if one % 10 == 9:
            time.sleep(pause)
    (assets / f"index-{number}.js").write_text(f"document.body.dataset.built = {number}")
    script = f'<script type="module" src="/assets/index-{number}.js"></script>'
    (root / "index.html").write_text(page(f"build {number}", script))


# A pause of a second is longer than anything that is waited for: the page is protected by looking
# whether its file is there.
@pytest.mark.parametrize("pause", [0.0, PAUSE, 1.0])
def test_one_reload_for_one_build(browser: Browser, root: Path, pause: float) -> None:
    build(root, 0, pause=0)
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        for number in (1, 2, 3):
            build(root, number, pause=pause, files=40 if pause < 1 else 10)
            browser.wait("document.title", f"build {number}")
            browser.wait("document.body.dataset.built", str(number))
            await_mark(browser, root)
            assert browser.run(LOADS) == 1 + number
        # Nor was it reloaded into something else: an error, or a list of files.
        assert server.stdout().count("  /  ") == 4


def test_a_build_of_two_thousand_files_reloads_once(browser: Browser, root: Path) -> None:
    build(root, 0, pause=0)
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        for number in range(2000):
            folder = root / "pages" / str(number % 50)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.html").write_text(page(str(number)))
            if number % 20 == 0:
                time.sleep(0.05)
        replace(root / "index.html", page("built"))
        browser.wait("document.title", "built")
        await_mark(browser, root)
        assert browser.run(LOADS) == 2


def test_a_page_without_its_file_stays_and_says_so(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("first"))
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        (root / "index.html").unlink()
        browser.wait(f"{OVERLAY}.includes('file is missing')")
        assert browser.run("[document.title, " + LOADS + "]") == ["first", 1]
        server.wait_for_stderr("deleted /index.html\n")
        (root / "index.html").write_text(page("first"))
        browser.wait(LOADS, 2)
        browser.wait(f"{OVERLAY}", "")


# ---------------------------------------------------------------- frames


def test_style_sheets_and_images_change_in_frames(browser: Browser, root: Path) -> None:
    picture = "<svg xmlns='http://www.w3.org/2000/svg' width='{}' height='1'/>"
    (root / "index.html").write_text(page("outer", "<iframe src='/inner/frame.html'></iframe>"))
    (root / "inner").mkdir()
    (root / "inner" / "frame.html").write_text(
        "<!doctype html><link rel=stylesheet href=own.css><body><img src=own.svg></body>"
    )
    (root / "inner" / "own.css").write_text("@import 'imported.css'; p { color: red }")
    (root / "inner" / "imported.css").write_text(f"body {{ background: {RED} }}")
    (root / "inner" / "own.svg").write_text(picture.format(3))
    background = f"getComputedStyle({FRAME}.body).backgroundColor"
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.wait(background, RED)
        replace(root / "inner" / "imported.css", f"body {{ background: {GREEN} }}")
        browser.wait(background, GREEN)
        replace(root / "inner" / "own.svg", picture.format(7))
        browser.wait(f"{FRAME}.querySelector('img').naturalWidth", 7)
        assert browser.run(LOADS) == 1
        # What a frame is or runs has its page reload.
        frame = (root / "inner" / "frame.html").read_text()
        replace(root / "inner" / "frame.html", frame + "<b>more</b>")
        browser.wait(f"!!{FRAME}.querySelector('b')")
        assert browser.run(LOADS) == 2


# ---------------------------------------------------------------- what concerns a page


def test_only_pages_that_a_change_concerns_reload(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("one", "<script type=module src=/a.js></script>"))
    (root / "two.html").write_text(page("two", "<script>fetch('/data.json')</script>"))
    (root / "a.js").write_text("import './b.js'")
    (root / "b.js").write_text("window.b = 1")
    (root / "data.json").write_text("{}")
    with dev_server(browser, root, "--clean-urls", tls=True) as server:
        browser.visit(address(server))
        one = browser.driver.current_window_handle
        two = browser.new_tab(address(server, "/two"))
        browser.wait_connected()

        def loads() -> list[object]:
            found = []
            for handle in (one, two):
                browser.driver.switch_to.window(handle)
                await_mark(browser, root)
                found.append(browser.run(LOADS))
            return found

        for edit, expected in (
            ("b.js", [2, 1]),
            ("data.json", [2, 2]),
            ("two.html", [2, 3]),
            ("index.html", [3, 3]),
        ):
            path = root / edit
            replace(path, path.read_text() + " ")
            deadline = time.monotonic() + 30
            while loads() != expected and time.monotonic() < deadline:
                pass
            assert loads() == expected, edit
        replace(root / "nobody.html", page("nobody"))
        replace(root / "nobody.js", "1")
        assert loads() == [3, 3]


def test_what_a_worker_imports_reloads_its_page(browser: Browser, root: Path) -> None:
    script = "<script>new Worker('/w.js').onmessage = () => { window.works = true }</script>"
    (root / "index.html").write_text(page("one", script))
    (root / "w.js").write_text("importScripts('/imported.js'); postMessage(1)")
    (root / "imported.js").write_text("1")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        # No page waits for its workers.
        browser.wait("window.works === true")
        replace(root / "imported.js", "22")
        browser.wait(LOADS, 2)


@pytest.mark.parametrize("kind", ["classic", "module"])
def test_what_a_shared_worker_imports_reloads_its_page(
    browser: Browser, root: Path, kind: str
) -> None:
    script = (
        f"window.w = new SharedWorker('/w.js?x', {{type: '{kind}'}});"
        "w.port.onmessage = () => { window.works = true }"
    )
    (root / "index.html").write_text(page("one", f"<script>{script}</script>"))
    imports = {"classic": "importScripts('/imp%6Frted.js')", "module": "import './imp%6Frted.js'"}
    source = imports[kind] + "; onconnect = ({ ports: [port] }) => port.postMessage(1)"
    (root / "w.js").write_text(source)
    (root / "imported.js").write_text("1")
    (root / "nobody.js").write_text("1")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.wait("window.works === true")
        await_mark(browser, root)
        replace(root / "nobody.js", "22")
        await_mark(browser, root)
        assert browser.run(LOADS) == 1
        replace(root / "imported.js", "22")
        browser.wait(LOADS, 2)
        browser.wait_connected()
        replace(root / "w.js", source + "//")
        browser.wait(LOADS, 3)


def test_lists_show_local_time(browser: Browser, root: Path) -> None:
    (root / "a.txt").write_text("x")
    os.utime(root / "a.txt", (1_700_000_000, 1_700_000_000))
    zone = {"timezoneId": "Asia/Kathmandu"}
    with dev_server(browser, root, tls=True) as server:
        browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", zone)
        try:
            browser.visit(address(server))
            # 22:13 UTC is 5:45 hours earlier than that.
            browser.wait("document.querySelector('td.date').textContent", "2023-11-15 03:58")
            assert browser.run("document.querySelectorAll('.zone').length") == 0
        finally:
            browser.driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": ""})


def test_a_missing_file_that_a_page_asked_for_reloads_it(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("one", "<script src='/later.js'></script>"))
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        replace(root / "later.js", "window.there = true")
        browser.wait("window.there === true")


def test_a_page_may_replace_parts_of_itself(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("one", "<script src='/a.js'></script>"))
    (root / "a.js").write_text("1")
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        browser.run(
            "addEventListener('h2static:change', (event) => {"
            " window.changes = event.detail.changes; event.preventDefault(); })"
        )
        replace(root / "a.js", "22")
        browser.wait("window.changes", [{"path": "/a.js", "kind": "modified"}])
        browser.wait_connected()
        assert browser.run(LOADS) == 1


# ---------------------------------------------------------------- forms


def test_what_was_written_into_a_form_survives(browser: Browser, root: Path) -> None:
    form = (
        "<input name=a><input name=a><textarea id=t></textarea><input type=checkbox id=c>"
        "<input type=password id=secret><select id=s><option>1<option>2</select>"
        "<input id=listened oninput='window.events = (window.events || 0) + 1'>"
    )
    (root / "index.html").write_text(page("first", form))
    values = (
        "[...document.querySelectorAll('[name=a]')].map((one) => one.value)"
        ".concat(t.value, c.checked, secret.value, s.value, listened.value, window.events || 0)"
    )
    with dev_server(browser, root, tls=True) as server:
        browser.visit(address(server))
        for selector in ("[name=a]:nth-of-type(2)", "#t", "#secret", "#listened"):
            browser.driver.find_element("css selector", selector).send_keys("hi")
        browser.run("(c.click(), s.selectedIndex = 1)")
        replace(root / "index.html", page("second", form))
        browser.wait("document.title", "second")
        browser.wait(values, ["", "hi", "hi", True, "", "2", "hi", 1])
        # A person's own reload begins anew, as always.
        browser.wait_connected()
        browser.run("location.reload()")
        browser.wait(LOADS, 3)
        browser.wait_connected()
        assert browser.run(values) == ["", "", "", False, "", "1", "", 0]


# ---------------------------------------------------------------- service workers

PRECACHE = """
self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open("precache").then((cache) => cache.addAll(["/"])));
});
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  event.respondWith(caches.match(event.request.url).then((hit) => hit || fetch(event.request)));
});
"""
REGISTER = "<script>navigator.serviceWorker.register('/sw.js')</script>"
CONTROLLED = "!!navigator.serviceWorker.controller"


def test_a_service_worker_is_named_and_removed(browser: Browser, root: Path) -> None:
    (root / "index.html").write_text(page("first", REGISTER))
    (root / "sw.js").write_text(PRECACHE)
    words = ("--no-service-workers",)
    port = free_port()
    with dev_server(browser, root, tls=True, port=port) as server:
        browser.driver.get(address(server))
        browser.wait(CONTROLLED)
        server.wait_for_stderr("/sw.js is a service worker")
        replace(root / "index.html", page("second", REGISTER))
        # The page is reloaded, from the worker's cache and without the client.
        browser.wait("performance.getEntriesByType('navigation')[0].type", "reload")
        assert browser.run("document.title") == "first"
        browser.driver.get(address(server))
        wait_until(lambda: open_streams(server) == 0, "the page of before is gone")
        replace(root / "index.html", page("second", REGISTER + " "))
        server.wait_for_stderr("the service worker /sw.js may serve pages from its cache")
    with dev_server(browser, root, *words, tls=True, port=port) as server:
        # A browser looks for another worker some time after a visit; one is not always enough.
        for _ in range(10):
            browser.driver.get(address(server))
            try:
                browser.wait(f"document.title === 'second' && !{CONTROLLED}", seconds=5)
                break
            except AssertionError:
                continue
        browser.wait("document.title", "second")
        browser.wait(CONTROLLED, False)
        browser.wait_connected()
        # It registers its worker each time, and is not reloaded each time.
        await_mark(browser, root)
        loads = browser.run(LOADS)
        replace(root / "index.html", page("third", REGISTER))
        browser.wait("document.title", "third")
        browser.wait(CONTROLLED, False)
        await_mark(browser, root)
        assert browser.run(f"{LOADS} - {loads}") == 1
