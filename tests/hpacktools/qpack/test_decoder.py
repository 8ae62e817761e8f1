"""Limits, blocked streams and answers of a decoder (RFC 9204 section 2.2); its input in cuts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.qpack import (
    DecodedSection,
    Decoder,
    DecoderLimits,
    DecompressionFailed,
    Encoder,
    EncoderStreamError,
    Outcome,
    QPACKError,
    SectionLimitError,
)
from hpacktools.qpack.buffers import InstructionBuffer
from hpacktools.qpack.errors import Incomplete, Undecodable
from hpacktools.qpack.primitives import MAX_INTEGER, decode_integer, encode_string, find_string
from hpacktools.qpack.representations import encode_prefix, parse_prefix

#: Capacity 220, then the entry "a: b".
TABLE = bytes.fromhex("3fbd01 41610162")


def decoder_of(**limits: int) -> Decoder:
    return Decoder(max_table_capacity=220, blocked_streams=1, limits=DecoderLimits(**limits))


def section(outcomes: list[Outcome]) -> DecodedSection:
    (outcome,) = outcomes
    assert isinstance(outcome, DecodedSection)
    return outcome


class TestLimits:
    """Section 7.4."""

    def test_list_size(self) -> None:
        """What is beyond is checked and acknowledged, but not kept."""
        decoder = decoder_of(list_size=80)
        decoder.feed_encoder_stream(TABLE)
        # a: b; x: y, never indexed; x: y, never indexed.
        decoded = section(decoder.feed_section(4, bytes.fromhex("0200 80 31780179 31780179")))
        assert decoded.fields == ((b"a", b"b"), (b"x", b"y"))
        assert (decoded.never_indexed, decoded.truncated, decoded.list_size) == ((1,), True, 102)
        assert decoder.take_decoder_stream().hex() == "84"
        with pytest.raises(DecompressionFailed, match="static table"):
            decoder.feed_section(8, bytes.fromhex("0200 80 31780179 31780179 ff24"))

    def test_list_size_reached(self) -> None:
        decoded = section(
            decoder_of(list_size=68).feed_section(
                4, bytes.fromhex("0000 31780179") * 1 + bytes.fromhex("31780179")
            )
        )
        assert (decoded.truncated, decoded.list_size, len(decoded.fields)) == (False, 68, 2)

    @pytest.mark.parametrize("size", [1, 100])
    def test_section(self, size: int) -> None:
        """The stream is lost, and cancelled; the connection lives on."""
        decoder = decoder_of(section=5)
        octets = bytes.fromhex("0000 d1d1d1d1")
        outcomes: list[Outcome] = []
        for start in range(0, 6, size):
            last = start + size >= 6
            outcomes += decoder.feed_section(4, octets[start : start + size], last=last)
        (lost,) = outcomes
        assert isinstance(lost, SectionLimitError)
        assert (lost.stream_id, lost.offset, lost.section) == (4, 5, "RFC 9204 section 7.4")
        assert decoder.take_decoder_stream().hex() == "44"
        assert len(section(decoder.feed_section(8, octets[:5])).fields) == 3

    def test_a_blocked_section_that_crosses_a_limit(self) -> None:
        """The others that the same octets unblock are not lost."""
        decoder = Decoder(max_table_capacity=220, blocked_streams=2)
        assert decoder.feed_section(4, bytes.fromhex("0200 80 ff" + "80" * 9)) == []
        assert decoder.feed_section(8, bytes.fromhex("0200 80")) == []
        lost, decoded = decoder.feed_encoder_stream(TABLE)
        assert isinstance(lost, SectionLimitError)
        assert isinstance(decoded, DecodedSection)
        assert (lost.stream_id, decoded.stream_id) == (4, 8)
        assert decoder.blocked == {}
        assert decoder.take_decoder_stream().hex() == "4488"

    def test_string_on_the_encoder_stream(self) -> None:
        decoder = decoder_of(encoder_string=3)
        decoder.feed_encoder_stream(bytes.fromhex("3fbd01 4161 03616263"))
        with pytest.raises(EncoderStreamError, match="4 octets, more than the 3"):
            decoder.feed_encoder_stream(bytes.fromhex("4161 04"))

    def test_the_largest_entry_is_within_the_limit(self) -> None:
        """Also with the longest Huffman codes: 30 bits for an octet."""
        from hpacktools.codec import encode_integer, huffman

        coded = huffman.encode(b"\n" * (220 - 32))
        octets = b"\x3f\xbd\x01\x40" + encode_integer(len(coded), 7, 0x80) + coded
        decoder = decoder_of()
        decoder.feed_encoder_stream(octets)
        assert decoder.table.size == 220

    def test_cuts_cost_nothing(self) -> None:
        """An incomplete instruction is looked at again only when it can be complete."""
        buffer = InstructionBuffer()
        assert buffer.feed(b"ab") == b"ab"
        buffer.read(1)
        buffer.wait_for(4)
        assert [buffer.feed(octet) for octet in (b"c", b"", b"d")] == [b"", b"", b""]
        assert buffer.feed(b"ef") == b"bcdef"
        assert (buffer.start, len(buffer)) == (1, 5)
        buffer.read(5)
        assert (buffer.feed(b""), buffer.start, len(buffer)) == (b"", 6, 0)


class TestAnswers:
    """Section 4.4."""

    def test_increment_covers_what_no_acknowledgment_does(self) -> None:
        decoder = decoder_of()
        decoder.feed_encoder_stream(TABLE + TABLE[3:])
        decoder.feed_section(4, bytes.fromhex("0200 80"))
        assert decoder.take_decoder_stream(increment=False).hex() == "84"
        assert decoder.take_decoder_stream().hex() == "01"
        assert decoder.take_decoder_stream() == b""

    def test_nothing_for_a_section_without_references(self) -> None:
        decoder = decoder_of()
        decoder.feed_section(4, bytes.fromhex("0000 d1"))
        assert decoder.take_decoder_stream() == b""

    def test_acknowledgment_for_every_section_of_a_stream(self) -> None:
        decoder = decoder_of()
        decoder.feed_encoder_stream(TABLE)
        for _ in range(2):
            decoder.feed_section(200, bytes.fromhex("0200 80"))
        assert decoder.take_decoder_stream().hex() == "ff49" * 2

    def test_cancellation_without_a_table(self) -> None:
        """Section 2.2.2.2: it may be left out."""
        decoder = Decoder()
        decoder.cancel_stream(4)
        assert decoder.take_decoder_stream() == b""

    def test_cancellation_of_half_a_section(self) -> None:
        decoder = decoder_of()
        decoder.feed_section(4, b"\0\0\xff", last=False)
        decoder.cancel_stream(4)
        assert section(decoder.feed_section(4, bytes.fromhex("0000 d1"))).fields
        assert decoder.take_decoder_stream().hex() == "44"


class TestBlocked:
    def test_before_its_end(self) -> None:
        """A stream is blocked as soon as the prefix says so."""
        decoder = decoder_of()
        assert decoder.feed_section(4, bytes.fromhex("0200"), last=False) == []
        assert decoder.blocked == {4: 1}
        assert decoder.feed_encoder_stream(TABLE) == []
        assert decoder.blocked == {}
        assert section(decoder.feed_section(4, b"\x80")).fields == ((b"a", b"b"),)

    def test_sections_behind_a_blocked_one_wait(self) -> None:
        decoder = decoder_of()
        assert decoder.feed_section(4, bytes.fromhex("0200 80")) == []
        assert decoder.feed_section(4, bytes.fromhex("0000 d1")) == []
        first, second = decoder.feed_encoder_stream(TABLE)
        assert isinstance(first, DecodedSection)
        assert isinstance(second, DecodedSection)
        assert (first.fields, second.fields) == (((b"a", b"b"),), ((b":method", b"GET"),))

    def test_in_the_order_of_insertions(self) -> None:
        decoder = Decoder(max_table_capacity=220, blocked_streams=3)
        for stream_id, octets in ((4, "0300 80"), (8, "0200 80"), (12, "0200 80")):
            decoder.feed_section(stream_id, bytes.fromhex(octets))
        outcomes = decoder.feed_encoder_stream(TABLE + TABLE[3:])
        assert [one.stream_id for one in outcomes] == [8, 12, 4]


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_section_sees_the_table_that_it_waited_for(size: int) -> None:
    """However the octets are cut: here the next insertion evicts its entry, against 2.1.1."""
    decoder = Decoder(max_table_capacity=34, blocked_streams=1)
    decoder.feed_section(4, bytes.fromhex("0200 80"))
    octets = bytes.fromhex("3f03 41610162 41630164")
    outcomes: list[Outcome] = []
    for start in range(0, len(octets), size):
        outcomes += decoder.feed_encoder_stream(octets[start : start + size])
    assert section(outcomes).fields == ((b"a", b"b"),)
    assert list(decoder.table) == [(1, (b"c", b"d"))]


def test_an_inexact_insert_count_may_be_accepted() -> None:
    """Section 2.2.1; what is declared is acknowledged."""
    decoder = Decoder(max_table_capacity=220, exact_insert_count=False)
    decoder.feed_encoder_stream(TABLE)
    assert section(decoder.feed_section(4, bytes.fromhex("0200 d1"))).fields
    assert decoder.take_decoder_stream().hex() == "84"


def test_an_error_stays() -> None:
    decoder = decoder_of()
    with pytest.raises(EncoderStreamError) as caught:
        decoder.feed_encoder_stream(TABLE + b"\x3f\xff\x01" + TABLE)
    assert caught.value.offset == len(TABLE)
    assert list(decoder.table) == [(0, (b"a", b"b"))]
    for again in (
        lambda: decoder.feed_encoder_stream(b""),
        lambda: decoder.feed_section(4, b"\0\0"),
        lambda: decoder.cancel_stream(4),
    ):
        with pytest.raises(EncoderStreamError) as raised:
            again()
        assert raised.value is caught.value
    assert decoder.take_decoder_stream() == b""


@pytest.mark.parametrize("setting", ["max_table_capacity", "blocked_streams"])
def test_settings_are_not_negative(setting: str) -> None:
    with pytest.raises(ValueError, match="negative"):
        Decoder(**{setting: -1})  # type: ignore[arg-type]  # one of two settings


@given(
    st.lists(
        st.tuples(st.sampled_from([0, 4, 8]), st.binary(max_size=12), st.booleans()), max_size=12
    )
)
def test_nothing_but_qpack_errors(steps: list[tuple[int, bytes, bool]]) -> None:
    """Whatever comes; afterwards the encoder of the other side gets answers that make sense."""
    decoder = Decoder(max_table_capacity=220, blocked_streams=2)
    decoder.feed_encoder_stream(TABLE)
    try:
        for stream_id, octets, last in steps:
            if stream_id == 0:
                decoder.feed_encoder_stream(octets)
            else:
                decoder.feed_section(stream_id, octets, last=last)
    except QPACKError as error:
        assert error is decoder.failure  # noqa: PT017  # there need not be one
    assert decoder.table.size <= decoder.table.capacity <= 220


@given(st.binary(max_size=40), st.integers(1, 5))
def test_decoder_streams_raise_nothing_else(octets: bytes, size: int) -> None:
    encoder = Encoder()
    try:
        for start in range(0, len(octets), size):
            encoder.feed_decoder_stream(octets[start : start + size])
    except QPACKError as error:
        assert error is encoder.failure  # noqa: PT017  # there need not be one


@given(st.integers(1, 2000), st.integers(0, 2000), st.integers(0, 4), st.integers(0, 3))
def test_prefix(required: int, base: int, entries_extra: int, behind: int) -> None:
    """Section 4.5.1: every count within reach of the decoder's, with every Base."""
    capacity = 32 * (behind + 1) + entries_extra
    octets = encode_prefix(required, base, capacity)
    for insert_count in range(max(0, required - behind - 1), required + behind + 1):
        prefix = parse_prefix(octets, insert_count, capacity)
        assert (prefix.required_insert_count, prefix.base) == (required, base)
        assert prefix.octets == len(octets)


