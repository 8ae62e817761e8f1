"""State shared by all connections of a worker, whatever their protocol.

Contract: one :class:`Shared` per worker, created at assembly; the loop keeps its clock up to date.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from h2static.http import limits
from h2static.http.dates import DateField
from h2static.http.journal import Journal


@dataclass(slots=True, kw_only=True)
class HeldContent:
    """Counts the octets of content that sinks hold without having returned their credit."""

    octets: int = 0
    #: Above this, a connection also gets no credit for content that one of its sinks holds.
    limit: int = limits.HELD_CONTENT


@dataclass(slots=True, kw_only=True)
class Shared:
    """The state that all connections of a worker share."""

    date: DateField = field(default_factory=DateField)
    #: The journal of finished responses, if it is read.
    journal: Journal | None = None
    held: HeldContent = field(default_factory=HeldContent)
