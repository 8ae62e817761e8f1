"""Observers of the frames of ordinary requests: a multiplexer, and a recorder.

Contract: :class:`Several` passes everything on; :class:`Capture` records what was sent and received
as :class:`~h2static.h2get.script.model.Received`, for expectations and for ``record``.  HTTP/1.1
header sections are recorded as HEADERS, with ``:status`` or the pseudo-header fields of requests.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from h2static.client import ClientError, Observers
from h2static.h2get.script.build import values_of
from h2static.h2get.script.model import Received
from h2static.http.fields import Field
from h2static.http1.observer import HeadObserver
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.http2.observer import Observer

#: Octets of content that are kept; expectations with ``data=`` compare beginnings.
MOST_CONTENT: Final = 16 * 1024 * 1024
#: Octets of all other payloads: header blocks, and what unknown frames hold.
MOST_OTHER: Final = 64 * 1024 * 1024
#: Frames that are kept, each with half a KiB besides: a download of 16 GiB.
MOST_FRAMES: Final = 1_000_000


class Several:
    """Passes everything on to several observers."""

    def __init__(self, frames: Sequence[Observer], heads: Sequence[HeadObserver]) -> None:
        self._frames = frames
        self._heads = heads

    def received(self, frame: f.Frame) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        for one in self._frames:
            one.received(frame)

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        for one in self._frames:
            one.received_fields(stream_id, fields, never_indexed)

    def sent(self, frame: f.Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        for one in self._frames:
            one.sent(frame, fields, note)

    def stream_closed(self, stream_id: int) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        for one in self._frames:
            one.stream_closed(stream_id)

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        for one in self._frames:
            one.violation(reason, code, stream_id)

    def sent_head(self, section: bytes) -> None:
        """See :class:`~h2static.http1.observer.HeadObserver`."""
        for one in self._heads:
            one.sent_head(section)

    def received_head(self, section: bytes) -> None:
        """See :class:`~h2static.http1.observer.HeadObserver`."""
        for one in self._heads:
            one.received_head(section)


@dataclass(slots=True, kw_only=True)
class Seen:
    """A frame that was sent or that came."""

    sent: bool
    frame: Received


class Capture:
    """Writes everything down, but for content beyond a limit: frames then have none.

    Raises :class:`~h2static.client.ClientError` in its turn where a server sends frames without
    end.
    """

    def __init__(
        self, *, content: int = MOST_CONTENT, other: int = MOST_OTHER, frames: int = MOST_FRAMES
    ) -> None:
        """``content``: octets of DATA that are kept; ``other``: octets of other payloads that may
        come; ``frames``: frames that may come."""
        self._most_content = content
        self._most_other = other
        self._most_frames = frames
        self._began = time.monotonic()
        #: In order.
        self.seen: list[Seen] = []
        self._fields: tuple[Field, ...] | None = None
        self._heads = {True: -1, False: -1}
        self._content = 0
        self._other = 0

    @property
    def frames(self) -> list[Received]:
        """The received frames."""
        return [one.frame for one in self.seen if not one.sent]

    def beside(self, observers: Observers) -> Observers:
        """``observers`` with this one added."""
        frames: list[Observer] = [self]
        heads: list[HeadObserver] = [self]
        if observers.frames is not None:
            frames.append(observers.frames)
        if observers.heads is not None:
            heads.append(observers.heads)
        several = Several(frames, heads)
        return replace(observers, frames=several, heads=several)

    def _add(self, frame: f.Frame, fields: tuple[Field, ...] | None, *, sent: bool) -> None:
        octets = frame.serialize()
        values = values_of(frame)
        if isinstance(frame, f.Data):
            self._content += len(frame.data)
            if self._content > self._most_content:
                del values["data"]
        else:
            self._other += len(octets)
            if self._other > self._most_other:
                raise ClientError(
                    f"more than {self._most_other} octets besides content: too much for"
                    " expectations"
                )
        if len(self.seen) >= self._most_frames:
            raise ClientError(f"more than {self._most_frames} frames: too many for expectations")
        received = Received(
            type=octets[3], flags=frame.flags, stream=frame.stream_id,
            length=len(octets) - r.FRAME_HEADER_SIZE, time=time.monotonic() - self._began,
            values=values, fields=fields,
            payload=octets[r.FRAME_HEADER_SIZE :] if isinstance(frame, f.Unknown) else b"",
        )  # fmt: skip
        self.seen.append(Seen(sent=sent, frame=received))

    def received(self, frame: f.Frame) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        fields = None
        if isinstance(frame, f.Headers | f.PushPromise):
            fields, self._fields = self._fields, None
        self._add(frame, fields, sent=False)

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        self._fields = tuple(fields)

    def sent(self, frame: f.Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        """See :class:`~h2static.http2.observer.Observer`."""
        self._add(frame, tuple(fields) if isinstance(frame, f.Headers) else None, sent=True)

    def stream_closed(self, stream_id: int) -> None:
        """The frames say so."""

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        """The frames that are sent say so."""

    def sent_head(self, section: bytes) -> None:
        """See :class:`~h2static.http1.observer.HeadObserver`."""
        self._head(section, sent=True)

    def received_head(self, section: bytes) -> None:
        """See :class:`~h2static.http1.observer.HeadObserver`."""
        self._head(section, sent=False)

    def _head(self, section: bytes, *, sent: bool) -> None:
        first, *lines = section[:-4].split(b"\r\n")
        words = first.split(b" ", 2)
        fields: list[Field]
        if sent:
            fields = [(b":method", words[0]), (b":path", words[1])]
        else:
            fields = [(b":status", words[1] if len(words) > 1 else b"")]
        for line in lines:
            name, _, value = line.partition(b":")
            fields.append((name.lower(), value.strip()))
        informational = not sent and fields[0][1].startswith(b"1")
        stream = self._heads[sent] + 2
        if not informational:
            self._heads[sent] = stream
        received = Received(
            type=r.HEADERS, flags=r.END_HEADERS, stream=stream, length=len(section),
            time=time.monotonic() - self._began, fields=tuple(fields),
        )  # fmt: skip
        self.seen.append(Seen(sent=sent, frame=received))
