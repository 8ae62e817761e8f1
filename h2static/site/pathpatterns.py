"""Path patterns of ``_headers`` and ``_redirects``: placeholders and splats.

Contract: ``/news/:year/*`` is true of ``/news/2004/a/b`` and captures ``year`` and ``splat``.  A
slash at the end does not count.  Matching takes time linear in path and pattern.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from h2static.site.rules import Pattern, parse_pattern

_PLACEHOLDER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
#: What ``*`` captures is called so.
SPLAT = "splat"


@dataclass(slots=True, frozen=True, kw_only=True)
class PathPattern:
    """A compiled pattern."""

    #: Names before the first ``*``: octets to be equal to, or the name of a placeholder.
    names: tuple[bytes | str, ...]
    #: What the rest is compared with; ``None`` when there is no ``*``.
    rest: Pattern | None

    def capture(self, path: bytes) -> dict[str, bytes] | None:
        """What the placeholders stand for in the decoded ``path``; ``None``: no match."""
        names = path.strip(b"/").split(b"/") if path.strip(b"/") else []
        count = len(self.names)
        if len(names) < count or (self.rest is None and len(names) > count):
            return None
        captured: dict[str, bytes] = {}
        for expected, name in zip(self.names, names, strict=False):
            if isinstance(expected, str):
                captured[expected] = name
            elif expected != name:
                return None
        if self.rest is not None:
            rest = b"/".join(names[count:])
            if not self.rest.matches(b"/" + rest):
                return None
            captured[SPLAT] = rest
        return captured

    def matches(self, path: bytes) -> bool:
        """Whether the decoded ``path`` is one that the pattern means."""
        return self.capture(path) is not None

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that :meth:`capture` captures."""
        found = {name for name in self.names if isinstance(name, str)}
        return frozenset(found | {SPLAT} if self.rest is not None else found)


def parse_path_pattern(text: str) -> PathPattern:
    """A pattern from its text, which starts with a slash.  Raises ``ValueError``."""
    if not text.startswith("/"):
        raise ValueError(f"{text!r} is not a path: expected '/...'")
    words = text.strip("/").split("/") if text.strip("/") else []
    star = next((index for index, word in enumerate(words) if "*" in word), len(words))
    names: list[bytes | str] = []
    for word in words[:star]:
        placeholder = _PLACEHOLDER.fullmatch(word)
        names.append(placeholder[1] if placeholder else unquote_to_bytes(word))
    rest = words[star:]
    if any(word.startswith(":") for word in rest):
        raise ValueError(f"{text!r} has a placeholder after '*'")
    captured = [name for name in names if isinstance(name, str)]
    if len(set(captured)) < len(captured):
        raise ValueError(f"{text!r} has a placeholder twice")
    return PathPattern(
        names=tuple(names), rest=parse_pattern("/" + "/".join(rest)) if rest else None
    )
