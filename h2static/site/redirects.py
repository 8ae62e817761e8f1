"""The ``_redirects`` file: redirects and rewrites, in Netlify's format.

Contract: :func:`parse_redirects` reads lines of ``from [name=value]... to [status[!]]`` and raises
``ValueError`` with source and line for errors.  Rules that need Netlify's network (conditions such
as ``Country=``, other domains, proxies) are left out with a warning.  :meth:`Redirects.find`
returns the first rule that matches a request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, quote_from_bytes

from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.pathpatterns import PathPattern, PatternIndex, parse_path_pattern
from h2static.site.paths import Names

REDIRECT_STATUSES = (301, 302, 303, 307, 308)
#: Statuses with which a different file of the site is served.
REWRITE_STATUSES = (200, 404, 410)

_STATUS = re.compile(r"([0-9]{3})(!?)", re.ASCII)
_REFERENCE = re.compile(r":([A-Za-z_][A-Za-z0-9_]*)", re.ASCII)
_URL = re.compile(r"https?://", re.ASCII | re.IGNORECASE)
_SAFE_IN_TARGET = "/%:?#[]@!$&'()*+,;=~"


@dataclass(slots=True, frozen=True, kw_only=True)
class Redirect:
    """One rule of a ``_redirects`` file."""

    pattern: PathPattern
    #: Required query parameters: a value, or (with ``:``) the name of a placeholder.
    query: tuple[tuple[str, str], ...]
    #: The target path or URL, with placeholders; ASCII.
    target: str
    status: int
    #: Whether the rule applies even if there is a file.
    force: bool


@dataclass(slots=True, frozen=True, kw_only=True)
class Match:
    """A rule that matches a request."""

    redirect: Redirect
    #: The target with its placeholders filled in: a path or URL in ASCII.
    target: bytes


def parse_redirects(
    text: str, source: str, base: Names = ()
) -> tuple[tuple[Redirect, ...], tuple[str, ...]]:
    """Parse a file; returns its rules, and warnings about those left out.

    ``base``: below which its folder is served; the paths in it do not say so.  Raises
    ``ValueError``.
    """
    redirects: list[Redirect] = []
    warnings: list[str] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = re.split(r"(?:^|\s)#", line, maxsplit=1)[0].split()
        if not words:
            continue
        try:
            redirect = _parse_rule(words, base)
        except ValueError as error:
            raise ValueError(f"{source}:{number}: {error}") from None
        if isinstance(redirect, Redirect):
            redirects.append(redirect)
        else:
            warnings.append(f"{source}:{number}: ignored: {redirect}")
    return tuple(redirects), tuple(warnings)


def _parse_rule(words: list[str], base: Names) -> Redirect | str:
    """Parse one line; returns the rule, or the reason why it is left out."""
    origin, *others = words
    parameters: list[tuple[str, str]] = []
    while others and not others[0].startswith("/") and not _URL.match(others[0]):
        name, equals, value = others.pop(0).partition("=")
        if not (name and equals and value):
            raise ValueError(f"{name!r} is neither a parameter 'name=value' nor a target")
        parameters.append((name, value))
    if not others:
        raise ValueError("the target is missing: expected 'from to [status]'")
    target, *others = others
    status, force = 301, False
    if others and "=" not in others[0]:
        match = _STATUS.fullmatch(others[0])
        if match is None or int(match[1]) not in (*REDIRECT_STATUSES, *REWRITE_STATUSES):
            known = ", ".join(map(str, (*REWRITE_STATUSES, *REDIRECT_STATUSES)))
            raise ValueError(
                f"{others[0]!r} is not a status; expected one of {known}, optionally with '!'"
                " to force it"
            )
        status, force = int(match[1]), bool(match[2])
        others.pop(0)
    for condition in others:
        if "=" not in condition:
            raise ValueError(f"{condition!r} is not a condition 'Name=value'")
    if _URL.match(origin):
        return "rules for another domain"
    if others:
        return f"the condition {others[0]!r} is not supported"
    if _URL.match(target) and status in REWRITE_STATUSES:
        return "proxying is not supported here"
    pattern = parse_path_pattern(origin, base)
    if pattern.rest is not None and pattern.rest.text != "/*":
        raise ValueError(f"{origin!r}: '*' is allowed only at the end of a path")
    _check_references(target, parameters, pattern)
    target = quote(target, safe=_SAFE_IN_TARGET)
    if base and not _URL.match(target):
        # Then no octet of it looks like a placeholder.
        target = "".join(f"/{quote_from_bytes(name, safe='')}" for name in base) + target
    return Redirect(
        pattern=pattern,
        query=tuple(parameters),
        target=target,
        status=status,
        force=force,
    )


def _check_references(target: str, parameters: list[tuple[str, str]], pattern: PathPattern) -> None:
    known = pattern.placeholders | {value[1:] for _, value in parameters if value[0] == ":"}
    unknown = set(_REFERENCE.findall(_URL.sub("", target))) - known
    if unknown:
        raise ValueError(f"':{min(unknown)}' in the target is not captured by the origin")


class Redirects:
    """All rules of a site, in order."""

    def __init__(self, rules: Sequence[Redirect] = ()) -> None:
        self._rules = tuple(rules)
        self._index = PatternIndex(rule.pattern for rule in self._rules)

    @property
    def most(self) -> int:
        """The maximum number of rules that a request may have to be matched with."""
        return self._index.most

    def find(
        self, names: Names, query: bytes | None, limits: SiteLimits = DEFAULTS
    ) -> Match | None:
        """The first rule that matches the ``names`` of a path and the ``query`` as sent."""
        for number in self._index.candidates(names):
            redirect = self._rules[number]
            captured = redirect.pattern.capture(names)
            if captured is None or not _capture_query(redirect, query, captured, limits):
                continue
            target = _fill(redirect.target, captured)
            if query is not None and not redirect.query and b"?" not in target:
                address, mark, fragment = target.partition(b"#")
                target = address + b"?" + query + mark + fragment
            return Match(redirect=redirect, target=target)
        return None


def _capture_query(
    redirect: Redirect, query: bytes | None, captured: dict[str, str], limits: SiteLimits
) -> bool:
    """Whether the query has the rule's parameters; adds the values of placeholders.

    A query with more parameters than the limit matches no rule with parameters.
    """
    if not redirect.query:
        return True
    try:
        most = limits.query_parameters
        pairs = parse_qsl(query or b"", keep_blank_values=True, max_num_fields=most)
    except ValueError:
        return False
    values = dict(pairs)
    for name, expected in redirect.query:
        value = values.get(name.encode())
        if value is None:
            return False
        if expected.startswith(":"):
            captured[expected[1:]] = quote_from_bytes(value, safe="")
        elif value != expected.encode():
            return False
    return True


def _fill(target: str, captured: dict[str, str]) -> bytes:
    """The target with placeholders replaced by captured values."""

    def replacement(match: re.Match[str]) -> str:
        return captured.get(match[1], match[0])

    url = _URL.match(target)
    if url is not None:
        return (url[0] + _REFERENCE.sub(replacement, target[url.end() :])).encode("ascii")
    # Two slashes at the start would name another host (RFC 3986 section 4.2).
    return b"/" + _REFERENCE.sub(replacement, target).lstrip("/").encode("ascii")
