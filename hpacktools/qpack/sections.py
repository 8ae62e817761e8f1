"""Field sections in a decoder: pending and decoded."""

from __future__ import annotations

from dataclasses import dataclass

from hpacktools.codec import Field

from .representations import SectionPrefix


@dataclass(slots=True, kw_only=True)
class DecodedSection:
    """A decoded field section."""

    stream_id: int
    #: The fields in order, as far as the limit on the list size allows.
    fields: tuple[Field, ...]
    #: Positions in ``fields`` of literals with the N bit, which must be forwarded as such (RFC 9204
    #: section 4.5.4).
    never_indexed: tuple[int, ...]
    #: Whether the limit on the list size was crossed.
    truncated: bool
    #: Size of the whole section in octets: name, value and 32 for each field line.
    list_size: int
    required_insert_count: int
    base: int


class PendingSection:
    """A section that has not been decoded yet."""

    __slots__ = ("complete", "length", "pieces", "prefix")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.length = 0
        #: Whether its last octet has arrived.
        self.complete = False
        #: The prefix; ``None`` until it has arrived.
        self.prefix: SectionPrefix | None = None

    def joined(self) -> bytes:
        """All octets that have arrived."""
        octets = b"".join(self.pieces)
        self.pieces = [octets]
        return octets
