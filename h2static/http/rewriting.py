"""Applying the same change to responses, with a cache.

Contract: the same prepared response gives the same changed object as long as it is cached, so that
an engine's caches, which use identity, keep working.  Only such an object is marked as prepared
(:attr:`h2static.http.messages.Response.prepared`).

Assumes that several threads may use it.  The cache changes in single dictionary operations; if two
threads change the same response at the same time, both get the first one's object.  The octet count
serves only as a limit: a miscount by concurrent threads is corrected when the cache is cleared,
which the number of entries ensures.
"""

from __future__ import annotations

from typing import Final

from h2static.http.messages import Response
from h2static.http.wrapper import Change

#: Cached responses; a page and its resources are a few dozen.
MAX_REWRITTEN: Final = 1_000
#: Octets of their bodies, which the application's own cache may have dropped already.
MAX_REWRITTEN_OCTETS: Final = 16 << 20


class Rewriter:
    """Applies a change to an application's responses."""

    __slots__ = ("_change", "_changed", "_max_entries", "_max_octets", "octets")

    def __init__(
        self,
        change: Change,
        *,
        entries: int = MAX_REWRITTEN,
        octets: int = MAX_REWRITTEN_OCTETS,
    ) -> None:
        """``change`` is called from any thread and must depend on nothing but the response.

        Caches at most ``entries`` responses, with at most ``octets`` octets of bodies in total.
        """
        self._change = change
        self._max_entries = entries
        self._max_octets = octets
        self._changed: dict[Response, Response] = {}
        #: Octets of cached bodies.
        self.octets = 0

    def __len__(self) -> int:
        """The number of cached responses."""
        return len(self._changed)

    def response(self, response: Response) -> Response:
        """The changed response."""
        known = self._changed.get(response)
        if known is not None:
            return known
        changed = self._change(response)
        if self._may_hold(response):
            changed.prepared = True
            return self._hold(response, changed)
        if changed is not response:
            changed.prepared = False
        return changed

    def recall(self, response: Response | None) -> Response | None:
        """The changed form of a recalled response, if it is cached and prepared."""
        if response is None:
            return None
        changed = self._changed.get(response)
        if changed is not None:
            return changed
        return self.response(response) if self._may_hold(response) else None

    def forget(self) -> None:
        """Clear the cache: earlier responses will not recur."""
        self._changed.clear()
        self.octets = 0

    def _may_hold(self, response: Response) -> bool:
        # A file body would stay open; the application has its own limit for those.
        body = response.body
        return response.prepared and isinstance(body, bytes) and len(body) <= self._max_octets

    def _hold(self, response: Response, changed: Response) -> Response:
        assert isinstance(response.body, bytes)
        size = len(response.body)
        if len(self._changed) >= self._max_entries or self.octets + size > self._max_octets:
            self.forget()
        held = self._changed.setdefault(response, changed)
        if held is changed:
            self.octets += size
        return held
