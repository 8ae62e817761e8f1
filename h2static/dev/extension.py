"""What ``--dev``, ``--live-reload`` and ``--open`` put around a site.

Contract: :func:`make_dev` gives a :class:`DevExtension`: an application around the site, which
watches the root while the server serves, tells the tabs, and says in the terminal what it does.
All of that hangs on its lifecycle.  Every worker process has one of its own: they find the same
changes, and their words for the state of the tree agree.  One of them talks to the person at the
terminal.
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
from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.source import WatchedSite
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher
from h2static.http.exchange import Application
from h2static.http.wrapper import Wrapper
from h2static.localca import machine_names
from h2static.logs.escape import escape
from h2static.site.names import public_names


def print_line(text: str) -> None:
    """Tell the person at the terminal."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def make_dev(
    config: Config,
    site: WatchedSite,
    *,
    page: str | None = None,
    tells: bool = True,
    report: Callable[[str], None] = print_line,
    limits: DevLimits = DEFAULT_LIMITS,
) -> DevExtension:
    """What ``--dev``, ``--live-reload`` or ``--open`` asks for around ``site``.

    ``page``: the URL to open in a browser when nobody has one open.  ``report`` prints one line for
    the person at the terminal; without ``tells`` another process does.
    """
    if not tells:
        report = _say_nothing
    if config.dev or config.live_reload:
        return LiveReload(config, site, page=page, report=report, limits=limits)
    return DevExtension(site, page=page)


def _say_nothing(line: str) -> None:
    """Another process talks to the person at the terminal."""


class DevExtension(Wrapper):
    """An application that opens its page in a browser when serving begins."""

    def __init__(self, inner: Application, *, page: str | None) -> None:
        super().__init__(inner)
        self._page = page

    @property
    def application(self) -> Application:
        """What to serve in place of the site, with its lifecycle: the extension itself."""
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner of the site is to know by now, besides the site's own warnings."""
        return ()

    def start(self) -> None:
        """Open the page."""
        super().start()
        if self._page is not None:
            threading.Thread(target=self.open, args=(self._page,), daemon=True).start()

    def open(self, page: str) -> None:
        """Open ``page``; blocks."""
        open_page.start(page)


class LiveReload(DevExtension):
    """Watcher, event streams and what connects them, around a site in dev mode."""

    def __init__(
        self,
        config: Config,
        site: WatchedSite,
        *,
        page: str | None,
        report: Callable[[str], None],
        limits: DevLimits,
    ) -> None:
        """See :func:`make_dev`."""
        self._config = config
        self._site = site
        self._report = report
        self._limits = limits
        self._rules_looked_at = 0.0
        # All workers have one parent, and no later server has the same.
        self._server = os.getppid()
        self.broker = Broker(now=time.monotonic(), limits=limits)
        options = DevOptions(
            root=os.path.abspath(config.root),
            # The names of this machine are those in its certificate.
            allowed_hosts=(*config.allow_host, *machine_names()),
            friendly=config.dev,
            public=public_names(config.site),
        )
        self._dev = DevApplication(
            site,
            self.broker,
            options,
            clock=time.time,
            problems=lambda: site.warnings,
            limits=limits,
        )
        super().__init__(self._dev, page=page)
        self._tree = Tree(
            config.root,
            IgnoreRules(config.ignore, concerns=site.concerns),
            follow_links=config.site.follow_symlinks,
            limits=limits,
        )
        self._watcher = Watcher(
            self._tree,
            debounce=config.debounce / 1000,
            on_change=self._changed,
            on_problem=self._limited,
            on_notice=self._report,
            on_turn=self._turn,
            always_compare=config.poll,
            limits=limits,
        )
        self._dev.tell_problems()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which documents cannot reload; may be asked in any thread."""
        return self._dev.warnings

    def start(self) -> None:
        """Begin to watch."""
        super().start()
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching; end what streams there are."""
        self._watcher.stop()
        self.broker.end_all()
        super().stop()

    def open(self, page: str) -> None:
        """Open ``page`` unless a tab that was open before connects again; blocks."""
        if not self.broker.wait_for_client(self._limits.return_seconds):
            super().open(page)

    # ------------------------------------------------------------------ the watcher's thread

    def _changed(self, changes: list[Change]) -> None:
        """First called with nothing, when the tree is known."""
        told = [{"path": f"/{change.path}", "kind": change.kind.value} for change in changes]
        moment = int(time.monotonic() * 1000)
        state = State(version=self._tree.version, server=self._server, moment=moment)
        self.broker.set_state(state, told[: self._limits.changes_in_event])
        if changes:
            shown = self._limits.changes_in_line
            names = ", ".join(f"/{escape(change.path)}" for change in changes[:shown])
            more = f" and {len(changes) - shown} more" if len(changes) > shown else ""
            # Pages of other processes are not known here.
            alone = self._config.workers == 1 and not self.broker.clients
            nobody = " (no page is connected)" if alone else ""
            self._report(f"changed {names}{more}{nobody}")
            self._refresh_netlify()
            self._refresh_rules(look_at_targets=True)

    def _turn(self, now: float) -> None:
        self.broker.tick(now)
        if now - self._rules_looked_at >= self._limits.rules_seconds:
            self._rules_looked_at = now
            self._refresh_rules(look_at_targets=False)

    def _refresh_netlify(self) -> None:
        """What is broken is reported when it breaks, not when somebody asks for a page."""
        self._site.refresh_netlify()
        self._dev.tell_problems()

    def _refresh_rules(self, *, look_at_targets: bool) -> None:
        if not self._config.site.lenient:
            return
        if self._site.refresh_push_rules(look_at_targets=look_at_targets):
            self._dev.forget()
            self._dev.tell_problems()
            if not self._site.warnings:
                self._report("push rules were read again")

    def _limited(self, problem: str | None) -> None:
        self.broker.set_problem("watcher", problem)
        if problem is not None:
            self._report(problem)
