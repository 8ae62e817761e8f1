"""Decoding and validating header blocks, with a cache (RFC 7541, RFC 9113 section 8.2).

Contract: decoding is a pure function of (table state, block), and the validity of a request is a
pure function of its fields.  So :class:`FieldSectionMemory` caches, for all connections of a worker
that share its settings, which request a block represents in a given state, and which state
follows.  It caches first blocks that end their stream; everything else takes the plain path.  The
cache never changes anything on the wire.

Assumes that blocks are passed in the order in which they arrived on their connection.

Strategy: a state object represents the contents of a dynamic table and its limits; equal states of
different connections become the same object on second sight.  Never-indexed fields, cookies and
authorization are not shared (RFC 7541 section 7.1): a block with one of them is not cached in a
shared state, and a table that contains one makes its state private to the connection.  The cache is
limited in octets; when it is full, the oldest eighth is dropped.
"""

from __future__ import annotations

from typing import Final

from h2static.http.semantics import SENSITIVE, CheckedFields, RequestHead
from hpacktools.codec import (
    EMPTY_TABLE,
    DecodedBlock,
    DecodeLimits,
    DynamicTable,
    Field,
    StringMemory,
    decode_block,
)

#: Octets for one entrance of a worker: about forty thousand different requests, more than a site
#: has responses in memory.
DEFAULT_OCTETS: Final = 64 * 1024 * 1024
#: The fraction that is dropped when there is no room is one part in this many.
_PARTS: Final = 8
#: Octets that a private state may cache for its connection: the requests for a page's subresources,
#: about a dozen with the fields and cookies that browsers send.
_PRIVATE_OCTETS: Final = 65_536
#: Fields shared by the tables of all connections before they are dropped; one block may exceed
#: this. They have at most 128 octets, so this is half a MiB.
_INTERNED: Final = 2_048
#: Slots for marks of blocks seen once, an octet each: a power of two, and several for each cached
#: request.
_SIGHTED: Final = 131_072
#: Overhead of an entry in addition to its octets (objects, dictionary slots), roughly measured.
_ENTRY_OVERHEAD: Final = 600
_FIELD_OVERHEAD: Final = 120


class Known:
    """The meaning of a cached block."""

    __slots__ = ("cost", "head", "is_head", "request", "state")

    def __init__(self, head: RequestHead, state: DecoderState | None, cost: int = 0) -> None:
        self.head = head
        #: What it counts for in the limit of the cache that holds it.
        self.cost = cost
        self.request = head.request
        #: Whether the method is HEAD, so that no content may follow.
        self.is_head = head.request.method == b"HEAD"
        #: The state after the block; ``None`` if it is the same.
        self.state = state


class DecoderState:
    """The state of a connection's header decoding.  Immutable except for its cache."""

    __slots__ = ("allowed", "known", "octets", "private", "required", "table")

    def __init__(
        self, table: DynamicTable, allowed: int, required: int | None, private: bool
    ) -> None:
        self.table = table
        #: The SETTINGS_HEADER_TABLE_SIZE that the peer has acknowledged.
        self.allowed = allowed
        #: The next block must begin with a size update to at most this (RFC 7541 section 4.2).
        self.required = required
        self.private = private
        #: Block -> its meaning in this state.
        self.known: dict[bytes, Known] = {}
        #: The size of that cache if the state is private; shared ones are counted together.
        self.octets = 0


class Sighted:
    """Remembers hashes seen once in a fixed number of octets: new marks replace old ones.

    Each mark has two slots, so that two marks that share one do not evict each other repeatedly.
    One in a hundred new hashes is mistaken for an old one.
    """

    __slots__ = ("_marks", "_second", "_size")

    def __init__(self, size: int = _SIGHTED) -> None:
        """``size``: number of slots."""
        self._size = size
        self._marks = bytearray(size)
        self._second = False

    def again(self, sight: int) -> bool:
        """Whether ``sight``, a hash of 61 bits or more, was seen before, and not too long ago."""
        marks, size = self._marks, self._size
        one, sight = sight % size, sight // size
        other, sight = sight % size, sight // size
        mark = sight % 255 + 1
        if marks[one] == mark or marks[other] == mark:
            return True
        if marks[one] and (not marks[other] or self._second):
            marks[other] = mark
        else:
            marks[one] = mark
        self._second = not self._second
        return False


