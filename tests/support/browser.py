"""Headless Chromium, driven by selenium.

Promise: a browser of its own profile and home folder, whose certificate store trusts the local
authority of the servers under test; certificate errors are not ignored.  It is gone when the block
ends.  Waiting has a deadline and polls the page; nothing sleeps for luck.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.request import urlopen

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from websockets.sync.client import connect

from h2static.localca.certificates import ensure_certificate
from h2static.localca.stores import StoreKind, find_stores
from h2static.localca.trust import install
from tests.support.events import EventClient
from tests.support.processes import RunningServer, running
from tests.support.servers import free_port
from tests.support.tools import require_tool

#: Seconds for what a page does on a busy machine.
PATIENCE = 30.0
_ARGUMENTS = (
    "--headless=new",
    # Containers have no user namespaces for the sandbox; only local pages are visited.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=1000,700",
)
#: Asks over the channel that tabs share whether the connection stands, and changes are told.
_CONNECTED = """
const done = arguments[arguments.length - 1];
const channel = new BroadcastChannel("h2static");
const ask = () => channel.postMessage({ name: "join" });
const timer = setInterval(ask, 20);
channel.onmessage = ({ data }) => {
  if (data.name !== "hello" || data.data.version === null) return;
  clearInterval(timer);
  channel.close();
  done(true);
};
ask();
"""


@dataclass(slots=True, kw_only=True)
class Browser:
    """A browser and the environment that servers share with it."""

    driver: Chrome
    #: For servers: where the local authority is.
    environment: dict[str, str]
    #: Where new tabs keep what they store; empty: where the first tab does.
    memory: dict[str, str] = field(default_factory=dict)

    def run(self, script: str) -> object:
        """The value of a JavaScript expression in the page."""
        return self.driver.execute_script(f"return ({script})")

    def wait(self, script: str, expected: object = True, seconds: float = PATIENCE) -> float:
        """Wait until an expression has this value; how many seconds it took."""
        started = time.monotonic()
        value: object = None
        while time.monotonic() - started < seconds:
            try:
                value = self.run(script)
            except WebDriverException as error:
                # The page is just being replaced.
                value = error.msg
            if value == expected:
                return time.monotonic() - started
            time.sleep(0.01)
        raise AssertionError(f"waited {seconds} s for {script} == {expected!r}; it is {value!r}")

    def visit(self, url: str) -> None:
        """Open a page and wait until it hears events."""
        self.driver.get(url)
        self.wait_connected()

    def wait_connected(self) -> None:
        """Wait until the connection that the tabs share stands, and says the state of the files."""
        # A script whose page is replaced never answers: ask the next page.
        self.driver.set_script_timeout(PATIENCE / 10)
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self.driver.execute_async_script(_CONNECTED)
            except WebDriverException:
                if time.monotonic() > deadline:
                    raise
            else:
                self.driver.set_script_timeout(PATIENCE)
                return

    def new_tab(self, url: str) -> str:
        """Open a page in another tab, which is then the current one; its handle."""
        words = {"url": "about:blank", **self.memory}
        handle = str(self._command("Target.createTarget", **words)["targetId"])
        self.driver.switch_to.window(handle)
        self.driver.get(url)
        return handle

    @contextmanager
    def forgetful(self) -> Iterator[None]:
        """For this block, tabs that share nothing with those before, as in a private window.

        The system may give a server the port of an earlier one: the pages of both would have one
        origin, and would find each other's storage, caches and service workers.
        """
        (first,) = self.driver.window_handles
        made = self._command("Target.createBrowserContext")
        self.memory = {"browserContextId": str(made["browserContextId"])}
        try:
            self.new_tab("about:blank")
            yield
        finally:
            self.driver.switch_to.window(first)
            self._command("Target.disposeBrowserContext", **self.memory)
            self.memory = {}

    def _command(self, method: str, **parameters: str) -> dict[str, object]:
        """The result of a command to the browser as a whole, which no tab may give."""
        debugger = self.driver.capabilities["goog:chromeOptions"]["debuggerAddress"]
        with urlopen(f"http://{debugger}/json/version", timeout=PATIENCE) as version:
            address = json.load(version)["webSocketDebuggerUrl"]
        with connect(address, max_size=None) as socket:
            socket.send(json.dumps({"id": 1, "method": method, "params": parameters}))
            answer = json.loads(socket.recv(timeout=PATIENCE))
        result: dict[str, object] = answer["result"]
        return result

    def log(self) -> list[str]:
        """What the console has shown since the last call."""
        # selenium has no types there.
        entries: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries]


def open_streams(server: RunningServer) -> int:
    """Requests that are not finished: event streams, when nothing else is asked."""
    (counters,) = server.counters()
    inner = counters["counters"]
    assert isinstance(inner, dict)
    count = inner["streams"]
    assert isinstance(count, int)
    return count


@contextmanager
def browsing(folder: Path, *extra: str) -> Iterator[Browser]:
    """A browser that keeps what it needs in ``folder``; ``extra`` are arguments of Chromium."""
    binary = require_tool("chromium", package="chromium")
    driver_binary = require_tool("chromedriver", package="chromium-driver")
    require_tool("certutil", package="libnss3-tools")
    home = folder / "home"
    home.mkdir()
    environment = {"HOME": str(home), "XDG_DATA_HOME": str(folder / "data")}
    certificate = ensure_certificate(folder=folder / "data" / "h2static")
    stores = [one for one in find_stores(home=home) if one.kind is StoreKind.NSS]
    assert all(one.done for one in install(certificate, stores))
    options = Options()
    options.binary_location = binary
    usual = [one for one in _ARGUMENTS if one != "--disable-quic" or "--enable-quic" not in extra]
    for argument in (*usual, f"--user-data-dir={folder / 'profile'}", *extra):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    # A port of selenium's choice is the system's: anybody may get it before the driver listens.
    service = Service(driver_binary, port=free_port(), env={**os.environ, **environment})
    driver = Chrome(options=options, service=service)
    try:
        yield Browser(driver=driver, environment=environment)
    finally:
        driver.quit()


class Trusting(Protocol):
    """A browser that trusts the authority of servers in this environment."""

    environment: dict[str, str]


@contextmanager
def dev_server(
    browser: Trusting, root: Path, *words: str, tls: bool, port: int = 0
) -> Iterator[RunningServer]:
    """``h2static --dev`` on ``root``, with the certificate that the browser trusts.

    It knows the files: a page of before that compares what it has loaded with what there is then,
    and reloads for an edit that it would hear of otherwise.
    """
    secure = () if tls else ("--no-tls",)
    arguments = ("--dev", "-a", "127.0.0.1", *secure, *words, str(port), str(root))
    with running(*arguments, environment=browser.environment) as server:
        with EventClient(server.port, tls=tls) as events:
            events.known()
        yield server


def address(server: RunningServer, path: str = "/") -> str:
    """The URL of ``path`` under the name ``localhost``."""
    scheme = server.urls[0].partition(":")[0]
    return f"{scheme}://localhost:{server.port}{path}"
