"""Path patterns in options and rules.

Contract: a pattern that starts with ``/`` is matched with the whole decoded path; any other one
with its last name.  ``*`` matches any octets, including slashes; everything else is literal.
Matching always takes time linear in path and pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(slots=True, frozen=True)
class Pattern:
    """A compiled pattern."""

    text: str
    #: The literal parts between the stars.
    parts: tuple[bytes, ...]

    def matches(self, path: bytes) -> bool:
        """Whether the decoded ``path`` is one that the pattern means."""
        if not self.parts[0].startswith(b"/"):
            path = path[path.rfind(b"/") + 1 :]
        first, *middle = self.parts
        if not middle:
            return path == first
        last = middle.pop()
        if not (path.startswith(first) and path.endswith(last)):
            return False
        position, end = len(first), len(path) - len(last)
        # The leftmost match of each part leaves the most room for the next one.
        for part in middle:
            position = path.find(part, position, end)
            if position < 0:
                return False
            position += len(part)
        return position <= end


class Matcher(Protocol):
    """Any kind of pattern."""

    def matches(self, path: bytes) -> bool:
        """Whether the decoded ``path`` is one that the pattern means."""


def parse_pattern(text: str) -> Pattern:
    """Parse a pattern.  Raises ``ValueError`` with a one-line message."""
    if not text:
        raise ValueError("the pattern is empty")
    if "/" in text and not text.startswith("/"):
        raise ValueError(f"{text!r}: a pattern that contains a slash must start with one")
    return Pattern(text, tuple(part.encode("utf-8", "surrogateescape") for part in text.split("*")))
