"""Response field sections as header blocks, remembered (RFC 7541).

Contract: a block is a pure function of (encoder table, response, second of the Date field).
:class:`HeaderBlockMemory` remembers it for all connections of a worker.  A block that was taken
must enter the output, in the order in which it was taken, and must never be dropped: the state
that follows it says what the peer's table holds.  With the memory off nothing on the wire changes.

Strategy: states are interned as in :mod:`h2static.http2.decoding`.  Everything remembered
belongs to one second, because the Date field does; with the next one it is forgotten.
Fields that differ from file to file (etag, content-length, last-modified …) are never put into the
table, so that the blocks of different files share one state.
"""

from __future__ import annotations

from typing import Final

from h2static.http.dates import DateField
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Response
from h2static.http.semantics import SENSITIVE
from h2static.http2 import registry as r
from h2static.http2.frames import frame_head
from hpacktools.codec import (
    EMPTY_TABLE,
    DynamicTable,
    Representation,
    encode_block,
    needed_size_updates,
)

#: Values that differ from response to response would only drive useful entries out (nghttp2's list,
#: and ours).
_NOT_INDEXED: Final = frozenset(
    (
        b"age",
        b"content-length",
        b"content-range",
        b"etag",
        b"expires",
        b"if-modified-since",
        b"if-none-match",
        b"last-modified",
        b"location",
        b":path",
    )
)
#: RFC 7541 section 7.1.3.
_NEVER_INDEXED: Final = SENSITIVE | {b"set-cookie"}
#: Octets of blocks for one worker and one second.
DEFAULT_OCTETS: Final = 16 * 1024 * 1024
_ENTRY_OVERHEAD: Final = 500
#: What an entry of a dynamic table costs beside its octets: a look-up by field and by name.
_TABLE_ENTRY_OVERHEAD: Final = 200


class Block:
    """A response's header block in one state, with the frames around it."""

    __slots__ = ("block", "body", "head", "ready", "response", "size", "state", "tail")

    def __init__(
        self, block: bytes, response: Response, state: EncoderState | None, plain: bool
    ) -> None:
        """``plain``: the response takes the plain path in any case."""
        body = b"" if response.status in WITHOUT_CONTENT else response.body
        self.block = block
        self.response = response
        #: The state after the block; ``None`` when it is the same.
        self.state = state
        self.body = b""
        #: Octets of content when the response may go out as one HEADERS and one DATA frame; -1
        #: when it has to take the plain path.
        self.ready = -1
        self.head = self.tail = b""
        self.size = 0
        if plain or len(block) > r.MINIMUM_MAX_FRAME_SIZE:
            return
        if body == b"":
            self.head = frame_head(len(block), r.HEADERS, r.END_HEADERS | r.END_STREAM)
            self.tail = block
            self.ready = 0
        elif isinstance(body, bytes) and len(body) <= r.MINIMUM_MAX_FRAME_SIZE:
            self.head = frame_head(len(block), r.HEADERS, r.END_HEADERS)
            self.tail = block + frame_head(len(body), r.DATA, r.END_STREAM)
            self.body = body
            self.ready = len(body)
        #: Octets of all pieces together.
        self.size = 9 + len(self.tail) + (4 + len(self.body) if self.body else 0)


class EncoderState:
    """Where a connection's header encoding stands."""

    __slots__ = ("blocks", "pending", "second", "table")

    def __init__(self, table: DynamicTable, pending: tuple[int, ...], second: int) -> None:
        self.table = table
        #: Size updates that the next block begins with (RFC 7541 section 4.2).
        self.pending = pending
        #: The second to which ``blocks`` belongs.
        self.second = second
        self.blocks: dict[Response, Block] = {}


