"""Responses changed the same way each time.

Contract: the same prepared response gives the same changed object as long as it is remembered, so
that the memories of an engine, which go by identity, keep working.  Only then is the changed object
prepared (:attr:`h2static.http.messages.Response.prepared`); every other one says that it is not.

Assumes: several threads may use it.  What is remembered changes in single operations of a
dictionary; of two threads that change the same response at once, the first gives the object to
both.  Octets are counted for a bound, not for a bill: what is counted wrong that way is right again
when everything is forgotten, which the number of entries enforces.
"""

from __future__ import annotations

from typing import Final

from h2static.http.messages import Response
from h2static.http.wrapper import Change

#: Responses remembered; a page and what it loads are some dozens.
MAX_REWRITTEN: Final = 1_000
#: Octets of their bodies, which the application may have dropped already.
MAX_REWRITTEN_OCTETS: Final = 16 << 20


class Rewriter:
    """Applies a change to whatever an application responds."""

    __slots__ = ("_change", "_changed", "_max_entries", "_max_octets", "octets")

    def __init__(
        self,
        change: Change,
        *,
        entries: int = MAX_REWRITTEN,
        octets: int = MAX_REWRITTEN_OCTETS,
    ) -> None:
        """``change`` is called from any thread and must depend on nothing but the response.

        At most ``entries`` responses, whose bodies are at most ``octets`` octets, are remembered.
        """
        self._change = change
        self._max_entries = entries
        self._max_octets = octets
        self._changed: dict[Response, Response] = {}
        #: Octets of bodies that are remembered.
        self.octets = 0

    def __len__(self) -> int:
        """Responses that are remembered."""
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
        """The changed object of what an application recalled, if that is prepared as well."""
        if response is None:
            return None
        changed = self._changed.get(response)
        if changed is not None:
            return changed
        return self.response(response) if self._may_hold(response) else None

    def forget(self) -> None:
        """The responses of before will not come any more."""
        self._changed.clear()
        self.octets = 0

    def _may_hold(self, response: Response) -> bool:
        # One with a file would keep it open, for which the application has a limit of its own.
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
