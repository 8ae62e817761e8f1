"""Certificates that are renewed while they are in use.

Contract: :class:`CertificateWatch` switches to a new TLS context when the files of the current one
have changed and make a working one; until then the current one stays.  Existing connections keep
their context.  Errors are reported once per change.

Strategy: all links are followed, so that it does not matter whether a tool writes to the files,
renames others over them or swaps a link on the way to them (Kubernetes swaps ``..data``).  A key
and its certificate are seldom written at the same moment: nothing is read until two checks in a row
have seen the same state.  The files' metadata is compared, which works on every file system; a
renewal is not a matter of milliseconds.  Checking may block, so a thread of the pool does it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.pool import Pool

#: Of each file: device, inode, size, modification and change time; ``None`` for one that is absent.
_State: TypeAlias = tuple[tuple[int, ...] | None, ...]


#: The result of loading the files: a context, or several.
_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True, frozen=True)
class Renewal(Generic[_T]):
    """Callbacks for a change; both are called in the loop's thread."""

    #: Called with the new contexts, for new connections.
    use: Callable[[_T], None]
    #: Called with a one-line message.
    report: Callable[[str], None]


class CertificateWatch(Generic[_T]):
    """Looks at the files that configurations of one certificate name for TLS."""

    def __init__(self, configs: Sequence[Config], make: Callable[[], _T]) -> None:
        """``make`` makes a context, or several, of the files as they are; it blocks, and raises
        ``StartError``.

        To be made before the present context is: what changes from now on is seen.
        """
        self._make = make
        files = [
            file
            for one in configs
            for file in (
                one.cert_file,
                one.key_file,
                one.key_password_file,
                one.client_ca,
                one.dh_param_file,
            )
            if file is not None
        ]
        self._name = configs[0].cert_file
        self._files = list(dict.fromkeys(files))
        #: The state at the last decision, and the state seen last.
        self._decided = self._seen = self._state()
        #: Whether a thread is checking.
        self._looking = False

    def look(self, pool: Pool, renewal: Renewal[_T]) -> None:
        """Let a thread of ``pool`` check, unless one still does.  In the loop's thread."""
        if not self._looking:
            self._looking = True
            pool.submit(lambda: self._look_in_thread(pool, renewal))

    def _look_in_thread(self, pool: Pool, renewal: Renewal[_T]) -> None:
        outcome: _T | StartError | OSError | None = None
        try:
            if self._has_changed():
                outcome = self._make()
        except (StartError, OSError) as error:
            outcome = error
        finally:
            pool.post(lambda: self._finish(outcome, renewal))

    def _finish(self, outcome: _T | StartError | OSError | None, renewal: Renewal[_T]) -> None:
        self._looking = False
        if isinstance(outcome, StartError | OSError):
            renewal.report(f"the new certificate cannot be used; keeping the old one: {outcome}")
        elif outcome is not None:
            renewal.use(outcome)
            renewal.report(f"now using the new certificate: {self._name}")

    def _has_changed(self) -> bool:
        """Whether the files have changed since the last decision, and writing has finished."""
        state = self._state()
        settled = state == self._seen
        self._seen = state
        if state == self._decided or not settled:
            return False
        self._decided = state
        return True

    def _state(self) -> _State:
        return tuple(map(_state_of, self._files))


def _state_of(path: str) -> tuple[int, ...] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
