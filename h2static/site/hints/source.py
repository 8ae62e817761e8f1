"""The source of a site's push rules, and rereading it when it changes.

Contract: :attr:`PushSource.planner` plans the hints of responses.  In production a site reads its
rules once, and errors in them are raised.  With ``lenient``, errors become warnings, and
:meth:`PushSource.refresh` checks whether the file, or a file named by its targets, has changed;
while a file is broken, its last valid rules stay in force.

Assumes that one thread at a time creates and refreshes; others may read the attributes at any time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from h2static.site.config import HintSource, SiteConfig
from h2static.site.hints.delivery import Look
from h2static.site.hints.planner import PushConfig, PushPlanner
from h2static.site.hints.rule_files import load_push_rules
from h2static.site.hints.rules import PushRule, PushRules
from h2static.site.limits import DEFAULTS, SiteLimits

#: Identifies a state of a file; ``None`` if it does not exist.
_FileState: TypeAlias = tuple[int, int, int, int, int] | None


class PushSource:
    """The current push rules of one site."""

    def __init__(
        self,
        config: SiteConfig,
        exists: Callable[[bytes], bool],
        look: Look,
        limits: SiteLimits = DEFAULTS,
    ) -> None:
        """``exists`` says whether an encoded path without query leads to a file.

        ``look``: see :class:`~h2static.site.hints.delivery.PushPolicy`.

        Raises ``ValueError`` or ``OSError`` for errors, unless the configuration is lenient.
        """
        self._config = config
        self._exists = exists
        self._look = look
        self._limits = limits
        self._state: _FileState = None
        self._from_file: tuple[PushRule, ...] = ()
        self._fault: tuple[str, ...] = ()
        #: The planner; ``None`` if no response can have hints.
        self.planner: PushPlanner | None = None
        #: Rules that are left out or unusable, one line each.
        self.warnings: tuple[str, ...] = ()
        if config.push_rules is not None:
            self._read_file(config.push_rules)
        if config.may_have_hints or self._fault:
            planner, self.warnings = self._plan()
            self.planner = planner if planner.active else None

    def refresh(self, *, look_at_targets: bool) -> bool:
        """Reread the rules if their file changed; returns whether there is a new planner.

        ``look_at_targets``: also check whether files named by the rules have appeared or
        disappeared. Blocks.
        """
        file = self._config.push_rules
        changed = file is not None and _state_of(file) != self._state
        if changed:
            assert file is not None
            self._read_file(file)
        elif not look_at_targets or not (self._config.push or self._from_file):
            return False
        planner, warnings = self._plan()
        if not changed and warnings == self.warnings:
            return False
        self.warnings = warnings
        self.planner = planner if planner.active else None
        return True

    def _read_file(self, file: str) -> None:
        """Read the rules of ``file``; if it is broken, the previous ones stay."""
        # Taken before reading: a write in the meantime makes a different state.
        self._state = _state_of(file)
        try:
            rules = load_push_rules(file, self._limits)
            PushRules(self._config.push + rules, self._limits)
        except (ValueError, OSError) as error:
            if not self._config.lenient:
                raise
            text = f"{file}: {error.strerror}" if isinstance(error, OSError) else str(error)
            self._fault = (text,)
        else:
            self._from_file, self._fault = rules, ()

    def _plan(self) -> tuple[PushPlanner, tuple[str, ...]]:
        """A planner for the current rules, and the warnings about them."""
        config = self._config
        planner = PushPlanner(
            PushConfig(
                rules=config.push + self._from_file,
                mode=config.push_mode,
                from_html=config.hints is HintSource.AUTO,
                cookie=config.push_cookie,
            ),
            self._look,
            self._limits,
        )
        missing = planner.drop_missing(self._exists)
        return planner, (*self._fault, *missing)


def _state_of(file: str) -> _FileState:
    try:
        status = os.stat(file)
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
