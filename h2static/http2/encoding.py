"""Response field sections as header blocks, remembered (RFC 7541).

Contract: a block is a pure function of (encoder table, response, second of the Date field).
:class:`HeaderBlockMemory` remembers it for all connections of a worker.  A block that was taken
must enter the output, in the order in which it was taken, and must never be dropped: the state
that follows it says what the peer's table holds.  With the memory off nothing on the wire changes.

Strategy: states are interned as in :mod:`h2static.http2.decoding`.  Everything remembered
belongs to one second, because the Date field does; with the next one it is forgotten.
Fields that differ from file to file (etag, content-length, last-modified …) are not put into the
table, so that the blocks of different files share one state.  They come last: their octets are the
same in every state, and what stands before them is the same for most files, so that a second costs
a file one concatenation.
While a worker sends only a few different responses, these fields do enter the table: a repeated
response then takes 10 octets instead of 55, and clients decode indices faster than literals.  The
first response beyond that number ends this for all connections and the rest of the second, because
tables that depend on what each client requested share no blocks.
"""

from __future__ import annotations

from typing import Final

from h2static.http.dates import DateField
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Kept, Response
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
_WITHOUT: Final = Representation.WITHOUT_INDEXING
_WITH: Final = Representation.WITH_INDEXING
_NEVER: Final = Representation.NEVER_INDEXED
#: Names of fields that are written so in any case.  All are in the static table: what such a field
#: is written as does not depend on the dynamic one.
_BY_NAME: Final = {
    **dict.fromkeys(_NOT_INDEXED, _WITHOUT),
    **dict.fromkeys(_NEVER_INDEXED, _NEVER),
}
#: Beginnings of responses that are told apart: one for each type and rule.
_SHAPES: Final = 1_024
#: Up to this many different responses in a second, all their fields enter the table: the entries
#: take less than half of a table of the usual size.
_FEW: Final = 8
#: Octets of blocks for one worker and one second.
DEFAULT_OCTETS: Final = 16 * 1024 * 1024
_ENTRY_OVERHEAD: Final = 500
#: What an entry of a dynamic table costs beside its octets: a look-up by field and by name.
_TABLE_ENTRY_OVERHEAD: Final = 200


class Shape:
    """What many responses begin with: a status, and fields that may enter the table."""

    __slots__ = ("fields", "status")

    def __init__(self, status: int, fields: Fields) -> None:
        self.status = status
        self.fields = fields


class Section(Kept):
    """A response's field section but for the Date; kept with the response."""

    __slots__ = ("fields", "literals", "rest", "shape")

    def __init__(self, fields: Fields, shape: Shape, rest: Fields, literals: bytes) -> None:
        #: The response's own.
        self.fields = fields
        self.shape = shape
        #: The fields that differ from file to file; the same, encoded as literals that leave the
        #: table unchanged.
        self.rest = rest
        self.literals = literals


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

    __slots__ = ("beginnings", "blocks", "pending", "second", "table")

    def __init__(self, table: DynamicTable, pending: tuple[int, ...], second: int) -> None:
        self.table = table
        #: Size updates that the next block begins with (RFC 7541 section 4.2).
        self.pending = pending
        #: The second to which ``blocks`` belongs.
        self.second = second
        self.blocks: dict[Response, Block] = {}
        #: How blocks begin, and the state after them.
        self.beginnings: dict[Shape, tuple[bytes, EncoderState]] = {}


