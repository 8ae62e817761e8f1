"""What ``--dev``, ``--live-reload``, ``--cors`` and ``--open`` put around a site.

Contract: :class:`DevExtension` is an extension of :class:`h2static.server.server.Server`: it wraps
the site, watches the root while the server serves, tells the tabs, and says in the terminal what it
does.  Every worker process has one of its own: they find the same changes, and their words for the
state of the tree agree.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from h2static.config import Config
from h2static.dev import open_page
from h2static.dev.application import DevApplication, DevOptions, DevSite
from h2static.dev.broker import Broker
from h2static.dev.cors import CorsApplication
from h2static.dev.ignore import IgnoreRules
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher
from h2static.localca import machine_names
from h2static.site import Site

#: Pages try to connect every second; hidden ones are slower, but one of them is enough.
_RETURN_SECONDS = 1.5
#: Changed files named in the terminal, for one gathering.
_SHOWN = 3
#: Changed files named in an event; with more a page reloads anyway.
_TOLD = 200


def print_line(text: str) -> None:
    """Tell the person at the terminal."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


class DevExtension:
    """Watcher, event streams and what connects them."""

    def __init__(
        self,
        config: Config,
        *,
        page: str | None = None,
        report: Callable[[str], None] = print_line,
    ) -> None:
        """``page``: the URL to open in a browser when nobody has one open.

        ``report`` prints one line for the person at the terminal.
        """
        self._config = config
        self._page = page
        self._report = report
        self.broker = Broker(now=time.monotonic())
        self._tree = Tree(config.root, IgnoreRules(config.ignore))
        self._watcher = Watcher(
            self._tree,
            debounce=config.debounce / 1000,
            on_change=self._changed,
            on_problem=self._limited,
            on_turn=self.broker.tick,
        )

    @property
    def _reloads(self) -> bool:
        return self._config.dev or self._config.live_reload

    def wrap(self, site: Site) -> DevSite:
        """See :class:`h2static.server.server.Extension`."""
        application: DevSite = site
        if self._config.cors:
            application = CorsApplication(application)
        if not self._reloads:
            return application
        options = DevOptions(
            root=os.path.abspath(self._config.root),
            allowed_hosts=(*self._config.allow_host, *_own_names()),
            friendly=self._config.dev,
        )
        return DevApplication(
            application,
            self.broker,
            options,
            clock=time.time,
            problems=lambda: site.warnings,
            report=self._report,
        )

    def start(self) -> None:
        """See :class:`h2static.server.server.Extension`."""
        if self._reloads:
            self._watcher.start()
        if self._page is not None:
            threading.Thread(target=self._open, args=(self._page,), daemon=True).start()

    def end_streams(self) -> None:
        """End all event streams, so that no shutdown waits for them; clients come back."""
        self.broker.end_all()

    def stop(self) -> None:
        """See :class:`h2static.server.server.Extension`."""
        self._watcher.stop()
        self.broker.end_all()

    def _open(self, page: str) -> None:
        """Open the page, once those that were open before had time to connect again."""
        if not self._reloads or not self.broker.wait_for_client(_RETURN_SECONDS):
            open_page.start(page)

    # ------------------------------------------------------------------ the watcher's thread

    def _changed(self, changes: list[Change]) -> None:
        """First called with nothing, when the tree is known."""
        told = [{"path": f"/{change.path}", "kind": change.kind.value} for change in changes]
        self.broker.set_version(self._tree.version, told[:_TOLD])
        if changes:
            names = ", ".join(_printable(change.path) for change in changes[:_SHOWN])
            more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
            nobody = "" if self.broker.clients else " (no page is connected)"
            self._report(f"changed {names}{more}{nobody}")

    def _limited(self, problem: str | None) -> None:
        self.broker.set_problem("watcher", problem)
        if problem is not None:
            self._report(problem)


def _own_names() -> tuple[str, ...]:
    """The names of this machine, as in its certificate."""
    return tuple(machine_names())


def _printable(path: str) -> str:
    """``/path`` without what a terminal would take for a command."""
    text = "".join(one if one.isprintable() else "?" for one in path)
    return "/" + text.encode("utf-8", "replace").decode("utf-8")
