"""Responses of a site, changed the same way each time.

Contract: the same response object gives the same changed object as long as it is remembered, so
that the memories of a protocol, which go by identity, keep working.  What nobody will give again
(:attr:`h2static.http.messages.Response.once`) is not remembered, and the changed object says the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from h2static.dev.remembered import Remembered
from h2static.http.messages import Answer, Deferred, Response, Upload

#: Responses remembered; a page and what it loads are some dozens.
MAX_REMEMBERED = 1_000
#: Octets of their bodies, which the site may have let go.
MAX_REMEMBERED_OCTETS = 16 << 20


class Rewriter:
    """Applies ``change`` to whatever an application answers."""

    def __init__(self, change: Callable[[Response], Response]) -> None:
        """``change`` is called from any thread and must not depend on anything else."""
        self._change = change
        self._changed = Remembered[Response, Response](
            entries=MAX_REMEMBERED, octets=MAX_REMEMBERED_OCTETS
        )

    def response(self, response: Response) -> Response:
        """The changed response."""
        changed = self._changed.get(response)
        if changed is not None:
            return changed
        changed = self._change(response)
        if changed is response:
            return response
        # One with a file keeps it open, for which the site has a limit of its own.
        if response.once or not isinstance(response.body, bytes):
            changed.once = True
            return changed
        return self._changed.keep(response, changed, len(response.body))

    def forget(self) -> None:
        """The responses of before will not come any more."""
        self._changed.forget()

    def answer(self, answer: Answer) -> Answer:
        """The same for an answer that may still be to come."""
        if isinstance(answer, Response):
            return self.response(answer)
        if isinstance(answer, Upload):
            return RewrittenUpload(answer, self.response)
        if isinstance(answer, Deferred):
            return RewrittenDeferred(answer, self.response)
        assert_never(answer)


class RewrittenUpload:
    """An upload whose response is changed."""

    def __init__(self, upload: Upload, change: Callable[[Response], Response]) -> None:
        self._upload = upload
        self._change = change

    def receive(self, data: bytes) -> Response | None:
        """See :class:`h2static.http.messages.Upload`."""
        response = self._upload.receive(data)
        return None if response is None else self._change(response)

    def complete(self) -> Response:
        """See :class:`h2static.http.messages.Upload`."""
        return self._change(self._upload.complete())

    def abandon(self) -> None:
        """See :class:`h2static.http.messages.Upload`."""
        self._upload.abandon()


class RewrittenDeferred:
    """A response to come, which is changed when it is there."""

    def __init__(self, deferred: Deferred, change: Callable[[Response], Response]) -> None:
        self._deferred = deferred
        self._change = change

    def run(self) -> Response:
        """See :class:`h2static.http.messages.Deferred`."""
        return self._change(self._deferred.run())
