"""Response field sections as header blocks, remembered (RFC 7541).

Contract: a block is a pure function of (encoder table, response, second of the Date field).
:class:`HeaderBlockMemory` remembers it for all connections of a worker.  A block that was taken
must enter the output, in the order in which it was taken, and must never be dropped: the state
that follows it says what the peer's table holds.  With the memory off nothing on the wire changes.

Strategy: states are interned as in :mod:`h2static.http2.decoding`.  Everything remembered
belongs to one second, because the Date field does; :meth:`HeaderBlockMemory.tick` begins the next.
Fields that differ from file to file (etag, content-length, last-modified …) are never put into the
table, so that the blocks of different files share one state.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from h2static.http.messages import WITHOUT_CONTENT, Answer, Field, Response
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
_NEVER_INDEXED: Final = frozenset(
    (b"set-cookie", b"cookie", b"authorization", b"proxy-authorization")
)
#: Octets of blocks for one worker and one second.
DEFAULT_OCTETS: Final = 16 * 1024 * 1024
_ENTRY_OVERHEAD: Final = 500
#: What an entry of a dynamic table costs beside its octets: a look-up by field and by name.
_TABLE_ENTRY_OVERHEAD: Final = 200

_DAYS = (b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun")
_MONTHS = (
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun",
    b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
)  # fmt: skip


def http_date(seconds: float) -> bytes:
    """IMF-fixdate (RFC 9110 section 5.6.7) of ``seconds`` since the epoch."""
    t = datetime.fromtimestamp(seconds, UTC)
    return b"%s, %02d %s %04d %02d:%02d:%02d GMT" % (
        _DAYS[t.weekday()], t.day, _MONTHS[t.month - 1], t.year, t.hour, t.minute, t.second,
    )  # fmt: skip


class Block:
    """A response's header block in one state, with the frames around it."""

    __slots__ = ("block", "body", "head", "ready", "response", "size", "state", "tail")

    def __init__(
        self, block: bytes, response: Response, state: EncoderState | None, plain: bool
    ) -> None:
        """``plain``: the response takes the plain path in any case."""
        body = response.body
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
        #: By answer, so that the frame loop can look before it knows what an answer is.
        self.blocks: dict[Answer, Block] = {}


class HeaderBlockMemory:
    """The encoding of responses in one worker."""

    __slots__ = (
        "_date",
        "_limit",
        "_maximum",
        "_no_content_length",
        "_octets",
        "_plain",
        "_second",
        "_states",
        "_trailer",
        "enabled",
    )

    def __init__(
        self,
        *,
        no_content_length: bool = False,
        trailer: bytes = b"",
        plain: bool = False,
        maximum: int = r.INITIAL_HEADER_TABLE_SIZE,
        octets: int = DEFAULT_OCTETS,
        enabled: bool = True,
    ) -> None:
        """``trailer``: the value of a Trailer field that responses get which may have content;
        ``plain``: no response goes out as ready frames (padding, trailers);
        ``maximum``: octets of the largest dynamic table that the encoder may use."""
        self._maximum = maximum
        self._plain = plain
        self._no_content_length = no_content_length
        self._trailer = trailer
        self._limit = octets
        self._octets = 0
        self._second = -1
        self._date = b""
        self._states: dict[tuple[DynamicTable, tuple[int, ...]], EncoderState] = {}
        self.enabled = enabled

    @property
    def second(self) -> int:
        """The second that ``date`` says."""
        return self._second

    @property
    def date(self) -> bytes:
        """The value of the Date field of this second."""
        return self._date

    def tick(self, wall_clock: float) -> None:
        """Time is ``wall_clock`` seconds since the epoch; cheap when the second is the same."""
        second = int(wall_clock)
        if second != self._second:
            self._second = second
            self._date = http_date(second)
            self._forget()

    def start(self) -> EncoderState:
        """The state of a new connection."""
        state = self.current(EncoderState(EMPTY_TABLE, (), -1))
        return self.resized(state, min(self._maximum, r.INITIAL_HEADER_TABLE_SIZE))

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

    def block(
        self, state: EncoderState, response: Response, extra: tuple[Field, ...] = ()
    ) -> Block:
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
        if not response.once and self._states.get((state.table, state.pending)) is state:
            self._octets += _ENTRY_OVERHEAD + 2 * len(octets)
            if self._octets > self._limit:
                self._forget()
            else:
                state.blocks[response] = block
        return block

    def _forget(self) -> None:
        """Begin anew; idle connections hold states, which must not hold blocks."""
        for state in self._states.values():
            state.blocks.clear()
        self._states.clear()
        self._octets = 0

    def encode(self, state: EncoderState, fields: tuple[Field, ...]) -> tuple[bytes, EncoderState]:
        """Encode any field section; returns the block and the state after it."""
        octets, table = encode_block(
            [(name, value, _representation(name, value, state.table)) for name, value in fields],
            state.table,
            size_updates=state.pending,
        )
        if table is state.table and not state.pending:
            return octets, state
        return octets, self._shared(table, ())

    def fields(self, response: Response, extra: tuple[Field, ...] = ()) -> tuple[Field, ...]:
        """The whole field section of a final response, with what is decided when sending."""
        fields = response.fields
        if self._no_content_length and response.status == 200:
            fields = tuple([field for field in fields if field[0] != b"content-length"])
        trailer: tuple[Field, ...] = ()
        if self._trailer and response.status not in WITHOUT_CONTENT:
            trailer = ((b"trailer", self._trailer),)
        return (
            (b":status", b"%d" % response.status),
            *fields[:1],
            (b"date", self._date),
            *trailer,
            *fields[1:],
            *extra,
        )

    def _shared(self, table: DynamicTable, pending: tuple[int, ...]) -> EncoderState:
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
