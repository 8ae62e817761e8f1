"""What all connections of a worker share, whatever they speak.

Contract: one :class:`Shared` a worker, made by whoever assembles it, and told the time by its loop.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from h2static.http import limits
from h2static.http.dates import DateField
from h2static.http.journal import Journal


@dataclass(slots=True, kw_only=True)
class HeldContent:
    """Octets of content that sinks have taken without returning their credit."""

    octets: int = 0
    #: Above this a connection gets no credit either for what a sink of it holds back.
    limit: int = limits.HELD_CONTENT


@dataclass(slots=True, kw_only=True)
class Shared:
    """See the module."""

    date: DateField = field(default_factory=DateField)
    #: Where finished responses are noted, if anybody reads it.
    journal: Journal | None = None
    held: HeldContent = field(default_factory=HeldContent)
