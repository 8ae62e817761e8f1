"""The push rules of a running site, which determine the hints of a file's response.

Contract: :class:`PushPlanner` gives the :class:`~h2static.site.hints.delivery.PushHints` of a
response from the rules and, with ``--hints auto``, from the page itself.  ``None`` means that there
are none, which is the usual case and takes one lookup.

Strategy: a page is read once for each version; the results are cached for a limited number of
pages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote_from_bytes

from h2static.site.hints import html as html_hints
from h2static.site.hints.delivery import (
    Look,
    PromisedRequests,
    PushHints,
    PushMode,
    PushPolicy,
)
from h2static.site.hints.rules import (
    ALWAYS,
    Condition,
    Entry,
    PushRule,
    PushRules,
    describe_missing,
    names_path,
)
from h2static.site.limits import DEFAULTS, SiteLimits

#: Hints read from a page apply only to navigations, not to programs that fetch the page.
_NAVIGATION = Condition(navigation=True)


@dataclass(slots=True, kw_only=True, frozen=True)
class PushConfig:
    """The configuration of pushes, fixed before a server starts."""

    #: Rules from ``-p`` and ``--push-rules``, in the order in which they were written.
    rules: tuple[PushRule, ...] = ()
    #: ``--push-mode``.
    mode: PushMode = PushMode.AUTO
    #: ``--hints auto``: read pages for what they need.
    from_html: bool = False
    #: ``--push-cookie``: let clients remember what they were pushed.
    cookie: bool = False


class PushPlanner:
    """Hints for responses; one for each worker."""

    def __init__(self, config: PushConfig, look: Look, limits: SiteLimits = DEFAULTS) -> None:
        """``look``: see :class:`~h2static.site.hints.delivery.PushPolicy`.

        Raises ``ValueError`` for more rules than the limit.
        """
        self._policy = PushPolicy(
            mode=config.mode,
            cookie=config.cookie,
            look=look,
            limits=limits,
            requests=PromisedRequests(limits),
        )
        self._rules = PushRules(config.rules if config.mode is not PushMode.OFF else (), limits)
        self._from_html = config.from_html and config.mode is not PushMode.OFF
        self._pages: OrderedDict[tuple[bytes, bytes], PushHints | None] = OrderedDict()

    @property
    def active(self) -> bool:
        """Whether any response can have hints."""
        return self._from_html or bool(self._rules.rules)

    def drop_missing(self, exists: Callable[[bytes], bool]) -> list[str]:
        """Drop targets without a file; returns one line about each, to report at startup.

        ``exists`` gets an encoded path without query.
        """
        gone = self._rules.missing(exists)
        self._rules = self._rules.without(gone)
        return describe_missing(gone)

    def hints_for(
        self, path: bytes, version: bytes, read_html: Callable[[], bytes] | None = None
    ) -> PushHints | None:
        """The hints of a 200 response.

        ``path``: the request's, decoded, without query.  ``version``: the file's entity tag.
        ``read_html``: gives the page's octets; ``None`` if it is not HTML.
        """
        if not self._from_html or read_html is None:
            entries = self._rules.entries_for(path)
            return self._hints(entries) if entries else None
        key = (path, version)
        # Several threads may be here: each step leaves the cache consistent and does not rely on
        # earlier steps.
        if key in self._pages:
            return self._pages.get(key)
        hints = self._pages[key] = self._read_page(path, read_html())
        if len(self._pages) > self._policy.limits.hint_pages:
            self._pages.popitem(last=False)
        return hints

    def _read_page(self, path: bytes, html: bytes) -> PushHints | None:
        """The targets of the rules, followed by those in the page that the rules do not name."""
        entries: list[Entry] = list(self._rules.entries_for(path))
        named = {target.url for condition, target in entries if condition == ALWAYS}
        entries.extend(
            (_NAVIGATION, target)
            for target in html_hints.targets_in(html, quote_from_bytes(path), self._policy.limits)
            if target.url not in named and not names_path(target, path)
        )
        return self._hints(tuple(entries)) if entries else None

    def _hints(self, entries: tuple[Entry, ...]) -> PushHints:
        return PushHints(entries=entries, policy=self._policy)
