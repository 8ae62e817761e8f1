"""Our encoder against our decoder: whatever is late, acknowledged, cancelled or blocked."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import Field, Representation
from hpacktools.qpack import DecodedSection, Decoder, Encoder, Outcome

from .strategies import Line, blocked, capacities, lines, pieces, sections


@dataclass(slots=True)
class Wire:
    """Both ends, and what is on its way between them."""

    encoder: Encoder
    decoder: Decoder
    to_decoder: bytearray = field(default_factory=bytearray)
    to_encoder: bytearray = field(default_factory=bytearray)
    #: Stream -> sections that the decoder has not been given.
    sent: dict[int, deque[bytes]] = field(default_factory=dict)
    #: Stream -> what its sections are, as far as they have not come out.
    expected: dict[int, deque[list[Line]]] = field(default_factory=dict)
    cancelled: set[int] = field(default_factory=set)

    def encode(self, stream_id: int, section: list[Line]) -> None:
        if stream_id in self.cancelled:
            return
        octets = self.encoder.encode(stream_id, section)
        self.to_decoder += self.encoder.take_encoder_stream()
        self.sent.setdefault(stream_id, deque()).append(octets)
        self.expected.setdefault(stream_id, deque()).append(section)

    def insert(self, line: Line) -> None:
        if self.decoder.max_table_capacity:
            self.encoder.insert(*line[:2])
        self.to_decoder += self.encoder.take_encoder_stream()

    def deliver_instructions(self, count: int) -> None:
        self.check(self.decoder.feed_encoder_stream(bytes(self.to_decoder[:count])))
        del self.to_decoder[:count]

    def deliver_section(self, stream_id: int, size: int) -> None:
        if not self.sent.get(stream_id):
            return
        octets = pieces(self.sent[stream_id].popleft(), size)
        for number, piece in enumerate(octets, 1):
            last = number == len(octets)
            self.check(self.decoder.feed_section(stream_id, piece, last=last))

    def deliver_answers(self, count: int) -> None:
        self.encoder.feed_decoder_stream(bytes(self.to_encoder[:count]))
        del self.to_encoder[:count]

    def answer(self, increment: bool) -> None:
        self.to_encoder += self.decoder.take_decoder_stream(increment=increment)

    def cancel(self, stream_id: int) -> None:
        if stream_id not in self.sent or stream_id in self.cancelled:
            return
        self.cancelled.add(stream_id)
        self.decoder.cancel_stream(stream_id)
        del self.sent[stream_id]
        del self.expected[stream_id]

    def check(self, outcomes: list[Outcome]) -> None:
        for decoded in outcomes:
            assert isinstance(decoded, DecodedSection)
            section = self.expected[decoded.stream_id].popleft()
            assert decoded.fields == tuple(line[:2] for line in section)
            assert decoded.never_indexed == tuple(
                position
                for position, line in enumerate(section)
                if line[2] is Representation.NEVER_INDEXED
            )
        assert len(self.decoder.blocked) <= self.decoder.blocked_streams
        assert self.decoder.table.size <= self.decoder.table.capacity

    def finish(self) -> None:
        """Everything arrives: then nothing is blocked, nothing outstanding, both ends agree."""
        self.deliver_instructions(len(self.to_decoder))
        for stream_id, waiting in self.sent.items():
            while waiting:
                self.deliver_section(stream_id, 1000)
        assert not any(self.expected.values())
        assert self.decoder.blocked == {}
        self.answer(increment=True)
        self.deliver_answers(len(self.to_encoder))
        table = self.encoder.table
        assert list(table) == list(self.decoder.table)
        assert self.encoder.known_received_count == table.insert_count
        assert all(self.encoder.references(absolute) == 0 for absolute, _ in table)


streams = st.integers(0, 4)
counts = st.integers(1, 40)
actions = st.one_of(
    st.tuples(st.just("encode"), streams, sections),
    st.tuples(st.just("encode"), streams, sections),
    st.tuples(st.just("insert"), lines),
    st.tuples(st.just("deliver_instructions"), counts),
    st.tuples(st.just("deliver_section"), streams, counts),
    st.tuples(st.just("deliver_answers"), st.integers(1, 4)),
    st.tuples(st.just("answer"), st.booleans()),
    st.tuples(st.just("cancel"), streams),
)


@given(
    capacities,
    blocked,
    st.sampled_from([0, 100, 4096]),
    st.booleans(),
    st.lists(actions, max_size=60),
)
def test_whatever_the_order(
    capacity: int, blocked_streams: int, limit: int, huffman: bool, steps: list[tuple[object, ...]]
) -> None:
    encoder = Encoder(limit=limit, huffman=huffman)
    decoder = Decoder(max_table_capacity=capacity, blocked_streams=blocked_streams)
    encoder.apply_settings(max_table_capacity=capacity, blocked_streams=blocked_streams)
    wire = Wire(encoder, decoder)
    for name, *arguments in steps:
        getattr(wire, str(name))(*arguments)
    wire.finish()


@given(st.integers(0, 3), st.lists(sections, min_size=10, max_size=20))
def test_insert_counts_wrap(entries: int, many: list[list[Line]]) -> None:
    """A table of few entries, hundreds of insertions (section 4.5.1.1)."""
    capacity = 32 * entries + 60
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=capacity, blocked_streams=5)
    wire = Wire(encoder, Decoder(max_table_capacity=capacity, blocked_streams=5))
    for number, section in enumerate(many):
        fresh: list[Line] = [
            (b"n", b"%d" % number, Representation.WITH_INDEXING),
            (b"m", b"%d" % number, Representation.WITH_INDEXING),
        ]
        wire.encode(number, fresh + section)
        wire.deliver_section(number, 1000)
        wire.deliver_instructions(1000)
        wire.answer(increment=True)
        wire.deliver_answers(1000)
    wire.finish()
    assert encoder.table.insert_count >= len(many)


def test_capacity_can_go_down_and_up() -> None:
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=200, blocked_streams=1)
    wire = Wire(encoder, Decoder(max_table_capacity=200, blocked_streams=1))
    section: list[Line] = [(b"a", b"b", Representation.WITH_INDEXING)]
    wire.encode(1, section)
    wire.deliver_instructions(1000)
    wire.deliver_section(1, 1000)
    wire.answer(increment=True)
    wire.deliver_answers(1000)
    for capacity in (0, 34, 200):
        encoder.set_capacity(capacity)
    wire.encode(2, section)
    wire.finish()
    assert list(encoder.table) == [(1, (b"a", b"b"))]


def test_the_table_is_used() -> None:
    """The property above would hold of an encoder that inserts nothing."""
    fields: list[Field] = [(b"custom-key", b"custom-value"), (b"x-header", b"y" * 30)]
    section = [(*one, Representation.WITH_INDEXING) for one in fields]
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=4096, blocked_streams=1)
    first = encoder.encode(1, section)
    assert encoder.encode(1, section) == bytes.fromhex("0300 81 80")
    assert first == bytes.fromhex("0381 10 11")
    # One stream may block, and that is stream 1.
    assert encoder.encode(2, section)[:2] == bytes(2)
