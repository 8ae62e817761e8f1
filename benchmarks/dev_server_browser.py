"""Headless Chromium that counts: documents by status, and when a page was shown.

Promise: :func:`chromium` keeps its profile in a home folder that is not the user's.  What it counts
comes from the events of the DevTools protocol, which carry times of the monotonic clock; so what is
measured does not depend on how often somebody looks.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

_ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
)


class BrowserFailed(Exception):
    """Chromium or its driver is missing, or a page cannot be driven."""


@dataclass(slots=True, kw_only=True)
class Browser:
    """A browser with one tab."""

    driver: Chrome
    #: When a document of the tab was last there, by the monotonic clock.
    shown: float = 0.0
    _pending: list[int] = field(default_factory=list)

    def open(self, url: str) -> None:
        try:
            self.driver.get(url)
        except WebDriverException as error:
            raise BrowserFailed(str(error.msg)) from error

    def error_of(self, url: str) -> str | None:
        """The error of the network that Chromium shows instead of a page."""
        try:
            self.driver.get(url)
        except WebDriverException as error:
            words = [word for word in str(error.msg).split() if "ERR_" in word]
            return words[-1].removeprefix("net::") if words else str(error.msg)
        # For a certificate that is not trusted the driver reports nothing: Chromium shows a page.
        shown = re.search(
            r"\b(ERR_CERT_\w+)", str(self.run("return document.documentElement.textContent"))
        )
        return None if shown is None else shown[1]

    def run(self, script: str) -> object:
        return self.driver.execute_script(script)

    def becomes(self, condition: str, seconds: float) -> bool:
        """Whether an expression gets true in time."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                if self.run(f"return {condition}"):
                    return True
            except WebDriverException:
                # The page is just being replaced.
                pass
            time.sleep(0.02)
        return False

    def documents(self) -> list[int]:
        """The statuses of the documents that the tab was answered since the last call."""
        self._read()
        found, self._pending = self._pending, []
        return found

    def shown_at(self) -> float:
        """When the last document's content was there, by the monotonic clock."""
        time.sleep(0.2)
        self._read()
        return self.shown

    def coding_of(self, url: str, suffix: str) -> str:
        """The content coding that Chromium gets for what ends so, and its size on the wire."""
        self.open(url)
        time.sleep(1)
        for message in self._messages():
            response = message["params"].get("response", {})
            path = response.get("url", "").partition("?")[0]
            if message["method"] == "Network.responseReceived" and path.endswith(suffix):
                if "/assets/" not in path:
                    continue
                fields = {name.lower(): value for name, value in response["headers"].items()}
                coding = fields.get("content-encoding", "no coding")
                entry = f"performance.getEntriesByName({json.dumps(response['url'])})[0]"
                octets = self.run(f"return {entry}.encodedBodySize")
                assert isinstance(octets, int)
                return f"{coding}, {octets / 1000:.1f} kB, {response['protocol']}"
        raise BrowserFailed(f"no {suffix} was loaded")

    def echo(self, path: str) -> str:
        """What a WebSocket of the page says."""
        self.driver.set_script_timeout(15)
        script = """
        const [path, done] = arguments;
        const scheme = location.protocol === "https:" ? "wss:" : "ws:";
        const socket = new WebSocket(`${scheme}//${location.host}${path}`);
        socket.onopen = () => socket.send("hello");
        socket.onmessage = ({ data }) => done(data === "hello" ? "yes" : "another answer");
        socket.onerror = () => done("no");
        setTimeout(done, 8000, "no answer");
        """
        return str(self.driver.execute_async_script(script, path))

    def _read(self) -> None:
        for message in self._messages():
            parameters = message["params"]
            if message["method"] == "Page.domContentEventFired":
                self.shown = parameters["timestamp"]
            elif message["method"] == "Network.responseReceived" and (
                parameters["type"] == "Document"
            ):
                self._pending.append(parameters["response"]["status"])

    def _messages(self) -> list[dict[str, Any]]:
        """Events of the protocol, whose parameters have a shape for each method."""
        # selenium has no types there.
        entries = self.driver.get_log("performance")  # type: ignore[no-untyped-call]
        return [json.loads(entry["message"])["message"] for entry in entries]


def make_database(home: Path) -> None:
    """The database in which Chromium looks for authorities, as its users have it."""
    if shutil.which("certutil") is None:
        raise BrowserFailed("certutil is missing: apt-get install libnss3-tools")
    place = home / ".pki" / "nssdb"
    words = ["certutil", "-d", f"sql:{place}", "-N", "--empty-password"]
    subprocess.run(words, check=True)


@contextmanager
def chromium(home: Path, *, trusting: bool) -> Iterator[Browser]:
    """A browser; ``trusting``: it accepts only what the stores of ``home`` trust."""
    binary, driver_binary = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver_binary is None:
        raise BrowserFailed("chromium or chromedriver is missing")
    options = Options()
    options.binary_location = binary
    for argument in (*_ARGUMENTS, f"--user-data-dir={home / f'profile-{time.monotonic_ns()}'}"):
        options.add_argument(argument)
    options.accept_insecure_certs = not trusting
    options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
    service = Service(driver_binary, env={**os.environ, "HOME": str(home)})
    driver = Chrome(options=options, service=service)
    try:
        yield Browser(driver=driver)
    finally:
        driver.quit()
