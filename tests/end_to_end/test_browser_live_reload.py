"""Live reload in Chromium: issue-sized promises, over TLS (HTTP/2) and cleartext (HTTP/1.1)."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Browser, address, browsing, dev_server, open_streams
from tests.support.edits import replace
from tests.support.processes import RunningServer, wait_until
from tests.support.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

#: Counts loads and notes what the back/forward cache did.
COUNTER = """
sessionStorage.loads = Number(sessionStorage.loads || 0) + 1;
addEventListener("pageshow", (event) => { sessionStorage.persisted = event.persisted; });
"""
PAGE = """<!doctype html>
<html><head><title>first</title>
<link rel="stylesheet" href="style.css"><script src="counter.js"></script></head>
<body><h1>heading</h1><img src="image.png" alt=""><div style="height: 5000px"></div></body></html>
"""
RED = "rgb(255, 0, 0)"
GREEN = "rgb(0, 128, 0)"
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
HEADING = "getComputedStyle(document.querySelector('h1')).color"
LOADS = "Number(sessionStorage.loads)"
#: What the console says when a policy forbids the client or its events.
REFUSED = re.compile(r"(?:load the script|connect to) '[^']*/\.h2static/")
OVERLAY = (
    "(document.querySelector('h2static-status') || {shadowRoot: {textContent: ''}})"
    ".shadowRoot.textContent"
)


def png(width: int) -> bytes:
    """A black picture, one pixel high."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0" * (width + 1))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    # A name that is no secure context over cleartext, as a telephone's view of this machine.
    rule = "--host-resolver-rules=MAP phone.test 127.0.0.1"
    with browsing(tmp_path_factory.mktemp("browser"), rule) as chromium:
        yield chromium


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text(PAGE)
    (root / "style.css").write_text(f'@import "imported.css"; body {{ background: {RED} }}')
    (root / "imported.css").write_text(f"h1 {{ color: {RED} }}")
    (root / "counter.js").write_text(COUNTER)
    (root / "other.html").write_text("<!doctype html><title>other</title>")
    (root / "image.png").write_bytes(png(3))
    return root