class HeaderBlockMemory:
    """The encoding of responses in one worker."""

    __slots__ = (
        "_date",
        "_limit",
        "_octets",
        "_plain",
        "_second",
        "_states",
        "enabled",
        "maximum",
    )

    def __init__(
        self,
        date: DateField,
        *,
        plain: bool = False,
        maximum: int = r.INITIAL_HEADER_TABLE_SIZE,
        octets: int = DEFAULT_OCTETS,
        enabled: bool = True,
    ) -> None:
        """``date``: the Date field that every response gets (RFC 9110 section 6.6.1).

        ``plain``: no response goes out as ready frames (padding);
        ``maximum``: octets of the largest dynamic table that the encoder may use."""
        self._date = date
        #: Octets of the largest dynamic table that the encoder may use.
        self.maximum = maximum
        self._plain = plain
        self._limit = octets
        self._octets = 0
        #: The second that everything remembered belongs to.
        self._second = date.second
        self._states: dict[tuple[DynamicTable, tuple[int, ...]], EncoderState] = {}
        self.enabled = enabled

    @property
    def second(self) -> int:
        """The second that the Date field says."""
        return self._date.second

    def start(self) -> EncoderState:
        """The state of a new connection."""
        state = self.current(EncoderState(EMPTY_TABLE, (), -1))
        return self.resized(state, min(self.maximum, r.INITIAL_HEADER_TABLE_SIZE))

    def current(self, state: EncoderState) -> EncoderState:
        """``state`` for the present second."""
        return self._shared(state.table, state.pending)

    def resized(self, state: EncoderState, maximum: int) -> EncoderState:
        """The state after the peer allowed a table of ``maximum`` octets.

        Equal repeats change nothing.
        """
        current = state.table.maximum
        # What is pending begins with the smallest maximum that there was, unless none was smaller.
        smallest = min(current, maximum, *state.pending)
        pending = needed_size_updates(current, smallest, maximum)
        return state if pending == state.pending else self._shared(state.table, pending)

    def block(self, state: EncoderState, response: Response, extra: Fields = ()) -> Block:
        """The header block of ``response`` in ``state``, which is of the present second.

        With ``extra`` fields, which depend on the client, it is not remembered.
        """
        if extra:
            octets, after = self.encode(state, self.fields(response, extra))
            return Block(octets, response, after if after is not state else None, True)
        known = state.blocks.get(response)
        if known is not None:
            return known
        fields = self.fields(response)
        octets, after = self.encode(state, fields)
        plain = self._plain or response.hints is not None
        block = Block(octets, response, after if after is not state else None, plain)
        # Only what is registered can be forgotten; others remember nothing until the next second.
        if response.prepared and self._states.get((state.table, state.pending)) is state:
            self._octets += _ENTRY_OVERHEAD + 2 * len(octets)
            if self._octets > self._limit:
                self._forget()
            else:
                state.blocks[response] = block
        return block

    def release(self) -> None:
        """Forget what belongs to a second that is over, as the next block would."""
        if self._second != self._date.second:
            self._second = self._date.second
            self._forget()

    def _forget(self) -> None:
        """Begin anew; idle connections hold states, which must not hold blocks."""
        for state in self._states.values():
            state.blocks.clear()
        self._states.clear()
        self._octets = 0

    def encode(self, state: EncoderState, fields: Fields) -> tuple[bytes, EncoderState]:
        """Encode any field section; returns the block and the state after it."""
        octets, table = encode_block(
            [(name, value, _representation(name, value, state.table)) for name, value in fields],
            state.table,
            size_updates=state.pending,
        )
        if table is state.table and not state.pending:
            return octets, state
        return octets, self._shared(table, ())

    def fields(self, response: Response, extra: Fields = ()) -> Fields:
        """The whole field section of a final response, with what is decided when sending."""
        fields = response.fields
        # RFC 9110 section 6.6.1: an origin server without a clock sends none.
        date: Fields = ((b"date", self._date.value),) if self._date.value else ()
        return ((b":status", b"%d" % response.status), *fields[:1], *date, *fields[1:], *extra)

    def _shared(self, table: DynamicTable, pending: tuple[int, ...]) -> EncoderState:
        self.release()
        key = (table, pending)
        state = self._states.get(key)
        if state is None:
            state = EncoderState(table, pending, self._second)
            if self.enabled:
                self._charge_state(state)
                self._states[key] = state
        return state

    def _charge_state(self, state: EncoderState) -> None:
        """Tables differ by what clients ask for, so they count like what is remembered in them."""
        cost = _ENTRY_OVERHEAD
        if not state.pending:
            # Otherwise the table is that of the state before.
            cost += state.table.size + _TABLE_ENTRY_OVERHEAD * len(state.table.entries)
        if self._octets + cost > self._limit:
            self._forget()
        self._octets += cost


def _representation(name: bytes, value: bytes, table: DynamicTable) -> Representation:
    if name in _NEVER_INDEXED:
        return Representation.NEVER_INDEXED
    # An entry of more than three quarters of the table would empty it for itself alone.
    if name in _NOT_INDEXED or (len(name) + len(value) + 32) * 4 > table.maximum * 3:
        return Representation.WITHOUT_INDEXING
    if name == b"content-type" and value.startswith(b"multipart/"):
        # Its boundary is another one for each set of ranges that a client may think of.
        return Representation.WITHOUT_INDEXING
    return Representation.WITH_INDEXING