class HeaderBlockMemory:
    """The encoding of responses in one worker."""

    __slots__ = (
        "_asked",
        "_date",
        "_few",
        "_limit",
        "_octets",
        "_plain",
        "_second",
        "_shapes",
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
        self._shapes: dict[tuple[int, Fields], Shape] = {}
        #: The differing fields of this second's responses, nine at most; whether they may enter the
        #: table.
        self._asked: set[Fields] = set()
        self._few = True
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
        known = None if extra else state.blocks.get(response)
        if known is not None:
            return known
        plain = self._plain or response.hints is not None or bool(extra)
        if extra or not (response.prepared and self.enabled):
            octets, after = self._encoded(state, response, extra)
            return Block(octets, response, after if after is not state else None, plain)
        section = self._section(response)
        # First, because it may forget what states remember.
        few = self._is_one_of_few(section.rest)
        octets, after = self._begun(state, section.shape)
        if few and after.table.maximum >= r.INITIAL_HEADER_TABLE_SIZE:
            rest, after = self._encoded_into_table(section.rest, after)
            octets += rest
        else:
            octets += section.literals
        block = Block(octets, response, after if after is not state else None, plain)
        if self._has_room(state, len(octets)):
            state.blocks[response] = block
        return block

    def _encoded(
        self, state: EncoderState, response: Response, extra: Fields
    ) -> tuple[bytes, EncoderState]:
        """Encode a response that is not cached: to the same octets as one that is."""
        indexed, rest = _parted(response.fields)
        few = self._is_one_of_few(rest)
        octets, after = self.encode(state, self._beginning(Shape(response.status, indexed)))
        if few and after.table.maximum >= r.INITIAL_HEADER_TABLE_SIZE:
            more, after = self._encoded_into_table(rest, after)
        else:
            more = _literals(rest)
        if not extra:
            return octets + more, after
        last, after = self.encode(after, extra)
        return octets + more + last, after

    def _is_one_of_few(self, rest: Fields) -> bool:
        """Whether ``rest``, what differs from file to file, may enter the table; it is sent now."""
        # The state of an earlier second was replaced before this.
        asked = self._asked
        if any(name in _NEVER_INDEXED for name, _ in rest):
            return False
        if len(asked) <= _FEW:
            # Even if there are too many already: the next second depends on the count.
            asked.add(rest)
        if not self._few:
            return False
        if len(asked) <= _FEW:
            return True
        self._few = False
        # Decisions made before must not show: the octets are the same with and without a cache.
        for state in self._states.values():
            state.blocks.clear()
        return False

    def _encoded_into_table(
        self, fields: Fields, state: EncoderState
    ) -> tuple[bytes, EncoderState]:
        """Encode the fields that differ from file to file, with indexing where that is safe."""
        octets, table = encode_block(
            [
                (
                    name,
                    value,
                    _NEVER
                    if name in _NEVER_INDEXED
                    else _fitting(name, value, state.table.maximum),
                )
                for name, value in fields
            ],
            state.table,
        )
        return octets, state if table is state.table else self._shared(table, ())

    def _begun(self, state: EncoderState, shape: Shape) -> tuple[bytes, EncoderState]:
        """How blocks of ``shape`` begin in ``state``, and the state after them."""
        begun = state.beginnings.get(shape)
        if begun is None:
            begun = self.encode(state, self._beginning(shape))
            if self._has_room(state, len(begun[0])):
                state.beginnings[shape] = begun
        return begun

    def _has_room(self, state: EncoderState, octets: int) -> bool:
        """Whether ``state`` may remember so many octets more; they are counted then."""
        # Only what is registered can be forgotten; others remember nothing until the next second.
        if self._states.get((state.table, state.pending)) is not state:
            return False
        self._octets += _ENTRY_OVERHEAD + 2 * octets
        if self._octets > self._limit:
            self._forget()
            return False
        return True

    def _section(self, response: Response) -> Section:
        """The parts of a prepared response's field section."""
        known = response.section
        fields = response.fields
        if isinstance(known, Section) and known.fields is fields:
            return known
        indexed, rest = _parted(fields)
        key = (response.status, indexed)
        shape = self._shapes.get(key)
        if shape is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            shape = self._shapes[key] = Shape(response.status, indexed)
        section = response.section = Section(fields, shape, rest, _literals(rest))
        return section

    def release(self) -> None:
        """Forget what belongs to a second that is over, as the next block would."""
        if self._second != self._date.second:
            # Only the second before counts.
            paused = self._date.second != self._second + 1
            self._second = self._date.second
            self._few = paused or len(self._asked) <= _FEW
            self._asked.clear()
            self._forget()

    def _forget(self) -> None:
        """Begin anew; idle connections hold states, which must not hold blocks."""
        for state in self._states.values():
            state.blocks.clear()
            state.beginnings.clear()
        self._states.clear()
        self._octets = 0

    def encode(self, state: EncoderState, fields: Fields) -> tuple[bytes, EncoderState]:
        """Encode any field section; returns the block and the state after it."""
        octets, table = encode_block(
            [
                (name, value, _fixed(name, value) or _fitting(name, value, state.table.maximum))
                for name, value in fields
            ],
            state.table,
            size_updates=state.pending,
        )
        if table is state.table and not state.pending:
            return octets, state
        return octets, self._shared(table, ())

    def fields(self, response: Response, extra: Fields = ()) -> Fields:
        """The whole field section of a final response, with what is decided when sending."""
        indexed, rest = _parted(response.fields)
        return (*self._beginning(Shape(response.status, indexed)), *rest, *extra)

    def _beginning(self, shape: Shape) -> Fields:
        """What the block of a response begins with now."""
        fields = shape.fields
        # RFC 9110 section 6.6.1: an origin server without a clock sends none.
        date: Fields = ((b"date", self._date.value),) if self._date.value else ()
        return ((b":status", b"%d" % shape.status), *fields[:1], *date, *fields[1:])

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


def _parted(fields: Fields) -> tuple[Fields, Fields]:
    """The fields that may enter the table, and those that never do, each in their order.

    RFC 9110 section 5.3: lines of one name must stay in their order, and all go the same way.
    """
    rest = tuple([field for field in fields if _fixed(*field)])
    if not rest:
        return fields, rest
    return tuple([field for field in fields if not _fixed(*field)]), rest


def _literals(fields: Fields) -> bytes:
    """Fields that never enter a table, encoded: the same in every state."""
    octets, _ = encode_block(
        [(name, value, _fixed(name, value) or _WITHOUT) for name, value in fields], EMPTY_TABLE
    )
    return octets


def _fixed(name: bytes, value: bytes) -> Representation | None:
    """How a field that never enters a table is written (true); ``None``: it may enter one."""
    if name == b"content-type" and value.startswith(b"multipart/"):
        # Its boundary is another one for each set of ranges that a client may think of.
        return _WITHOUT
    return _BY_NAME.get(name)


def _fitting(name: bytes, value: bytes, maximum: int) -> Representation:
    """How another field is written, with a table of at most ``maximum`` octets."""
    # An entry of more than three quarters of the table would empty it for itself alone.
    if (len(name) + len(value) + 32) * 4 > maximum * 3:
        return _WITHOUT
    return _WITH