@given(st.integers(0, MAX_INTEGER), st.integers(3, 8))
def test_integers_of_62_bits(value: int, bits: int) -> None:
    """Section 4.1.1."""
    from hpacktools.codec import encode_integer

    octets = encode_integer(value, bits)
    assert decode_integer(octets, 0, bits) == (value, len(octets))
    for length in range(len(octets)):
        with pytest.raises(Incomplete) as caught:
            decode_integer(octets[:length], 0, bits)
        assert length < caught.value.needed <= len(octets)


def test_63_bits() -> None:
    from hpacktools.codec import encode_integer

    with pytest.raises(Undecodable, match="62 bits"):
        decode_integer(encode_integer(MAX_INTEGER + 1, 8), 0, 8)


@given(st.binary(max_size=50), st.integers(2, 8), st.booleans())
def test_strings(octets: bytes, bits: int, huffman: bool) -> None:
    """Section 4.1.2: strings that begin with any bit of an octet."""
    first = 0xFF << bits & 0xFF
    coded = encode_string(octets, bits, first, huffman=huffman)
    assert coded[0] & first == first
    literal = find_string(coded, 0, bits, 1000)
    assert (literal.decode(coded), literal.stop) == (octets, len(coded))
    for length in range(len(coded)):
        with pytest.raises(Incomplete):
            find_string(coded[:length], 0, bits, 1000)
