"""A bounded cache.

Contract: a :class:`Remembered` never holds more entries or octets than its limits; when one more
would exceed them, the cache is emptied as a whole.  Several threads may use it: for one key, all of
them get the same object.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Values by key."""

    def __init__(self, *, entries: int, octets: int) -> None:
        """Hold at most ``entries`` values, which together keep at most ``octets`` octets alive."""
        self._max_entries = entries
        self._max_octets = octets
        self._lock = threading.Lock()
        self._values: dict[Key, Value] = {}
        self._octets = 0
        #: The value of a key, ``None`` when there is none: the dictionary's own method, as every
        #: request that repeats asks it.
        self.get: Callable[[Key], Value | None] = self._values.get

    def __len__(self) -> int:
        """How many values there are."""
        return len(self._values)

    @property
    def octets(self) -> int:
        """Octets that the values keep alive."""
        return self._octets

    def has_room_for(self, octets: int) -> bool:
        """Whether a value that keeps ``octets`` alive is held at all."""
        return octets <= self._max_octets

    def keep(self, key: Key, value: Value, octets: int) -> Value:
        """Hold ``value``, which keeps ``octets`` alive, unless it is too large.

        Returns the value to use: that of another thread when it came first.
        """
        if octets > self._max_octets:
            return value
        with self._lock:
            known = self._values.get(key)
            if known is not None:
                return known
            if len(self._values) >= self._max_entries or self._octets + octets > self._max_octets:
                self._clear()
            self._values[key] = value
            self._octets += octets
        return value

    def forget(self) -> None:
        """Forget everything."""
        with self._lock:
            self._clear()

    def _clear(self) -> None:
        self._values.clear()
        self._octets = 0
