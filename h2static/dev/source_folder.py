"""A folder of ``--watch``: not served, but pages are built from it.

Contract: :class:`SourceFolder` watches it while the server runs, and calls back with the paths of
changes.  :attr:`SourceFolder.version` identifies its state.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.config import Config
from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher


class SourceFolder:
    """Watches a folder that is not served."""

    def __init__(
        self,
        folder: str,
        config: Config,
        *,
        on_found: Callable[[], None],
        on_change: Callable[[list[str]], None],
        on_problem: Callable[[str | None], None],
        on_notice: Callable[[str], None],
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``on_found`` is called once the state is known, ``on_change`` with absolute paths; for
        the others see :class:`~h2static.dev.watcher.Watcher`, in whose thread all of them are
        called."""
        self._folder = folder
        self._on_found = on_found
        self._on_change = on_change
        self._known = False
        self._tree = Tree(folder, IgnoreRules(config.ignore), limits=limits)
        self._watcher = Watcher(
            self._tree,
            debounce=config.debounce / 1000,
            on_change=self._changed,
            on_problem=on_problem,
            on_notice=on_notice,
            on_turn=lambda now: None,
            always_compare=config.poll,
            limits=limits,
        )

    @property
    def version(self) -> str:
        """The state; empty until it is known."""
        return self._tree.version if self._known else ""

    def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    def _changed(self, changes: list[Change]) -> None:
        """First called with nothing, when the tree is known."""
        if not self._known:
            self._known = True
            self._on_found()
        if changes:
            self._on_change([f"{self._folder}/{change.path}" for change in changes])
