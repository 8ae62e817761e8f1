"""Observers of frames, and reports of errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from h2static.http.fields import Field
from h2static.http3.frames import Frame


class Observer(Protocol):
    """Sees every frame (``-v``); its presence turns the caches off."""

    def received(self, stream_id: int, frame: Frame, fields: Sequence[Field] = ()) -> None:
        """A frame has arrived; ``fields``: the decoded fields of HEADERS."""

    def sent(
        self, stream_id: int, frame: Frame, fields: Sequence[Field] = (), note: str = ""
    ) -> None:
        """A frame was passed to the transport; ``note`` describes HEADERS."""

    def stream_opened(self, stream_id: int, what: str) -> None:
        """A unidirectional stream, or one of an unknown kind, has begun."""

    def reset(self, verb: str, stream_id: int, code: int) -> None:
        """A stream was reset; ``verb``: ``recv`` or ``send`` RESET_STREAM, ``stop``
        STOP_SENDING."""

    def stream_closed(self, stream_id: int) -> None:
        """Both sides have ended the stream, or it was given up."""

    def violation(self, reason: str, code: int, stream_id: int | None) -> None:
        """The peer broke a rule; ``stream_id`` is ``None`` for a connection error."""


#: Called for each stream error, for the error log.
Report: TypeAlias = Callable[[str], None]
