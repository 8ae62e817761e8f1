"""Push rules: the targets that belong to a response for a path.

Contract: :class:`PushRules` returns, for the decoded path of a request without its query, the
targets that the rules name, in rule order and each once.  Rules are immutable and valid: invalid
input raises ``ValueError`` when a rule is created.

Strategy: rules without wildcards are found in a dictionary; the few others are tried in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from h2static.site.hints.targets import PushTarget, make_target
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.patterns import Pattern, parse_pattern


@dataclass(slots=True, kw_only=True, frozen=True)
class Condition:
    """Conditions in addition to the path; ``None`` means that it does not matter."""

    #: Whether the request must be a top-level navigation, or must not be one.
    navigation: bool | None = None
    #: Whether this must be the client's first visit, or must not be.
    first_visit: bool | None = None

    def holds(self, *, navigation: bool, first_visit: bool) -> bool:
        """Whether a request with these properties meets the condition."""
        return self.navigation in (None, navigation) and self.first_visit in (None, first_visit)


ALWAYS = Condition()


@dataclass(slots=True, kw_only=True, frozen=True)
class PushRule:
    """Targets for the paths that match."""

    #: Decoded path; with ``pattern`` as :func:`h2static.site.patterns.parse_pattern` reads it.
    path: str
    #: Whether ``*`` in ``path`` is a wildcard.
    pattern: bool = False
    condition: Condition = ALWAYS
    targets: tuple[PushTarget, ...]


#: What a rule adds to a response: a target and its condition.
Entry = tuple[Condition, PushTarget]


def parse_push_option(text: str, limits: SiteLimits = DEFAULTS) -> PushRule:
    """Parse ``PATH=TARGET[,TARGET...]``, the argument of ``-p`` as in nghttpd.

    ``PATH`` is compared as it is written; a target may have a query.

    Raises ``ValueError`` with a one-line message.
    """
    path, equals, targets = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is not PATH=TARGET[,TARGET...]")
    if not path.startswith("/"):
        raise ValueError(f"the path {path!r} does not start with /")
    if "?" in path:
        raise ValueError(f"the path {path!r} has a query; rules match paths without a query")
    names = targets.split(",")
    if len(names) > limits.rule_targets:
        raise ValueError(f"{len(names)} targets for {path}; the limit is {limits.rule_targets}")
    return PushRule(
        path=decode_path(path), targets=tuple(make_target(name, limits=limits) for name in names)
    )


def decode_path(path: str) -> str:
    """A path without percent-encoding; octets that are not UTF-8 become surrogates."""
    octets = unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
    return octets.decode("utf-8", "surrogateescape")


class PushRules:
    """All rules of a server."""

    def __init__(self, rules: Iterable[PushRule] = (), limits: SiteLimits = DEFAULTS) -> None:
        """Raises ``ValueError`` for more rules than the limit, or an invalid pattern."""
        self._limits = limits
        self.rules = tuple(rules)
        if len(self.rules) > limits.rules:
            raise ValueError(f"{len(self.rules)} push rules; the limit is {limits.rules}")
        self._exact: dict[bytes, list[int]] = {}
        self._patterns: list[tuple[int, Pattern]] = []
        for number, rule in enumerate(self.rules):
            if rule.pattern and "*" in rule.path:
                self._patterns.append((number, parse_pattern(rule.path)))
            else:
                path = rule.path.encode("utf-8", "surrogateescape")
                self._exact.setdefault(path, []).append(number)

    def entries_for(self, path: bytes) -> tuple[Entry, ...]:
        """The targets for the decoded ``path``, each once, without the path itself."""
        numbers = self._exact.get(path, [])
        if self._patterns:
            matching = [number for number, pattern in self._patterns if pattern.matches(path)]
            numbers = sorted([*numbers, *matching])
        found: dict[Entry, None] = {}
        for number in numbers:
            rule = self.rules[number]
            for target in rule.targets:
                if not names_path(target, path):
                    found[rule.condition, target] = None
        return tuple(found)

    def missing(self, exists: Callable[[bytes], bool]) -> list[tuple[PushRule, PushTarget]]:
        """Targets of this origin without a file, with the rules that name them.

        ``exists`` says whether a ``:path`` without query leads to a file; it is called once per
        path.
        """
        known: dict[bytes, bool] = {}
        found = []
        for rule in self.rules:
            for target in rule.targets:
                if target.url.startswith("/") and not target.url.startswith("//"):
                    path = target.path.partition(b"?")[0]
                    if path not in known:
                        known[path] = exists(path)
                    if not known[path]:
                        found.append((rule, target))
        return found

    def without(self, gone: Iterable[tuple[PushRule, PushTarget]]) -> PushRules:
        """These rules without the targets that :meth:`missing` returned."""
        urls = {target.url for _, target in gone}
        rules = [
            replace(
                rule, targets=tuple(target for target in rule.targets if target.url not in urls)
            )
            for rule in self.rules
        ]
        return PushRules(rules, self._limits)


def names_path(target: PushTarget, path: bytes) -> bool:
    """Whether ``target`` is the resource at the decoded ``path``: a page does not push itself."""
    return unquote_to_bytes(target.url.partition("?")[0]) == path


def describe_missing(gone: Iterable[tuple[PushRule, PushTarget]]) -> list[str]:
    """One line for each result of :meth:`PushRules.missing`."""
    return [f"push rule for {rule.path}: {target.url} does not exist" for rule, target in gone]
