"""Response field sections as cached header blocks (RFC 7541).

Contract: a block is a pure function of (encoder table, response, second of the Date field).
:class:`HeaderBlockMemory` caches it for all connections of a worker.  A block that was taken must
enter the output, in the order in which it was taken, and must never be dropped: the state that
follows it says what the peer's table holds.  Disabling the cache changes nothing on the wire.

Strategy: states are interned as in :mod:`h2static.http2.decoding`.  Everything in the cache belongs
to one second, because the Date field does, and is dropped in the next.  Fields that differ from
file to file (etag, content-length, last-modified …) do not enter the table, so the blocks of
different files share one state.  They come last: their octets are the same in every state, and the
octets before them are the same for most files, so each second costs a file one concatenation.
While a worker sends only a few different responses, these fields do enter the table: a repeated
response then takes 10 octets instead of 55, and clients decode indices faster than literals.  The
first response beyond that number ends this for all connections and the rest of the second, because
tables that depend on what each client requested share no blocks.
"""

from __future__ import annotations

from typing import Final

from h2static.http.dates import DateField
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Kept, Request, Response
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

#: Fields whose values differ from response to response: they would only evict useful entries
#: (nghttp2's list, and ours).
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
#: Names of fields that always have this representation.  All these names are in the static table,
#: so the encoded fields do not depend on the dynamic table.
_BY_NAME: Final = {
    **dict.fromkeys(_NOT_INDEXED, _WITHOUT),
    **dict.fromkeys(_NEVER_INDEXED, _NEVER),
}
#: Maximum number of different beginnings of responses: one for each type and rule.
_SHAPES: Final = 1_024
#: Up to this many different responses in a second, all their fields enter the table: the entries
#: take less than half of a table of the usual size.
_FEW: Final = 8
#: Octets of cached blocks per worker and second.
DEFAULT_OCTETS: Final = 16 * 1024 * 1024
#: Blocks of responses take up to three quarters of that; states and beginnings have the rest.
_BLOCKS: Final = 0.75
_ENTRY_OVERHEAD: Final = 500
#: Cost of a dynamic table's entry in addition to its octets: lookups by field and by name.
_TABLE_ENTRY_OVERHEAD: Final = 200


class Shape:
    """The common beginning of many responses: a status, and fields that may enter the table."""

    __slots__ = ("fields", "status")

    def __init__(self, status: int, fields: Fields) -> None:
        self.status = status
        self.fields = fields


class Section(Kept):
    """A response's field section without Date; kept with the response."""

    __slots__ = ("_literals", "fields", "rest", "shape")

    def __init__(self, fields: Fields, shape: Shape, rest: Fields) -> None:
        #: The response's own fields.
        self.fields = fields
        self.shape = shape
        #: The fields that differ from file to file.
        self.rest = rest
        self._literals = b""

    def literals(self) -> bytes:
        """:attr:`rest`, encoded as literals that leave the table unchanged.

        Encoded when first needed: where few responses are asked for, these fields enter the table.
        """
        if not self._literals:
            self._literals = _literals(self.rest)
        return self._literals


class Block:
    """A response's header block in one state, with the frames around it."""

    __slots__ = ("block", "body", "head", "ready", "response", "size", "state", "tail")

    def __init__(
        self, block: bytes, response: Response, state: EncoderState | None, plain: bool
    ) -> None:
        """``plain``: the response always takes the plain path."""
        body = b"" if response.status in WITHOUT_CONTENT else response.body
        self.block = block
        self.response = response
        #: The state after the block; ``None`` if it is unchanged.
        self.state = state
        self.body = b""
        #: Octets of content if the response may be sent as one HEADERS and one DATA frame; -1 if it
        #: must take the plain path.
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
    """The state of a connection's header encoding."""

    __slots__ = ("beginnings", "blocks", "pending", "promises", "second", "table")

    def __init__(self, table: DynamicTable, pending: tuple[int, ...], second: int) -> None:
        self.table = table
        #: Size updates at the beginning of the next block (RFC 7541 section 4.2).
        self.pending = pending
        #: The second to which ``blocks`` belongs.
        self.second = second
        self.blocks: dict[Response, Block] = {}
        #: Encoded beginnings of blocks, and the states after them.
        self.beginnings: dict[Shape, tuple[bytes, EncoderState]] = {}
        #: Blocks of promised requests that repeat, and the states after them.
        self.promises: dict[Request, tuple[bytes, EncoderState]] = {}


