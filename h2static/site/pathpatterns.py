"""Path patterns in ``_headers`` and ``_redirects``: placeholders and splats.

Contract: ``/news/:year/*`` matches ``/news/2004/a/b`` and captures ``year`` and ``splat``.  A final
slash is ignored.  Matching takes time linear in path and pattern.  A
:class:`PatternIndex` finds the few of many patterns that a path may match.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from h2static.site.paths import Names, split_path
from h2static.site.patterns import Matcher, Pattern, parse_pattern

_PLACEHOLDER = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
#: The name of the text captured by ``*``.
SPLAT = "splat"


@dataclass(slots=True, frozen=True, kw_only=True)
class PathPattern:
    """A compiled pattern."""

    #: Names before the first ``*``: literal octets, or the name of a placeholder.
    names: tuple[bytes | str, ...]
    #: The pattern for the rest; ``None`` if there is no ``*``.
    rest: Pattern | None

    def capture(self, names: Names) -> dict[str, str] | None:
        """The values of the placeholders for a decoded path; ``None`` if it does not match.

        Values are percent-encoded, so that a slash within a name stays part of it.
        """
        count = len(self.names)
        if len(names) < count or (self.rest is None and len(names) > count):
            return None
        captured: dict[str, str] = {}
        for expected, name in zip(self.names, names, strict=False):
            if isinstance(expected, str):
                captured[expected] = quote_from_bytes(name, safe="")
            elif expected != name:
                return None
        if self.rest is not None:
            rest = names[count:]
            if not self.rest.matches(b"/" + b"/".join(rest)):
                return None
            captured[SPLAT] = "/".join(quote_from_bytes(name, safe="") for name in rest)
        return captured

    def matches(self, path: bytes) -> bool:
        """Whether the pattern matches the decoded ``path``."""
        return self.capture(split_path(path)) is not None

    @property
    def placeholders(self) -> frozenset[str]:
        """The names that :meth:`capture` captures."""
        found = {name for name in self.names if isinstance(name, str)}
        return frozenset(found | {SPLAT} if self.rest is not None else found)


def parse_path_pattern(text: str, base: Names = ()) -> PathPattern:
    """Parse a pattern, which must start with a slash, for paths below ``base``.

    Raises ``ValueError``.
    """
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
        raise ValueError(f"{text!r} repeats a placeholder")
    return PathPattern(
        names=(*base, *names), rest=parse_pattern("/" + "/".join(rest)) if rest else None
    )


class PatternIndex:
    """Finds the few of many patterns that a path may match."""

    def __init__(self, patterns: Iterable[Matcher]) -> None:
        #: Numbers of the patterns: those for a single path, by its names; those with a literal
        #: first name, by that; all others.
        self._paths: dict[tuple[bytes | str, ...], list[int]] = {}
        self._first_names: dict[bytes, list[int]] = {}
        self._others: list[int] = []
        for number, pattern in enumerate(patterns):
            if not isinstance(pattern, PathPattern):
                self._others.append(number)
                continue
            first = pattern.names[0] if pattern.names else None
            if pattern.rest is None and all(isinstance(name, bytes) for name in pattern.names):
                self._paths.setdefault(pattern.names, []).append(number)
            elif isinstance(first, bytes):
                self._first_names.setdefault(first, []).append(number)
            else:
                self._others.append(number)
        #: The maximum number of :meth:`candidates` for any path.
        self.most = len(self._others) + sum(
            max(map(len, numbers.values()), default=0)
            for numbers in (self._paths, self._first_names)
        )

    def candidates(self, names: Names) -> Sequence[int]:
        """The numbers of patterns that may match a decoded path, in ascending order."""
        same = self._paths.get(names, ())
        first = self._first_names.get(names[0], ()) if names else ()
        found = [*same, *first, *self._others]
        found.sort()
        return found
