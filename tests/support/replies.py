"""What a scripted peer receives, decoded.

Contract: plain values.  A :class:`Section` is HEADERS with its CONTINUATION frames, a
:class:`Reply` all that came on one stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from h2static.http.messages import Field
from h2static.http2.frames import Frame


@dataclass(slots=True, kw_only=True)
class Section:
    """A field section from the server: HEADERS with its CONTINUATION frames, decoded."""

    stream_id: int
    fields: tuple[Field, ...]
    end_stream: bool
    #: Of the HEADERS frame.
    padding: int = 0
    #: Frames that carried it.
    frames: int = 1
    block: bytes = b""

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field ``name``."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name!r} is repeated"
        return values[0] if values else None

    @property
    def status(self) -> int:
        return int(self.get(b":status") or 0)


@dataclass(slots=True, kw_only=True)
class Promise:
    """A PUSH_PROMISE, decoded."""

    stream_id: int
    promised_stream_id: int
    fields: tuple[Field, ...]


Event: TypeAlias = Frame | Section | Promise


@dataclass(slots=True, kw_only=True)
class Reply:
    """What came on a stream."""

    status: int = 0
    fields: tuple[Field, ...] = ()
    content: bytearray = field(default_factory=bytearray)
    trailers: tuple[Field, ...] | None = None
    informational: list[int] = field(default_factory=list)
    #: The code of RST_STREAM.
    reset: int | None = None
    ended: bool = False
    #: Sizes of the DATA frames' content.
    data: list[int] = field(default_factory=list)

    @property
    def body(self) -> bytes:
        """The content so far."""
        return bytes(self.content)

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field ``name``."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name!r} is repeated"
        return values[0] if values else None
