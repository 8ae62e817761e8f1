"""Headless Firefox, driven by WebDriver BiDi.

Promise: a browser of its own home folder, in a profile that Firefox itself has made there; what it
trusts is what :func:`h2static.localca.trust.install` put into that profile, and certificate errors
are not ignored.  It is gone when the block ends.  Waiting has a deadline and polls the page.

Strategy: Firefox is started once without a page, so that it makes its profile where its version
keeps profiles, and again once the profile trusts the local authority.  Commands go over the one
WebSocket that ``--remote-debugging-port`` opens; there is one command at a time.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from websockets.sync.client import ClientConnection, connect

from h2static.localca.certificates import Certificate, ensure_certificate
from h2static.localca.stores import Store, StoreKind, find_stores
from h2static.localca.trust import install
from tests.support.processes import DEADLINE, wait_until
from tests.support.tools import require_tool

#: Seconds for what a page does, and for a start of Firefox on a busy machine.
PATIENCE = 30.0
START = 90.0
#: Where it says that it listens.
_LISTENING = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
#: No pages of its own, no visits of its maker's servers.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.auto": False,
    "browser.aboutwelcome.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "browser.startup.page": 0,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
}


class BidiError(Exception):
    """A command that Firefox refused: its code and its message."""


@dataclass(slots=True, kw_only=True)
class Firefox:
    """A browser with one tab, and the environment that servers share with it."""

    #: For servers: where the local authority is.
    environment: dict[str, str]
    socket: ClientConnection
    tab: str = ""
    commands: int = 0

    def command(self, method: str, **parameters: object) -> dict[str, object]:
        """The result of a command of WebDriver BiDi; raises :class:`BidiError`."""
        self.commands += 1
        self.socket.send(json.dumps({"id": self.commands, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=PATIENCE))
            if answer.get("id") != self.commands:
                continue
            if answer["type"] == "error":
                raise BidiError(f"{answer['error']}: {answer['message']}")
            result = answer["result"]
            assert isinstance(result, dict)
            return result

    @contextmanager
    def forgetful(self) -> Iterator[None]:
        """For this block, a tab that finds nothing of what pages have stored before.

        The system may give a server the port of an earlier one: the pages of both have one origin.
        """
        first = self.tab
        user = self.command("browser.createUserContext")["userContext"]
        made = self.command("browsingContext.create", type="tab", userContext=user)
        self.tab = str(made["context"])
        try:
            yield
        finally:
            self.tab = first
            self.command("browser.removeUserContext", userContext=user)

    def get(self, url: str) -> None:
        """Open a page, and wait until it has loaded; raises :class:`BidiError` where it cannot."""
        self.command("browsingContext.navigate", context=self.tab, url=url, wait="complete")

    def run(self, script: str) -> object:
        """The value of a JavaScript expression in the page; a promise is waited for."""
        answer = self.command(
            "script.evaluate",
            expression=f"(async () => JSON.stringify(await ({script})))()",
            target={"context": self.tab},
            awaitPromise=True,
        )
        result = answer.get("result")
        if answer["type"] != "success" or not isinstance(result, dict):
            raise BidiError(json.dumps(answer))
        return json.loads(result["value"]) if result["type"] == "string" else None

    def wait(self, script: str, expected: object = True, seconds: float = PATIENCE) -> float:
        """Wait until an expression has this value; how many seconds it took."""
        started = time.monotonic()
        value: object = None
        while time.monotonic() - started < seconds:
            try:
                value = self.run(script)
            except BidiError as error:
                # The page is just being replaced.
                value = str(error)
            if value == expected:
                return time.monotonic() - started
            time.sleep(0.01)
        raise AssertionError(f"waited {seconds} s for {script} == {expected!r}; it is {value!r}")

    def wait_connected(self) -> None:
        """Wait until the connection that the tabs share stands."""
        self.wait(
            "new Promise((done) => {"
            " const channel = new BroadcastChannel('h2static');"
            " const end = (found) => { channel.close(); done(found); };"
            " channel.onmessage = ({ data }) => { "
            " if (data.name === 'hello' && data.data.version !== null) end(true); };"
            " channel.postMessage({ name: 'join' });"
            " setTimeout(end, 200, false); })"
        )

    def visit(self, url: str) -> None:
        """Open a page and wait until it hears events."""
        self.get(url)
        self.wait_connected()


@dataclass(slots=True, kw_only=True)
class FirefoxHome:
    """A home folder in which Firefox has a profile, and which has a local authority."""

    binary: str
    home: Path
    certificate: Certificate
    environment: dict[str, str]

    def profile(self) -> Path:
        """The folder of Firefox's profile, once Firefox has put its database there."""
        found: list[Path] = []

        def look() -> bool:
            found[:] = [one.place for one in self.stores() if "Firefox" in one.who]
            return bool(found)

        wait_until(look, "Firefox has made a profile", START)
        (profile,) = found
        return profile

    def stores(self) -> list[Store]:
        """The databases of the browsers below the home folder."""
        found = find_stores(home=self.home)
        return [one for one in found if one.kind is StoreKind.NSS]

    def trust(self) -> list[str]:
        """Have the authority trusted, as ``install-ca --yes`` has; who trusts it now."""
        outcomes = install(self.certificate, self.stores())
        assert all(one.done for one in outcomes), outcomes
        return [one.store.who for one in outcomes]

    def plain_environment(self) -> dict[str, str]:
        """The environment of Firefox, and of commands that look for its profiles."""
        return {**_plain(), **self.environment}

    @contextmanager
    def started(self) -> Iterator[Firefox]:
        """Firefox, in the profile that it chooses itself."""
        log = self.home / f"firefox-{time.monotonic_ns()}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [self.binary, "--headless", "--remote-debugging-port", "0", "about:blank"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=self.plain_environment(),
                start_new_session=True,
            )
        try:
            wait_until(
                lambda: process.poll() is not None or bool(_LISTENING.search(log.read_text())),
                "Firefox listens",
                START,
            )
            found = _LISTENING.search(log.read_text())
            assert found, log.read_text()
            with connect(f"{found[1]}/session", max_size=None, open_timeout=START) as socket:
                firefox = Firefox(environment=self.environment, socket=socket)
                firefox.command("session.new", capabilities={})
                contexts = firefox.command("browsingContext.getTree")["contexts"]
                assert isinstance(contexts, list)
                firefox.tab = contexts[0]["context"]
                yield firefox
                firefox.command("browser.close")
                process.wait(DEADLINE)
        finally:
            if process.poll() is None:
                # Its group is its own: the processes of its pages end with it.
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(DEADLINE)


def _plain() -> dict[str, str]:
    """The environment without what leads Firefox elsewhere than into its home folder."""
    elsewhere = ("DISPLAY", "WAYLAND_DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "SSLKEYLOGFILE")
    return {
        name: value
        for name, value in os.environ.items()
        if name not in elsewhere and not name.startswith(("XDG_", "MOZ_"))
    }


def firefox_home(folder: Path) -> FirefoxHome:
    """A home folder in ``folder``, in which Firefox has been started once."""
    binary = require_tool("firefox-esr", package="firefox-esr")
    require_tool("certutil", package="libnss3-tools")
    home = folder / "home"
    home.mkdir()
    # Servers find the authority there; Firefox does not look at that variable.
    environment = {
        "HOME": str(home),
        "XDG_DATA_HOME": str(folder / "data"),
        "MOZ_CRASHREPORTER_DISABLE": "1",
    }
    certificate = ensure_certificate(folder=folder / "data" / "h2static")
    made = FirefoxHome(binary=binary, home=home, certificate=certificate, environment=environment)
    with made.started():
        profile = made.profile()
    lines = [f'user_pref("{name}", {json.dumps(value)});\n' for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("".join(lines))
    return made
