"""A folder of a site that is watched while it is served.

Contract: :class:`WatchedFolder` calls back when files that its site serves have changed, with their
paths as browsers know them, and makes the site re-read its rules.  Its version identifies the
current state of the folder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from h2static.config import Config
from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DevLimits
from h2static.dev.source import WatchedSite
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher
from h2static.site.config import SiteConfig


@dataclass(slots=True, kw_only=True, frozen=True)
class FolderEvents:
    """Callbacks, in the folder's own thread."""

    #: Files have changed; first called with nothing, when the folder is known.
    on_change: Callable[[list[Change]], None]
    #: The site has looked at its rules: :attr:`WatchedSite.warnings` may be others.
    on_looked: Callable[[], None]
    #: Push rules have changed.
    on_rules: Callable[[WatchedSite], None]
    #: Called every :attr:`DevLimits.turn_seconds` with the time.
    on_turn: Callable[[float], None]
    #: See :class:`~h2static.dev.watcher.Watcher`.
    on_problem: Callable[[str | None], None]
    on_notice: Callable[[str], None]


class WatchedFolder:
    """Watches the folder of a site."""

    def __init__(
        self,
        config: Config,
        served: SiteConfig,
        site: WatchedSite,
        events: FolderEvents,
        *,
        prefix: str = "",
        limits: DevLimits,
    ) -> None:
        """``served``: how ``site`` serves the folder, below the path ``prefix``."""
        self.site = site
        self.prefix = prefix
        self._events = events
        self._lenient = served.lenient
        self._limits = limits
        self._rules_looked_at = 0.0
        self._found = False
        self._tree = Tree(
            served.root,
            IgnoreRules(config.ignore, concerns=site.concerns),
            follow_links=served.follow_symlinks,
            limits=limits,
        )
        self._watcher = Watcher(
            self._tree,
            debounce=config.debounce / 1000,
            on_change=self._changed,
            on_problem=events.on_problem,
            on_notice=events.on_notice,
            on_turn=self._turn,
            always_compare=config.poll,
            limits=limits,
        )

    @property
    def version(self) -> str:
        """Empty until it is known."""
        return self._tree.version if self._found else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Errors in the owner's rules, one line each."""
        start = self.prefix and f"{self.prefix}: "
        return tuple([start + text for text in self.site.warnings])

    def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    def _changed(self, changes: list[Change]) -> None:
        is_first, self._found = not self._found, True
        below = f"{self.prefix}/"
        self._events.on_change(
            [Change(path=below + change.path, kind=change.kind) for change in changes]
        )
        if changes or is_first:
            # Errors are reported when they occur, not when a page is requested.  What has changed
            # since the site read its rules and before the folder was known is no change later.
            self.site.refresh_netlify()
            self._events.on_looked()
            self._refresh_rules(look_at_targets=True)

    def _turn(self, now: float) -> None:
        self._events.on_turn(now)
        if now - self._rules_looked_at >= self._limits.rules_seconds:
            self._rules_looked_at = now
            self._refresh_rules(look_at_targets=False)

    def _refresh_rules(self, *, look_at_targets: bool) -> None:
        if self._lenient and self.site.refresh_push_rules(look_at_targets=look_at_targets):
            self._events.on_rules(self.site)
