"""What ``--dev``, ``--live-reload`` and ``--open`` add to a site.

Contract: :func:`make_dev` returns a :class:`DevExtension`: an application around the site that
watches its folders while the server runs, notifies the tabs, and reports changes on the terminal.
All of that is tied to its lifecycle.  Every worker process has one: they detect the same changes,
and compute the same version for the state of the tree.  One of them writes to the terminal.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from h2static.config import Config
from h2static.dev import open_page
from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker, State
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.pages import ServedFolder
from h2static.dev.python_files import PythonFiles
from h2static.dev.run_report import RunReport
from h2static.dev.source import DocumentSource, WatchedSite
from h2static.dev.source_folder import SourceFolder
from h2static.dev.tree import Change, Kind
from h2static.dev.watched_folder import FolderEvents, WatchedFolder
from h2static.http.exchange import Application
from h2static.http.wrapper import Wrapper
from h2static.localca.names import machine_names
from h2static.logs.escape import escape
from h2static.site.names import public_names


def print_line(text: str) -> None:
    """Print a line on the terminal."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def make_dev(
    config: Config,
    site: WatchedSite,
    *,
    mounts: Mapping[str, WatchedSite] = MappingProxyType({}),
    documents: DocumentSource | None = None,
    page: str | None = None,
    tells: bool = True,
    restart: Callable[[], None] | None = None,
    report: Callable[[str], None] = print_line,
    limits: DevLimits = DEFAULT_LIMITS,
) -> DevExtension:
    """The extension that ``--dev``, ``--live-reload`` or ``--open`` puts around ``site``.

    ``mounts``: the sites of :attr:`Config.mounts`, by prefix.  ``documents``: the sites among
    everything else that is served, if any.  ``page``: the URL to open in a browser if no page is
    connected.  ``report`` prints one line on the terminal; without ``tells`` another process does.
    ``restart`` is called in a thread when modules of applications have changed.
    """
    if not tells:
        report = _say_nothing
    documents = site if documents is None else documents
    if config.dev or config.live_reload:
        asks = restart if tells else None
        sites = {"": site, **mounts}
        return LiveReload(config, sites, documents, page, asks, report, limits)
    return DevExtension(documents, page=page)


def _say_nothing(line: str) -> None:
    """Another process talks to the person at the terminal."""


def _folders_of_modules(config: Config) -> tuple[str, ...]:
    """The folders that are searched first for the applications of ``config``."""
    return tuple(dict.fromkeys(one.app_dir for one in config.apps if one.app_dir))


def _served_folders(config: Config) -> tuple[ServedFolder, ...]:
    """The folders of ``config``, those of longer prefixes first."""
    sites = {one.prefix: one.site for one in config.mounts}
    if config.folder:
        sites[""] = config.site
    return tuple(
        [
            ServedFolder(
                root=os.path.abspath(sites[prefix].root),
                public=public_names(sites[prefix]),
                index=sites[prefix].index,
                prefix=prefix.encode(),
            )
            for prefix in sorted(sites, key=len, reverse=True)
        ]
    )