@pytest.fixture(params=[True, False], ids=["tls", "cleartext"])
def tls(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def server(browser: Browser, root: Path, tls: bool) -> Iterator[RunningServer]:
    with dev_server(browser, root, tls=tls) as server:
        yield server


def retitle(page: Path, title: str) -> None:
    """Edit a page as an editor does: write beside it, then rename."""
    text, count = re.subn(r"<title>(?:first|second)", f"<title>{title}", page.read_text())
    assert count == 1
    replace(page, text)


def test_tests_do_not_share_what_pages_store(chromium: Browser, root: Path) -> None:
    """The system may give the port of an earlier server again: both have the same origin."""
    with dev_server(chromium, root, tls=True) as server:
        for _ in range(2):
            with chromium.forgetful():
                chromium.visit(address(server))
                assert chromium.run(LOADS) == 1
                assert chromium.run("localStorage.length + document.cookie.length") == 0
                chromium.run("localStorage.setItem('a', 'b') + (document.cookie = 'a=b')")


def test_protocol(browser: Browser, server: RunningServer, tls: bool) -> None:
    browser.visit(address(server))
    protocol = browser.run("performance.getEntriesByType('navigation')[0].nextHopProtocol")
    assert protocol == ("h2" if tls else "http/1.1")


def test_style_sheets_change_in_place(browser: Browser, server: RunningServer, root: Path) -> None:
    browser.visit(address(server))
    assert browser.run(BACKGROUND) == RED
    browser.run("window.marker = 'same page'")
    replace(root / "style.css", f'@import "imported.css"; body {{ background: {GREEN} }}')
    browser.wait(BACKGROUND, GREEN)
    replace(root / "imported.css", f"h1 {{ color: {GREEN} }}")
    browser.wait(HEADING, GREEN)
    # The old sheets are gone, and nothing was navigated.
    browser.wait("document.styleSheets.length", 1)
    assert browser.run("window.marker") == "same page"
    assert browser.run(LOADS) == 1


def test_a_style_sheet_never_leaves_a_gap(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    browser.visit(address(server))
    browser.run(
        "window.seen = new Set(), (function look() {"
        f" window.seen.add({BACKGROUND}); requestAnimationFrame(look); }})()"
    )
    for colour in (GREEN, RED, GREEN):
        replace(root / "style.css", f"body {{ background: {colour} }}")
        browser.wait(BACKGROUND, colour)
    assert browser.run("[...window.seen].sort()") == [GREEN, RED]


def test_images_change_in_place(browser: Browser, server: RunningServer, root: Path) -> None:
    browser.visit(address(server))
    width = "document.querySelector('img').naturalWidth"
    browser.wait(width, 3)
    replace(root / "image.png", png(7))
    browser.wait(width, 7)
    assert browser.run(LOADS) == 1


def test_background_images_change_in_place(browser: Browser, root: Path, tls: bool) -> None:
    (root / "style.css").write_text("h1 { background: url('image.png') }")
    with dev_server(browser, root, tls=tls) as server:
        browser.visit(address(server))
        replace(root / "image.png", png(7))
        image = "getComputedStyle(document.querySelector('h1')).backgroundImage"
        browser.wait(f"{image}.includes('?h2static=')")
        assert browser.run(LOADS) == 1


def test_a_page_reloads_once_and_keeps_the_scroll_position(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    browser.visit(address(server))
    browser.run("window.scrollTo(0, 1234)")
    retitle(root / "index.html", "second")
    browser.wait("document.title", "second")
    browser.wait("window.scrollY", 1234)
    browser.wait_connected()
    # A change that needs no reload comes after whatever else was on its way.
    replace(root / "style.css", f"body {{ background: {GREEN} }}")
    browser.wait(BACKGROUND, GREEN)
    assert browser.run(LOADS) == 2


def test_ten_tabs_reload_over_one_connection(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    first = browser.driver.current_window_handle
    browser.visit(address(server))
    handles = [first] + [browser.new_tab(address(server)) for _ in range(9)]
    browser.wait_connected()
    retitle(root / "index.html", "second")
    for handle in handles:
        browser.driver.switch_to.window(handle)
        browser.wait("document.title", "second")
        browser.wait(LOADS, 2)
    wait_until(lambda: open_streams(server) == 1, "one event stream for all tabs")
    # The tab that has the connection goes; another one takes over.
    browser.driver.switch_to.window(first)
    browser.driver.get("about:blank")
    browser.driver.switch_to.window(handles[-1])
    browser.wait_connected()
    retitle(root / "index.html", "third")
    for handle in handles[1:]:
        browser.driver.switch_to.window(handle)
        browser.wait("document.title", "third")


def test_restart_reloads_only_what_changed(browser: Browser, root: Path, tls: bool) -> None:
    port = free_port()
    with dev_server(browser, root, tls=tls, port=port) as server:
        browser.visit(address(server))
    browser.wait(f"{OVERLAY}.includes('lost')")
    with dev_server(browser, root, tls=tls, port=port):
        browser.wait(f"{OVERLAY}.includes('lost')", False)
        browser.wait_connected()
        assert browser.run(LOADS) == 1
    browser.wait(f"{OVERLAY}.includes('lost')")
    retitle(root / "index.html", "second")
    with dev_server(browser, root, tls=tls, port=port):
        browser.wait("document.title", "second")
        browser.wait_connected()
        assert browser.run(LOADS) == 2


def test_a_page_that_comes_back_hears_that_the_connection_is_lost(
    browser: Browser, root: Path, tls: bool
) -> None:
    """From the one that tries to connect, although it told the others before."""
    with dev_server(browser, root, tls=tls) as server:
        browser.visit(address(server, "/other.html"))
        browser.new_tab(address(server))
        browser.wait_connected()
        browser.run("window.marker = 'same page'")
        browser.run("location.href = '/other.html'")
        browser.wait("document.title", "other")
        browser.wait_connected()
    browser.wait(f"{OVERLAY}.includes('lost')")
    browser.run("history.back()")
    browser.wait("document.title", "first")
    assert browser.run("window.marker") == "same page"
    browser.wait(f"{OVERLAY}.includes('lost')")


def test_a_page_with_a_foreign_base(browser: Browser, root: Path, tls: bool) -> None:
    """It reloads, and so does the page that it shares its connection with."""
    base = '<!doctype html><head><title>first</title><base href="https://base.test/a/">'
    (root / "based.html").write_text(f"{base}<script>{COUNTER}</script>")
    with dev_server(browser, root, tls=tls) as server:
        browser.visit(address(server, "/based.html"))
        based = browser.driver.current_window_handle
        browser.new_tab(address(server))
        browser.wait_connected()
        retitle(root / "index.html", "second")
        browser.wait("document.title", "second")
        browser.driver.switch_to.window(based)
        browser.wait_connected()
        assert browser.run(LOADS) == 1
        retitle(root / "based.html", "second")
        browser.wait("document.title", "second")
        asked = "performance.getEntriesByType('resource').map((entry) => entry.name)"
        assert browser.run(f"{asked}.filter((name) => name.includes('base.test'))") == []


def test_back_and_forward_use_the_cache(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    browser.visit(address(server))
    browser.run("window.marker = 'same page'")
    browser.run("location.href = '/other.html'")
    browser.wait("document.title", "other")
    browser.wait_connected()
    browser.run("history.back()")
    browser.wait("document.title", "first")
    browser.wait("window.marker", "same page")
    assert browser.run("sessionStorage.persisted") == "true"
    # It hears again, and a change during its sleep would have reloaded it.
    browser.wait_connected()
    assert browser.run(LOADS) == 1
    browser.run("history.forward()")
    browser.wait("document.title", "other")
    retitle(root / "index.html", "second")
    browser.wait_connected()
    browser.run("history.back()")
    browser.wait("document.title", "second")


POLICIES = {
    "self": (PAGE, "default-src 'self'; img-src 'none'"),
    "nothing": (PAGE, "default-src 'none'"),
    "strict": (PAGE, "script-src 'strict-dynamic' 'sha256-AAAA'"),
    "nonce in meta": (
        PAGE.replace(
            "<title>",
            "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none';"
            " script-src 'nonce-abc123'\"><title>",
        ),
        "",
    ),
    "no head and body": ("<!doctype html>\n<title>first</title>\n<p>text", ""),
    "no markup before the text": ("text <title>first</title>", ""),
    "trusted types": (PAGE, "require-trusted-types-for 'script'; trusted-types 'none'"),
}


@pytest.mark.parametrize("name", POLICIES)
def test_any_document_reloads(browser: Browser, root: Path, tls: bool, name: str) -> None:
    document, policy = POLICIES[name]
    (root / "index.html").write_text(document)
    words = ("--header", f"/*:content-security-policy: {policy}") if policy else ()
    with dev_server(browser, root, *words, tls=tls) as server:
        browser.log()
        browser.visit(address(server))
        retitle(root / "index.html", "second")
        browser.wait("document.title", "second")
        browser.wait_connected()
        assert [line for line in browser.log() if REFUSED.search(line)] == []


def test_the_overlay_shows_under_any_policy(browser: Browser, root: Path) -> None:
    words = ("--header", "/*:content-security-policy: default-src 'none'")
    with dev_server(browser, root, *words, tls=True) as server:
        browser.visit(address(server))
    browser.wait(f"{OVERLAY}.includes('lost')")
    style = "getComputedStyle(document.querySelector('h2static-status')).position"
    assert browser.run(style) == "fixed"
    # Its button works while there is no connection, too.
    browser.run(
        "document.querySelector('h2static-status').shadowRoot.querySelector('button').click()"
    )
    assert browser.run("document.querySelector('h2static-status')") is None


def test_the_overlay_shows_each_problem_on_a_line_of_its_own(browser: Browser, root: Path) -> None:
    words = ("-p", "/=/none.css", "-p", "/=/nothing.css")
    with dev_server(browser, root, *words, tls=True) as server:
        browser.visit(address(server))
        browser.wait(f"{OVERLAY}.includes('/nothing.css')")
        shown = "document.querySelector('h2static-status').shadowRoot.querySelector('li').innerText"
        lines = browser.run(shown)
        assert isinstance(lines, str)
        assert len(lines.splitlines()) == 2


def test_without_a_secure_context(browser: Browser, root: Path) -> None:
    words = ("--allow-host", "phone.test")
    with dev_server(browser, root, *words, tls=False) as server:
        browser.driver.get(address(server).replace("localhost", "phone.test"))
        assert browser.run("window.isSecureContext || 'locks' in navigator") is False
        wait_until(lambda: open_streams(server) == 1, "the page listens")
        replace(root / "style.css", f"body {{ background: {GREEN} }}")
        browser.wait(BACKGROUND, GREEN)
        retitle(root / "index.html", "second")
        browser.wait("document.title", "second")
        wait_until(lambda: open_streams(server) == 1, "the page listens again")
        # Hidden pages give their connection up, and catch up when they are seen again.
        hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true })"
        event = "document.dispatchEvent(new Event('visibilitychange'))"
        browser.run(f"({hide % 'true'}, {event})")
        wait_until(lambda: open_streams(server) == 0, "the hidden page does not listen")
        retitle(root / "index.html", "third")
        server.wait_for_stderr("changed /index.html (no page is connected)")
        browser.run(f"({hide % 'false'}, {event})")
        browser.wait("document.title", "third")


def test_frames_do_not_reload_by_themselves(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    (root / "frame.html").write_text("<!doctype html><title>frame</title>")
    (root / "outer.html").write_text(
        "<!doctype html><title>first</title><iframe src='frame.html'></iframe>"
        "<script>fetch('frame.html').then((r) => r.text()).then((t) => { window.fetched = t })"
        "</script>"
    )
    browser.visit(address(server, "/outer.html"))
    frame = "document.querySelector('iframe').contentDocument.documentElement.outerHTML"
    browser.wait(f"{frame}.includes('frame')")
    assert browser.run(f"{frame}.includes('h2static')") is False
    browser.wait("window.fetched", "<!doctype html><title>frame</title>")


def test_a_page_from_the_browsers_cache_knows_the_newest_state(
    browser: Browser, server: RunningServer, root: Path
) -> None:
    browser.visit(address(server))
    (root / "unused.css").write_text("p {}")
    server.wait_for_stderr("changed /unused.css")
    browser.run("location.reload()")
    browser.wait(LOADS, 2)
    browser.wait_connected()
    # The page itself has not changed: the answer was 304, and it told the state of now.
    wait_until(lambda: server.stdout().count("GET   304  /  ") == 1, "304 for the page")
    browser.wait_connected()
    assert browser.run(LOADS) == 2


def test_a_page_that_stays_behind_reloads_once(browser: Browser, root: Path) -> None:
    # As from the cache of a service worker: whatever the server says, the page says it is old.
    (root / "counter.js").write_text(
        COUNTER
        + "const old = { name: 'h2static', description: 'old 1 1 x' };"
        + "performance.getEntriesByType = () => [{ serverTiming: [old] }];"
    )
    with dev_server(browser, root, tls=True) as server:
        browser.driver.get(address(server))
        browser.wait(LOADS, 2)
        browser.wait_connected()
        # It hears the same again, and stays.
        browser.wait_connected()
        assert browser.run(LOADS) == 2


#: A page that plays a server of several processes.  ``window.loads`` has for each load what the
#: page says that it is, and the events that it hears.
PROCESSES = """
const [label, events] = window.loads[Number(sessionStorage.loads || 0)] || [null, []];
const state = ([version, moment, server = 7]) => ({ version, server, moment });
const words = ({ version, server, moment }) =>
  version === "unknown" ? `unknown ${moment}` : `${version} ${server} ${moment}`;
const timings = label ? [{ name: "h2static", description: words(state(label)) }] : [];
performance.getEntriesByType = () => [{ serverTiming: timings }];
sessionStorage.loads = Number(sessionStorage.loads || 0) + 1;
sessionStorage.stays = false;
window.EventSource = class extends EventTarget {
  constructor() {
    super();
    setTimeout(() => {
      for (const [name, version, previous] of events) {
        const changes = [{ path: "/x.html", kind: "modified" }];
        const data = JSON.stringify({ ...state(version), previous, changes, problems: [] });
        this.dispatchEvent(new MessageEvent(name, { data }));
      }
      // Once it has heard them, a page that is going to reload has noted where it was scrolled to.
      setTimeout(() => {
        sessionStorage.stays = sessionStorage.getItem("h2static.scroll") === null;
      });
    });
  }
  close() {}
};
"""
OLD, NEW, NEWER = ["a", 10], ["b", 20], ["c", 30]
CHANGED = ("change", NEW, "a")


@pytest.mark.parametrize(
    "loads",
    [
        # What the first load hears, what the next one is said to be, and what that one hears.
        pytest.param([(OLD, [CHANGED]), (NEW, [("hello", NEW)])], id="one"),
        pytest.param(
            [(OLD, [CHANGED]), (["a", 12], [("hello", NEW)])], id="the page's process is behind"
        ),
        pytest.param(
            [(OLD, [CHANGED]), (["a", 12], [("hello", ["a", 12]), ("change", ["b", 22], "a")])],
            id="and the same one is listened to",
        ),
        pytest.param(
            [(OLD, [CHANGED]), (NEW, [("hello", ["a", 12]), ("change", ["b", 22], "a")])],
            id="the process that is listened to is behind",
        ),
        pytest.param([(OLD, [("hello", NEW)]), (OLD, [("hello", NEW)])], id="after a pause"),
        pytest.param(
            [(OLD, [CHANGED]), (NEW, [("hello", NEW), ("change", NEWER, "b")]), (NEWER, [])],
            id="two edits",
        ),
        pytest.param(
            [(OLD, [CHANGED]), (["a", 12], [("hello", OLD), ("change", NEWER, "a")]), (NEWER, [])],
            id="two edits, which one process found as one",
        ),
        pytest.param(
            [(["a", 9000, 6], [("hello", NEW)]), (NEW, [("hello", NEW)])], id="another server"
        ),
    ],
)
def test_a_page_reloads_once_whichever_process_answers(
    browser: Browser, root: Path, loads: list[object]
) -> None:
    (root / "processes.js").write_text(f"window.loads = {json.dumps(loads)};{PROCESSES}")
    (root / "index.html").write_text("<!doctype html><script src='processes.js'></script>")
    with dev_server(browser, root, tls=True) as server:
        browser.driver.get(address(server))
        browser.wait(LOADS, len(loads))
        browser.wait("sessionStorage.stays", "true")
        assert browser.run(LOADS) == len(loads)


#: Answers that the page has waited for.
FINISHED = """
window.finished = 0;
const ask = window.fetch.bind(window);
window.fetch = (...words) => ask(...words).finally(() => { window.finished += 1; });
"""
#: A page that has loaded another version of a file than there is.
LOADED = """
window.PerformanceObserver = class {
  observe() {}
  takeRecords() {
    const serverTiming = [{ name: "h2static", description: "another" }];
    return [{ name: `${location.origin}/data.txt`, serverTiming, startTime: 1 }];
  }
};
"""


def test_a_page_that_was_sent_too_early_a_second_time(browser: Browser, root: Path) -> None:
    """Such as by another server: it compares what it has loaded as it did before."""
    (root / "index.html").write_text("<!doctype html><script src='processes.js'></script>")
    early = ["unknown", "another"]
    then = [("hello", NEW)]
    loads = [(early, then), (NEW, then), (early, then), (NEW, then)]
    script = f"window.loads = {json.dumps(loads)};{PROCESSES}"
    (root / "processes.js").write_text(script)
    with dev_server(browser, root, tls=False) as server:
        browser.driver.get(address(server))
        browser.wait(LOADS, 2)
        browser.wait("sessionStorage.stays", "true")
        browser.run("location.reload()")
        browser.wait(LOADS, 4)


#: The page hears that the state is known when a test wants it to.
SPEAKING = """
const Silent = window.EventSource;
window.EventSource = class extends Silent {
  constructor() {
    super();
    window.say = (version) => {
      const data = JSON.stringify({ ...state(version), problems: [] });
      this.dispatchEvent(new MessageEvent("hello", { data }));
    };
  }
};
"""


def tag_of_page(server: RunningServer) -> str:
    """What the client of a page is told, over cleartext."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        fields = {"host": f"localhost:{server.port}", "sec-fetch-site": "same-origin"}
        connection.request("GET", "/.h2static/events?page=%2F", headers=fields)
        tag = json.loads(connection.getresponse().read())["tag"]
    assert isinstance(tag, str)
    return tag


@pytest.mark.parametrize(
    ("changed", "count"), [("nothing", 1), ("page", 2), ("page for ever", 2), ("file", 2)]
)
def test_a_page_that_was_sent_before_the_state_was_known(
    browser: Browser, root: Path, changed: str, count: int
) -> None:
    """What changed before that is never told: the page compares what it has loaded."""
    # One file does not exist; nor would an icon, so the browser is told not to ask for one.
    (root / "index.html").write_text(
        "<!doctype html><link rel='icon' href='data:,'><script src='missing.js'></script>"
        "<script src='processes.js'></script>"
    )
    (root / "data.txt").write_text("1")
    with dev_server(browser, root, tls=False) as server:
        early = ["unknown", "another" if "page" in changed else tag_of_page(server)]
        then = early if changed == "page for ever" else NEW
        loads = [(early, [("hello", NEW)]), (then, [("hello", NEW)])]
        extra = FINISHED + (LOADED if changed == "file" else "")
        script = f"{extra}window.loads = {json.dumps(loads)};{PROCESSES}"
        (root / "processes.js").write_text(script)
        browser.driver.get(address(server))
        browser.wait(LOADS, count)
        browser.wait("sessionStorage.stays", "true")
        if changed == "nothing":
            # The page's version, and those of its scripts.
            browser.wait("window.finished", 3)
            browser.driver.execute_async_script("setTimeout(arguments[0])")
        assert browser.run("sessionStorage.getItem('h2static.scroll')") is None
        assert browser.run(LOADS) == count


@pytest.mark.parametrize(("origin", "count"), [("localhost", 2), ("127.0.0.1", 1)])
def test_a_file_that_was_on_its_way_before_the_state_was_known(
    browser: Browser, root: Path, origin: str, count: int
) -> None:
    """It was requested before its change, which is never told; those of others do not count."""
    # That no coding makes small.
    filler = "//" + os.urandom(60_000).hex()
    (root / "slow.js").write_text(f"window.slow = 1;{filler}")
    (root / "index.html").write_text(
        "<!doctype html><link rel='icon' href='data:,'><script src='processes.js'></script>"
    )
    with dev_server(browser, root, "--rate", "*slow.js=30K", tls=False) as server:
        loads = json.dumps([(["unknown", tag_of_page(server)], []), (NEW, [])])
        script = f"window.loads = {loads};{PROCESSES}{SPEAKING}"
        (root / "processes.js").write_text(script)
        browser.driver.get(address(server))
        source = f"http://{origin}:{server.port}/slow.js"
        element = f"Object.assign(document.createElement('script'), {{ src: '{source}' }})"
        browser.run(f"document.head.append({element})")
        wait_until(lambda: open_streams(server) == 1, "the script is being sent")
        replace(root / "slow.js", f"window.slow = 2;{filler}")
        browser.run(f"window.say({json.dumps(NEW)})")
        if count == 1:
            browser.wait("window.slow", 1)
            # What the page asks when a file has come precedes this.
            browser.driver.execute_async_script(
                "const [done] = arguments;"
                "setTimeout(() => fetch('/.h2static/events?page=/').then(() => setTimeout(done)))"
            )
            assert browser.run("sessionStorage.getItem('h2static.reloaded')") is None
        browser.wait(LOADS, count)


def test_a_deleted_page_comes_back(browser: Browser, server: RunningServer, root: Path) -> None:
    browser.visit(address(server))
    page = root / "index.html"
    content = page.read_text()
    shutil.move(page, root.parent / "kept.html")
    (root / "style.css").unlink()
    browser.wait(f"{OVERLAY}.includes('file is missing')")
    browser.wait_connected()
    replace(page, content)
    browser.wait("document.title", "first")


def test_changes_of_ignored_and_unused_files_leave_the_page_alone(
    browser: Browser, root: Path
) -> None:
    with dev_server(browser, root, "--ignore", "generated", tls=True) as server:
        browser.visit(address(server))
        (root / "unused.css").write_text("p {}")
        (root / "generated").mkdir()
        (root / "generated" / "x.js").write_text("1")
        (root / "index.html.tmp").write_text("x")
        (root / "index.html").touch()
        replace(root / "style.css", f"body {{ background: {GREEN} }}")
        browser.wait(BACKGROUND, GREEN)
        assert browser.run(LOADS) == 1
