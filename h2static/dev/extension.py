"""What ``--dev``, ``--live-reload``, ``--cors`` and ``--open`` put around a site.

Contract: :class:`DevExtension` is an extension of :class:`h2static.server.server.Server`: it wraps
the site, watches the root while the server serves, tells the tabs, and says in the terminal what it
does.  Every worker process has one of its own: they find the same changes, and their words for the
state of the tree agree.  One of them talks to the person at the terminal.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from h2static.config import Config
from h2static.dev import open_page
from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker, State
from h2static.dev.cors import CorsApplication
from h2static.dev.ignore import IgnoreRules
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher
from h2static.http.messages import BatchApplication
from h2static.localca import machine_names
from h2static.site import Site

#: Pages try to connect every second; hidden ones are slower, but one of them is enough.
_RETURN_SECONDS = 1.5
#: Changed files named in the terminal, for one gathering.
_SHOWN = 3
#: Changed files named in an event; with more a page reloads anyway.
_TOLD = 200
#: Seconds between two looks at whether the file with push rules is another; it may be anywhere.
_RULES_INTERVAL = 0.5


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
        tells: bool = True,
        report: Callable[[str], None] = print_line,
    ) -> None:
        """``page``: the URL to open in a browser when nobody has one open.

        ``report`` prints one line for the person at the terminal; without ``tells`` another process
        does.
        """
        self._config = config
        self._page = page
        self._report = report if tells else lambda line: None
        self._site: Site | None = None
        self._application: DevApplication | None = None
        self._rules_looked_at = 0.0
        # All workers have one parent, and no later server has the same.
        self._server = os.getppid()
        self.broker = Broker(now=time.monotonic())
        self._tree = Tree(
            config.root, IgnoreRules(config.ignore), follow_links=config.site.follow_symlinks
        )
        self._watcher = Watcher(
            self._tree,
            debounce=config.debounce / 1000,
            on_change=self._changed,
            on_problem=self._limited,
            on_turn=self._turn,
        )

    @property
    def _reloads(self) -> bool:
        return self._config.dev or self._config.live_reload

    def wrap(self, site: Site) -> BatchApplication:
        """See :class:`h2static.server.server.Extension`."""
        application: BatchApplication = site
        if self._config.cors:
            application = CorsApplication(application)
        if not self._reloads:
            return application
        options = DevOptions(
            root=os.path.abspath(self._config.root),
            allowed_hosts=(*self._config.allow_host, *_own_names()),
            friendly=self._config.dev,
        )
        self._site = site
        self._application = DevApplication(
            application, self.broker, options, clock=time.time, problems=lambda: site.warnings
        )
        self._application.tell_problems()
        return self._application

    @property
    def warnings(self) -> tuple[str, ...]:
        """See :class:`h2static.server.server.Extension`."""
        return () if self._application is None else self._application.warnings

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
        moment = int(time.monotonic() * 1000)
        state = State(version=self._tree.version, server=self._server, moment=moment)
        self.broker.set_state(state, told[:_TOLD])
        if changes:
            names = ", ".join(_printable(change.path) for change in changes[:_SHOWN])
            more = f" and {len(changes) - _SHOWN} more" if len(changes) > _SHOWN else ""
            # Pages of other processes are not known here.
            alone = self._config.workers == 1 and not self.broker.clients
            nobody = " (no page is connected)" if alone else ""
            self._report(f"changed {names}{more}{nobody}")
            self._refresh_netlify()
            self._refresh_rules(look_at_targets=True)

    def _turn(self, now: float) -> None:
        self.broker.tick(now)
        if now - self._rules_looked_at >= _RULES_INTERVAL:
            self._rules_looked_at = now
            self._refresh_rules(look_at_targets=False)

    def _refresh_netlify(self) -> None:
        """What is broken is told when it breaks, not when somebody asks for a page."""
        if self._site is not None and self._application is not None:
            self._site.refresh_netlify()
            self._application.tell_problems()

    def _refresh_rules(self, *, look_at_targets: bool) -> None:
        site, application = self._site, self._application
        if site is None or application is None or not self._config.site.lenient:
            return
        if site.refresh_push_rules(look_at_targets=look_at_targets):
            application.forget()
            application.tell_problems()
            if not site.warnings:
                self._report("push rules were read again")

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
