"""The Python files of applications: a change restarts the workers.

Contract: :class:`PythonFiles` watches a folder while the server runs, and calls back when a module
there has changed.  :attr:`PythonFiles.version` identifies their initial state, which is what this
process has imported.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher


class PythonFiles:
    """Watches the Python files of applications."""

    def __init__(
        self,
        folder: str,
        *,
        ignore: tuple[str, ...],
        debounce: float,
        always_compare: bool,
        on_found: Callable[[], None],
        on_change: Callable[[list[str]], None],
        on_problem: Callable[[str | None], None],
        on_notice: Callable[[str], None],
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``on_found`` is called once the state is known, ``on_change`` with the paths of what
        changed; for the others see :class:`~h2static.dev.watcher.Watcher`, in whose thread all of
        them are called."""
        self._on_found = on_found
        self._on_change = on_change
        self._tree = Tree(
            folder,
            IgnoreRules(ignore, concerns=may_lead_to_modules),
            counts=lambda path: path.endswith(".py"),
            limits=limits,
        )
        #: Empty until it is known.
        self.version = ""
        self._watcher = Watcher(
            self._tree,
            debounce=debounce,
            on_change=self._changed,
            on_problem=on_problem,
            on_notice=on_notice,
            on_turn=lambda now: None,
            always_compare=always_compare,
            limits=limits,
        )

    def start(self) -> None:
        """Begin to watch."""
        self._watcher.start()

    def stop(self) -> None:
        """Stop watching."""
        self._watcher.stop()

    def _changed(self, changes: list[Change]) -> None:
        """First called with nothing, when the tree is known."""
        if not self.version:
            self.version = self._tree.version
            self._on_found()
        if changes:
            self._on_change([change.path for change in changes])


def may_lead_to_modules(names: tuple[bytes, ...]) -> bool:
    """Whether ``names`` may be those of a module, or of a folder on the way to one.

    Names of modules have no dot but that of their suffix, and neither do those of packages.
    """
    return not names or b"." not in names[-1].removesuffix(b".py")
