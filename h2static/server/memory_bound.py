"""A limit on the total memory of a worker (``--max-memory``).

Contract: :meth:`MemoryBound.check` is called periodically in the loop's thread.  Above the limit it
empties all caches; if that does not help, or not for long, it asks for a successor, once.  It ends
nothing itself: the supervisor lets the worker drain when a successor accepts connections.

Resident memory counts, because that is what the machine runs out of: the interpreter, caches,
memory of applications, and memory that was freed but not returned to the system.
"""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from collections.abc import Callable


class MemoryBound:
    """Enforces ``--max-memory``."""

    def __init__(
        self,
        limit: int,
        *,
        shrink: Callable[[], None],
        replace: Callable[[int], None] | None,
        rest_seconds: float,
        resident: Callable[[], int] | None = None,
    ) -> None:
        """``limit``: octets.  ``shrink`` gives memory back.  ``replace`` is told how many octets
        are resident; ``None``: there is no successor, and caches are emptied whenever it is time.
        ``rest_seconds``: for so long giving back has to help.  ``resident``: how many octets are,
        if not asked of the system.
        """
        self._limit = limit
        self._shrink = shrink
        self._replace = replace
        self._rest_seconds = rest_seconds
        self._resident = resident_octets if resident is None else resident
        self._shrunk = -rest_seconds
        self._asked = False

    def check(self, now: float) -> None:
        """Compare what is resident with the bound; ``now``: seconds, monotonic."""
        octets = self._resident()
        if octets <= self._limit:
            return
        if now - self._shrunk >= self._rest_seconds:
            self._shrunk = now
            self._shrink()
            _give_back_to_system()
        elif self._replace is not None and not self._asked:
            self._asked = True
            self._replace(octets)


def resident_octets() -> int:
    """Resident memory of this process; if unknown, its maximum."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return maximum if sys.platform == "darwin" else maximum * 1024


def _give_back_to_system() -> None:
    """Have the C library return what is free; one that has no call for it does so by itself."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
