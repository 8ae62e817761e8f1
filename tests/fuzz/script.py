"""Octets of a fuzzer read as what to do: numbers, choices, pieces of content.

Promise: any octets are a script; where they end, numbers are 0 and pieces empty.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Script:
    """Octets, from front to back."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._position = 0

    def __bool__(self) -> bool:
        return self._position < len(self._octets)

    def number(self, size: int = 1) -> int:
        """A number of ``size`` octets."""
        return int.from_bytes(self.take(size), "big")

    def choice(self, values: Sequence[T]) -> T:
        """One of ``values``."""
        return values[self.number() % len(values)]

    def take(self, size: int) -> bytes:
        """Up to ``size`` octets as they are."""
        taken = self._octets[self._position : self._position + size]
        self._position += size
        return taken

    def piece(self) -> bytes:
        """Octets behind their number, which is one octet."""
        return self.take(self.number())

    def rest(self) -> bytes:
        """All that is left."""
        return self.take(len(self._octets))
