"""Responses of a site, changed the same way each time.

Contract: the same response object gives the same changed object as long as it is remembered, so
that the memories of a protocol, which go by identity, keep working.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from h2static.messages import Answer, Deferred, Response, Upload

#: Responses remembered; a page and what it loads are some dozens.
MAX_REMEMBERED = 1_000


class Rewriter:
    """Applies ``change`` to whatever an application answers."""

    def __init__(self, change: Callable[[Response], Response]) -> None:
        """``change`` is called from any thread and must not depend on anything else."""
        self._change = change
        self._changed: dict[Response, Response] = {}

    def response(self, response: Response) -> Response:
        """The changed response."""
        changed = self._changed.get(response)
        if changed is None:
            changed = self._change(response)
            if not isinstance(response.body, bytes):
                # It keeps a file open, for which the site has a limit of its own.
                return changed
            if len(self._changed) >= MAX_REMEMBERED:
                self._changed.clear()
            self._changed[response] = changed
        return changed

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
        """See :class:`h2static.messages.Upload`."""
        response = self._upload.receive(data)
        return None if response is None else self._change(response)

    def complete(self) -> Response:
        """See :class:`h2static.messages.Upload`."""
        return self._change(self._upload.complete())

    def abandon(self) -> None:
        """See :class:`h2static.messages.Upload`."""
        self._upload.abandon()


class RewrittenDeferred:
    """An answer to come, which is changed when it is there."""

    def __init__(self, deferred: Deferred, change: Callable[[Response], Response]) -> None:
        self._deferred = deferred
        self._change = change

    def run(self) -> Response | Upload:
        """See :class:`h2static.messages.Deferred`."""
        answer = self._deferred.run()
        if isinstance(answer, Response):
            return self._change(answer)
        return RewrittenUpload(answer, self._change)