class DevExtension(Wrapper):
    """An application that opens its page in a browser when serving begins."""

    def __init__(self, inner: Application, *, page: str | None) -> None:
        super().__init__(inner)
        self._page = page

    @property
    def application(self) -> Application:
        """The application to serve in place of the site: the extension itself."""
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        """Warnings for the site's owner, in addition to the site's own."""
        return ()

    def tell_problem(self, text: str) -> None:
        """Show why a change is not served; without live reload there is no page to show it."""

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
        sites: Mapping[str, WatchedSite],
        documents: DocumentSource,
        page: str | None,
        restart: Callable[[], None] | None,
        report: Callable[[str], None],
        limits: DevLimits,
    ) -> None:
        """See :func:`make_dev`; ``sites`` by prefix, the first is that of the root."""
        self._config = config
        self._report = report
        self._limits = limits
        #: Paths of service workers that browsers have requested.
        self._workers: set[str] = set()
        # All workers have one parent, and no later server has the same.
        self._server = os.getppid()
        self.broker = Broker(now=time.monotonic(), limits=limits)
        options = DevOptions(
            folders=_served_folders(config),
            # The names of this machine are those in its certificate.
            allowed_hosts=(*config.allow_host, *machine_names()),
            friendly=config.dev,
            no_service_workers=config.no_service_workers,
            authority_file=config.authority_file,
        )
        self._dev = DevApplication(
            documents,
            self.broker,
            options,
            clock=time.time,
            problems=self._warnings_of_rules,
            note_worker=self._note_worker,
            limits=limits,
        )
        super().__init__(self._dev, page=page)
        served = {"": config.site, **{one.prefix: one.site for one in config.mounts}}
        self._folders = [
            WatchedFolder(
                config, served[prefix], site, self._events(prefix), prefix=prefix, limits=limits
            )
            for prefix, site in sites.items()
        ]
        others = [self._make_source(folder) for folder in config.watch]
        self._commands = None if config.run_report is None else RunReport(config.run_report, limits)
        self._commands_looked_at = 0.0
        self._restart = restart
        #: Held while the tabs are told: the later state is the last.
        self._telling = threading.Lock()
        modules = [self._make_modules(folder) for folder in _folders_of_modules(config)]
        self._watched: tuple[WatchedFolder | PythonFiles | SourceFolder, ...] = (
            *self._folders,
            *modules,
            *others,
        )
        self._dev.tell_problems()

    def _events(self, prefix: str) -> FolderEvents:
        return FolderEvents(
            on_change=self._changed,
            on_looked=self._dev.tell_problems,
            on_rules=self._rules_read,
            # One thread is enough for the streams.
            on_turn=(lambda now: None) if prefix else self._turn,
            on_problem=lambda text: self._limited(text, f"watcher{prefix}"),
            on_notice=self._report,
        )

    def _warnings_of_rules(self) -> tuple[str, ...]:
        return tuple([text for one in self._folders for text in one.warnings])

    def _make_source(self, folder: str) -> SourceFolder:
        return SourceFolder(
            folder,
            self._config,
            on_found=self._tell_state,
            on_change=self._changed_elsewhere,
            on_problem=lambda text: self._limited(text, f"source {folder}"),
            on_notice=self._report,
            limits=self._limits,
        )

    def _make_modules(self, folder: str) -> PythonFiles:
        return PythonFiles(
            folder,
            ignore=self._config.ignore,
            debounce=self._config.debounce / 1000,
            always_compare=self._config.poll,
            on_found=self._tell_state,
            on_change=self._modules_changed,
            on_problem=lambda text: self._limited(text, f"modules {folder}"),
            on_notice=self._report,
            limits=self._limits,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """Documents that cannot reload; may be called in any thread."""
        return self._dev.warnings

    def start(self) -> None:
        """Begin to watch."""
        super().start()
        for one in self._watched:
            one.start()

    def tell_problem(self, text: str) -> None:
        """Show every tab why the changed applications are not served."""
        self.broker.set_problem("applications", text)

    def stop(self) -> None:
        """Stop watching; end what streams there are."""
        for one in self._watched:
            one.stop()
        self.broker.end_all()
        super().stop()

    def open(self, page: str) -> None:
        """Open ``page`` unless a tab that was open before connects again; blocks."""
        if not self.broker.wait_for_client(self._limits.return_seconds):
            super().open(page)

    # ------------------------------------------------------------------ the watchers' threads

    def _changed(self, changes: list[Change]) -> None:
        """First called with nothing, when a folder is known."""
        told: list[dict[str, object]] = [
            {"path": change.path, "kind": change.kind.value} for change in changes
        ]
        for one, change in zip(told, changes, strict=True):
            if self._dev.shared_workers.loaded(change.path):
                one["everywhere"] = True
        self._tell_state(told[: self._limits.changes_in_event])
        if changes:
            # Pages of other processes are not known here.
            alone = self._config.workers == 1 and not self.broker.clients
            self._report(self._told(changes) + (self._nobody() if alone else ""))

    def _told(self, changes: list[Change]) -> str:
        """What happened, in words."""
        gone = [one.path for one in changes if one.kind is Kind.REMOVED]
        others = [one.path for one in changes if one.kind is not Kind.REMOVED]
        parts = [
            f"{word} {self._shown(paths)}"
            for word, paths in (("changed", others), ("deleted", gone))
            if paths
        ]
        return ", ".join(parts)

    def _nobody(self) -> str:
        """A note that no page was notified of a change, and why."""
        if not self._workers:
            return " (no page is connected)"
        worker = escape(min(self._workers))
        return (
            f" (no page is connected; the service worker {worker} may serve pages from its"
            " cache: use --no-service-workers)"
        )

    def _note_worker(self, path: bytes) -> None:
        """Called in the loop's thread."""
        worker = path.decode("latin-1")
        if worker in self._workers or len(self._workers) >= self._limits.warnings:
            return
        self._workers.add(worker)
        self._report(
            f"{escape(worker)} is a service worker: what it serves from its cache does not"
            " reload; remove it with --no-service-workers"
        )

    def _shown(self, paths: list[str]) -> str:
        most = self._limits.changes_in_line
        names = ", ".join(map(escape, paths[:most]))
        return names + (f" and {len(paths) - most} more" if len(paths) > most else "")

    def _tell_state(self, changes: Sequence[dict[str, object]] = ()) -> None:
        """Send the state to the tabs, once all of it is known."""
        with self._telling:
            # Modules change with the processes; the state of all is that of their beginning.
            versions = [one.version for one in self._watched]
            if all(versions):
                moment = int(time.monotonic() * 1000)
                state = State(version="-".join(versions), server=self._server, moment=moment)
                self.broker.set_state(state, list(changes))

    def _changed_elsewhere(self, paths: list[str]) -> None:
        """A folder that is not served has changed: it is unknown which pages depend on it."""
        told: list[dict[str, object]] = [{"path": path, "kind": "outside"} for path in paths]
        self._tell_state(told[: self._limits.changes_in_event])
        self._report(f"changed {self._shown(paths)}")

    def _modules_changed(self, paths: list[str]) -> None:
        if self._restart is not None:
            shown = self._shown([f"/{path}" for path in paths])
            self._report(f"changed {shown}; restarting the applications")
            self._restart()

    def _turn(self, now: float) -> None:
        self.broker.tick(now)
        if self._commands is not None and (
            now - self._commands_looked_at >= self._limits.run_turn_seconds
        ):
            self._commands_looked_at = now
            problems = self._commands.changed()
            if problems is not None:
                self.broker.set_problem("commands", "\n\n".join(problems) or None)

    def _rules_read(self, site: WatchedSite) -> None:
        self._dev.forget()
        self._dev.tell_problems()
        if not site.warnings:
            self._report("reloaded the push rules")

    def _limited(self, problem: str | None, kind: str) -> None:
        self.broker.set_problem(kind, problem)
        if problem is not None:
            self._report(problem)