class HeaderBlockMemory:
    """Encodes the responses of one worker and caches the blocks."""

    __slots__ = (
        "_asked",
        "_date",
        "_few",
        "_first",
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

        ``plain``: no response is sent as ready frames (because of padding);
        ``maximum``: octets of the largest dynamic table that the encoder may use."""
        self._date = date
        #: Octets of the largest dynamic table that the encoder may use.
        self.maximum = maximum
        self._plain = plain
        self._limit = octets
        self._octets = 0
        #: The second that everything in the cache belongs to.
        self._second = date.second
        #: The state of new connections.
        self._first: EncoderState | None = None
        self._states: dict[tuple[DynamicTable, tuple[int, ...]], EncoderState] = {}
        self._shapes: dict[tuple[int, Fields], Shape] = {}
        #: The fields of this second's responses that differ from file to file, nine sets at most;
        #: and whether they may enter the table.
        self._asked: set[Fields] = set()
        self._few = True
        self.enabled = enabled

    @property
    def second(self) -> int:
        """The second shown in the Date field."""
        return self._date.second

    def start(self) -> EncoderState:
        """The state of a new connection."""
        state = self._first
        if state is None or state.second != self._date.second:
            state = self.current(EncoderState(EMPTY_TABLE, (), -1))
            state = self.resized(state, min(self.maximum, r.INITIAL_HEADER_TABLE_SIZE))
            self._first = state if self.enabled else None
        return state

    def current(self, state: EncoderState) -> EncoderState:
        """``state`` for the current second."""
        return self._shared(state.table, state.pending)

    def resized(self, state: EncoderState, maximum: int) -> EncoderState:
        """The state after the peer allowed a table of ``maximum`` octets.

        Repeating the same value changes nothing.
        """
        current = state.table.maximum
        # Pending updates begin with the smallest maximum so far, unless none was smaller.
        smallest = min(current, maximum, *state.pending)
        pending = needed_size_updates(current, smallest, maximum)
        return state if pending == state.pending else self._shared(state.table, pending)

    def block(self, state: EncoderState, response: Response, extra: Fields = ()) -> Block:
        """The header block of ``response`` in ``state``, which is of the current second.

        With ``extra`` fields, which depend on the client, the block is not cached.
        """
        known = None if extra else state.blocks.get(response)
        if known is not None:
            return known
        plain = self._plain or response.hints is not None or bool(extra)
        if extra or not (response.prepared and self.enabled):
            octets, after = self._encoded(state, response, extra)
            return Block(octets, response, after if after is not state else None, plain)
        section = self._section(response)
        # First, because this may clear the caches of states.
        few = self._is_one_of_few(section.rest)
        octets, after = self._begun(state, section.shape)
        if few and after.table.maximum >= r.INITIAL_HEADER_TABLE_SIZE:
            rest, after = self._encoded_into_table(section.rest, after)
            octets += rest
        else:
            octets += section.literals()
        block = Block(octets, response, after if after is not state else None, plain)
        # Beyond that, the second goes on with those that are there: each is used about as often.
        if self._octets <= self._limit * _BLOCKS and self._has_room(state, len(octets)):
            state.blocks[response] = block
        return block

    def promise(self, state: EncoderState, request: Request) -> tuple[bytes, EncoderState]:
        """The header block of a promised ``request`` in ``state``, which is of the current second,
        and the state after it."""
        known = state.promises.get(request)
        if known is None:
            known = self.encode(state, promise_section(request))
            if request.repeats and self.enabled and self._has_room(state, len(known[0])):
                state.promises[request] = known
        return known

    def _encoded(
        self, state: EncoderState, response: Response, extra: Fields
    ) -> tuple[bytes, EncoderState]:
        """Encode a response that is not cached, to the same octets as a cached one."""
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
        """Whether ``rest``, the fields that differ from file to file, may enter the table.

        Counts them as sent.
        """
        # States of an earlier second have already been replaced.
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
        # Drop blocks of the earlier decision: the octets are the same with and without a cache.
        for state in self._states.values():
            state.blocks.clear()
        return False

    def _encoded_into_table(
        self, fields: Fields, state: EncoderState
    ) -> tuple[bytes, EncoderState]:
        """Encode the fields that differ from file to file, with indexing; none is a secret."""
        octets, table = encode_block(
            [(name, value, _fitting(name, value, state.table.maximum)) for name, value in fields],
            state.table,
        )
        return octets, state if table is state.table else self._shared(table, ())

    def _begun(self, state: EncoderState, shape: Shape) -> tuple[bytes, EncoderState]:
        """The encoded beginning of blocks of ``shape`` in ``state``, and the state after it."""
        begun = state.beginnings.get(shape)
        if begun is None:
            begun = self.encode(state, self._beginning(shape))
            if self._has_room(state, len(begun[0])):
                state.beginnings[shape] = begun
        return begun

    def _has_room(self, state: EncoderState, octets: int) -> bool:
        """Whether ``state`` may cache this many more octets; if so, they are counted."""
        # Only registered states can be cleared; others cache nothing until the next second.
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
        section = response.section = Section(fields, shape, rest)
        return section

    def release(self) -> None:
        """Drop the cache of a past second, as the next block would."""
        if self._second != self._date.second:
            # Only the second immediately before counts.
            paused = self._date.second != self._second + 1
            self._second = self._date.second
            self._few = paused or len(self._asked) <= _FEW
            self._asked.clear()
            self._forget()

    def _forget(self) -> None:
        """Clear the cache, and each state's part of it: idle connections keep their states."""
        for state in self._states.values():
            state.blocks.clear()
            state.beginnings.clear()
            state.promises.clear()
        self._states.clear()
        self._first = None
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
        """The complete field section of a final response, with the fields added when sending."""
        indexed, rest = _parted(response.fields)
        return (*self._beginning(Shape(response.status, indexed)), *rest, *extra)

    def _beginning(self, shape: Shape) -> Fields:
        """The fields with which the block of a response begins in this second."""
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
        """Count a table against the limit, like blocks: tables depend on what clients request."""
        cost = _ENTRY_OVERHEAD
        if not state.pending:
            # Otherwise the table is shared with the previous state.
            cost += state.table.size + _TABLE_ENTRY_OVERHEAD * len(state.table.entries)
        if self._octets + cost > self._limit:
            self._forget()
        self._octets += cost


def promise_section(request: Request) -> Fields:
    """The field section of a promised request (RFC 9113 section 8.4.1)."""
    return (
        (b":method", request.method),
        (b":path", request.path),
        (b":scheme", request.scheme),
        (b":authority", request.authority),
        *request.fields,
    )


def _parted(fields: Fields) -> tuple[Fields, Fields]:
    """The fields that may enter the table, and those that never do, each in the given order.

    RFC 9110 section 5.3: the order of field lines with the same name matters, so they all go into
    the same part.
    """
    indexed: list[tuple[bytes, bytes]] = []
    rest: list[tuple[bytes, bytes]] = []
    for field in fields:
        if _fixed(*field):
            rest.append(field)
        else:
            indexed.append(field)
    return (tuple(indexed), tuple(rest)) if rest else (fields, ())


def _literals(fields: Fields) -> bytes:
    """Encode fields that never enter a table: to the same octets in every state."""
    octets, _ = encode_block(
        [(name, value, _fixed(name, value) or _WITHOUT) for name, value in fields], EMPTY_TABLE
    )
    return octets


def _fixed(name: bytes, value: bytes) -> Representation | None:
    """The representation (true) of a field that never enters a table; ``None``: it may."""
    if name == b"content-type" and value.startswith(b"multipart/"):
        # Its boundary differs for each set of ranges that a client requests.
        return _WITHOUT
    return _BY_NAME.get(name)


def _fitting(name: bytes, value: bytes, maximum: int) -> Representation:
    """The representation of any other field, with a table of at most ``maximum`` octets."""
    # An entry of more than three quarters of the table would evict most others.
    if (len(name) + len(value) + 32) * 4 > maximum * 3:
        return _WITHOUT
    return _WITH
