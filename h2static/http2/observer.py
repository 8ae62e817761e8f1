"""Observers of frames, and reports of errors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from h2static.http.fields import Field
from h2static.http2.errors import StreamViolation
from h2static.http2.frames import Frame


class Observer(Protocol):
    """Sees every frame (``-v``); its presence turns the caches off."""

    def received(self, frame: Frame) -> None:
        """A frame has arrived and was parsed."""

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """A header block was decoded; called before :meth:`received` of its HEADERS frame."""

    def sent(self, frame: Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """A frame has entered the output; ``note`` describes HEADERS."""

    def stream_closed(self, stream_id: int) -> None:
        """Both sides have ended the stream, or it was reset."""

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """The peer broke a rule; ``stream_id`` is 0 for a connection error."""


#: Called for each stream error, for the error log: RST_STREAM has no room for a reason.  Unlike an
#: :class:`Observer` it changes nothing else.
Report: TypeAlias = Callable[[StreamViolation], None]
