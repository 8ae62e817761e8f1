"""Responses changed the same way each time.

Contract: the same prepared response gives the same changed object as long as it is remembered, so
that the memories of a protocol, which go by identity, keep working.  Only then is the changed
object prepared (:attr:`h2static.http.messages.Response.prepared`); every other one says that it is
not.
"""

from __future__ import annotations

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.remembered import Remembered
from h2static.http.messages import Response
from h2static.http.wrapper import Change


class Rewriter:
    """Applies a change to whatever an application responds; may be used by several threads."""

    def __init__(self, change: Change, limits: DevLimits = DEFAULT_LIMITS) -> None:
        """``change`` is called from any thread and must depend on nothing but the response."""
        self._change = change
        self._changed = Remembered[Response, Response](
            entries=limits.rewritten, octets=limits.rewritten_octets
        )

    def response(self, response: Response) -> Response:
        """The changed response."""
        changed = self._changed.get(response)
        if changed is not None:
            return changed
        changed = self._change(response)
        octets = self._octets_to_hold(response)
        if octets is not None:
            changed.prepared = True
            return self._changed.keep(response, changed, octets)
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
        # To change and remember it has no effects that anybody could see.
        return None if self._octets_to_hold(response) is None else self.response(response)

    def _octets_to_hold(self, response: Response) -> int | None:
        """What remembering ``response`` keeps alive; ``None`` if it is not to be remembered."""
        body = response.body
        # One with a file would keep it open, for which the site has a limit of its own.
        if not response.prepared or not isinstance(body, bytes):
            return None
        return len(body) if self._changed.has_room_for(len(body)) else None

    @property
    def octets(self) -> int:
        """Octets of bodies that are remembered."""
        return self._changed.octets

    def __len__(self) -> int:
        """Responses that are remembered."""
        return len(self._changed)

    def forget(self) -> None:
        """The responses of before will not come any more."""
        self._changed.forget()