class FieldSectionMemory:
    """The decoding cache of one kind of connection (same settings and schemes) in one worker."""

    __slots__ = (
        "_interned",
        "_limit",
        "_limits",
        "_octets",
        "_sighted",
        "_states",
        "_strings",
        "checked",
        "enabled",
    )

    def __init__(
        self, limits: DecodeLimits, *, octets: int = DEFAULT_OCTETS, enabled: bool = True
    ) -> None:
        self._limits = limits
        self._limit = octets
        self._octets = 0
        self._states: dict[tuple[DynamicTable, int, int | None], DecoderState] = {}
        self._sighted = Sighted(_SIGHTED if enabled else 1)
        #: Shared table entries, because clients request the same paths: a table of ninety takes ten
        #: KiB.
        self._interned: dict[Field, Field] = {}
        #: Decoded strings such as user agents and languages, by their octets.
        self._strings = StringMemory(SENSITIVE) if enabled else None
        #: Fields found to be valid.
        self.checked = CheckedFields() if enabled else None
        self.enabled = enabled

    def start(self, allowed: int) -> DecoderState:
        """The state of a new connection whose peer has acknowledged ``allowed``."""
        return self._shared(DecoderState(EMPTY_TABLE, allowed, None, False))

    def acknowledged(self, state: DecoderState, allowed: int) -> DecoderState:
        """The state after the peer has acknowledged SETTINGS_HEADER_TABLE_SIZE ``allowed``.

        RFC 9113 section 4.3.1: once a smaller size is acknowledged, the next block must begin with
        a size update.
        """
        required = state.required
        if allowed < state.table.maximum and (required is None or allowed < required):
            required = allowed
        after = DecoderState(state.table, allowed, required, state.private)
        return after if state.private else self._shared(after)

    def decode(self, state: DecoderState, block: bytes) -> tuple[DecodedBlock, DecoderState]:
        """Decode ``block`` in ``state``; returns its contents and the state after it.

        Raises :class:`hpacktools.codec.HPACKError`; then the state must not be used again.
        """
        interned = self._interned
        if len(interned) > _INTERNED:
            interned.clear()
        decoded = decode_block(
            block,
            state.table,
            allowed=state.allowed,
            required=state.required,
            limits=self._limits,
            interned=interned if self.enabled else None,
            strings=self._strings,
        )
        if decoded.table is state.table and state.required is None:
            return decoded, state
        # Fields cut off by a soft limit may be in the table, including secrets.
        private = state.private or decoded.truncated or is_sensitive(decoded)
        after = DecoderState(decoded.table, state.allowed, None, private)
        return decoded, after if private or not self.enabled else self._met(after)

    def remember(
        self,
        state: DecoderState,
        block: bytes,
        decoded: DecodedBlock,
        head: RequestHead,
        after: DecoderState,
    ) -> DecoderState:
        """Offer the meaning of ``block`` in ``state``; returns the state to continue with.

        For blocks that begin and end a request.  Cached on second sight.
        """
        # A private state that the block has changed does not come again.
        if not self.enabled or (state.private and after is not state):
            return after
        cost = (
            _ENTRY_OVERHEAD
            + 2 * len(block)
            + decoded.list_size
            + _FIELD_OVERHEAD * decoded.field_count
        )
        if state.private:
            if state.octets + cost <= _PRIVATE_OCTETS:
                state.octets += cost
                state.known[block] = Known(head, None, cost)
            return after
        # Secrets have made the state private, unless they were in the table already.
        if after.private or (after is state and is_sensitive(decoded)):
            return after
        if not self._sighted.again(hash((id(state), block))):
            return after
        self._charge(cost)
        shared = self._shared(state)
        after = shared if after is state else self._shared(after)
        head.request.repeats = True
        shared.known[block] = Known(head, after if after is not shared else None, cost)
        return after

    def _met(self, state: DecoderState) -> DecoderState:
        """The shared state equal to ``state``, if an equal one was seen before.

        Connections of similar clients have equal tables after their first requests, whatever
        these were: knowledge from one then serves all.
        """
        key = (state.table, state.allowed, state.required)
        shared = self._states.get(key)
        if shared is not None:
            return shared
        return self._shared(state) if self._sighted.again(hash(key)) else state

    def _shared(self, state: DecoderState) -> DecoderState:
        """The shared state equal to ``state``; it is dropped with the rest of the cache."""
        key = (state.table, state.allowed, state.required)
        shared = self._states.get(key)
        if shared is None:
            self._charge(_state_cost(state))
            shared = self._states[key] = state
        return shared

    def _charge(self, octets: int) -> None:
        self._octets += octets
        if self._octets > self._limit:
            self._make_room(octets)

    def _make_room(self, octets: int) -> None:
        """Drop the oldest entries of the oldest states, and states that have none left.

        ``octets``: those that are about to be used.
        """
        target = self._limit - self._limit // _PARTS
        for key, state in list(self._states.items()):
            for block, known in list(state.known.items()):
                if self._octets <= target:
                    return
                del state.known[block]
                self._octets -= known.cost
            if self._octets <= target:
                return
            del self._states[key]
            self._octets -= _state_cost(state)
        self._octets = octets


def _state_cost(state: DecoderState) -> int:
    """What a shared state counts for, in addition to the blocks that it knows."""
    return _ENTRY_OVERHEAD + 8 * len(state.table.entries) + state.table.size


def is_sensitive(decoded: DecodedBlock) -> bool:
    """Whether a block contains fields that must not be shared between connections."""
    if decoded.never_indexed:
        return True
    return not SENSITIVE.isdisjoint([name for name, _ in decoded.fields])
