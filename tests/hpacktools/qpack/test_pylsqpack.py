"""Against ls-qpack, an independent implementation, in both directions."""

from __future__ import annotations

from collections import deque

import pylsqpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import Field, Representation
from hpacktools.qpack import STATIC_TABLE, DecodedSection, Decoder, Encoder

from .strategies import Line, pieces, sections

#: Without empty names, which their encoder does not take.
named_sections = sections.map(lambda section: [line for line in section if line[0]])
settings = st.tuples(st.sampled_from([0, 64, 100, 220, 500, 4096]), st.sampled_from([0, 1, 2, 100]))


@pytest.mark.parametrize("index", range(len(STATIC_TABLE)))
def test_static_table(index: int) -> None:
    """An indexed field line with each index, decoded by ls-qpack; and each entry, encoded."""
    octets = b"\0\0" + (bytes([0xC0 + index]) if index < 63 else bytes([0xFF, index - 63]))
    _, headers = pylsqpack.Decoder(0, 0).feed_header(0, octets)
    assert headers == [STATIC_TABLE[index]]
    assert pylsqpack.Encoder().encode(0, [STATIC_TABLE[index]]) == (b"", octets)


def test_static_table_ends() -> None:
    assert len(STATIC_TABLE) == 99
    with pytest.raises(pylsqpack.DecompressionFailed):
        pylsqpack.Decoder(0, 0).feed_header(0, bytes.fromhex("0000 ff24"))


class Theirs:
    """ls-qpack's decoder, with our encoder's streams cut and delayed."""

    def __init__(self, capacity: int, blocked: int) -> None:
        self.decoder = pylsqpack.Decoder(capacity, blocked)
        self.expected: dict[int, list[Field]] = {}
        #: What their decoder writes, which we may get late.
        self.answers = b""

    def instructions(self, octets: bytes) -> None:
        for stream_id in self.decoder.feed_encoder(octets):
            answers, headers = self.decoder.resume_header(stream_id)
            self.answers += answers
            assert headers == self.expected.pop(stream_id)

    def section(self, stream_id: int, octets: bytes, fields: list[Field]) -> None:
        self.expected[stream_id] = fields
        try:
            answers, headers = self.decoder.feed_header(stream_id, octets)
        except pylsqpack.StreamBlocked:
            return
        self.answers += answers
        assert headers == self.expected.pop(stream_id)


@given(
    settings,
    st.lists(
        st.tuples(
            # Their decoder refuses a section without field lines, although section 4.5 has it
            # "possibly empty", and a literal with an empty name.
            named_sections.filter(bool),
            st.booleans(),
            st.integers(1, 50),
            st.booleans(),
            st.integers(0, 3),
        ),
        max_size=30,
    ),
)
def test_our_encoder_their_decoder(
    setting: tuple[int, int], steps: list[tuple[list[Line], bool, int, bool, int]]
) -> None:
    capacity, blocked = setting
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=capacity, blocked_streams=blocked)
    theirs = Theirs(capacity, blocked)
    late = b""
    for stream_id, (section, in_time, cut, answer, cancelled) in enumerate(steps, 1):
        octets = encoder.encode(stream_id, section)
        late += encoder.take_encoder_stream()
        if in_time:
            for piece in pieces(late, cut):
                theirs.instructions(piece)
            late = b""
        theirs.section(stream_id, octets, [line[:2] for line in section])
        if cancelled == 3 and stream_id in theirs.expected:
            theirs.answers += theirs.decoder.cancel_stream(stream_id)
            del theirs.expected[stream_id]
        if answer:
            for piece in pieces(theirs.answers, cut):
                encoder.feed_decoder_stream(piece)
            theirs.answers = b""
    theirs.instructions(late)
    assert theirs.expected == {}
    encoder.feed_decoder_stream(theirs.answers)


@given(
    settings,
    st.lists(
        st.tuples(named_sections, st.booleans(), st.integers(1, 50), st.booleans()),
        max_size=30,
    ),
)
def test_their_encoder_our_decoder(
    setting: tuple[int, int], steps: list[tuple[list[Line], bool, int, bool]]
) -> None:
    capacity, blocked = setting
    encoder = pylsqpack.Encoder()
    late = encoder.apply_settings(capacity, blocked)
    decoder = Decoder(max_table_capacity=capacity, blocked_streams=blocked)
    expected: dict[int, tuple[Field, ...]] = {}
    outcomes = deque[object]()

    for stream_id, (section, in_time, cut, answer) in enumerate(steps, 1):
        fields = [line[:2] for line in section]
        instructions, octets = encoder.encode(stream_id, fields)
        expected[stream_id] = tuple(fields)
        late += instructions
        if in_time:
            for piece in pieces(late, cut):
                outcomes.extend(decoder.feed_encoder_stream(piece))
            late = b""
        parts = pieces(octets, cut)
        for number, piece in enumerate(parts, 1):
            outcomes.extend(decoder.feed_section(stream_id, piece, last=number == len(parts)))
        if answer:
            encoder.feed_decoder(decoder.take_decoder_stream())
    outcomes.extend(decoder.feed_encoder_stream(late))
    for decoded in outcomes:
        assert isinstance(decoded, DecodedSection)
        assert decoded.fields == expected.pop(decoded.stream_id)
    assert expected == {}


def test_both_use_the_dynamic_table() -> None:
    """The properties above would hold of encoders that insert nothing."""
    fields = [(b"custom-key", b"custom-value")]
    ours = Encoder()
    ours.apply_settings(max_table_capacity=4096, blocked_streams=100)
    theirs = pylsqpack.Encoder()
    theirs.apply_settings(4096, 100)
    assert len(ours.encode(1, [(*fields[0], Representation.WITH_INDEXING)])) == 3
    sizes = [len(theirs.encode(stream_id, fields)[1]) for stream_id in range(1, 4)]
    assert sizes[-1] == 3
