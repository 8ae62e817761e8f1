"""What an encoder may do (RFC 9204 section 2.1), and what it refuses (section 4.4)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import Field, Representation, entry_size
from hpacktools.qpack import DecoderStreamError, Encoder, ErrorCode
from hpacktools.qpack.encoder_table import EncoderTable
from hpacktools.qpack.instructions import (
    InsertCountIncrement,
    SectionAcknowledgment,
    StreamCancellation,
)

INDEX = Representation.WITH_INDEXING
A, B, C = (b"a", b"1"), (b"b", b"2"), (b"c", b"3")


def encoder_of(capacity: int, blocked_streams: int = 0) -> Encoder:
    encoder = Encoder()
    encoder.apply_settings(max_table_capacity=capacity, blocked_streams=blocked_streams)
    return encoder


def encode(encoder: Encoder, stream_id: int, *fields: Field, wish: Representation = INDEX) -> str:
    octets = encoder.encode(stream_id, [(*field, wish) for field in fields]).hex()
    encoder.take_encoder_stream()
    return octets


def acknowledge(encoder: Encoder, *stream_ids: int) -> None:
    for stream_id in stream_ids:
        encoder.feed_decoder_stream(SectionAcknowledgment(stream_id=stream_id).encode())


def increment(encoder: Encoder, count: int) -> None:
    encoder.feed_decoder_stream(InsertCountIncrement(increment=count).encode())


class TestEviction:
    """Section 2.1.1: neither what is not acknowledged nor what is referred to is evicted."""

    def test_not_acknowledged(self) -> None:
        encoder = encoder_of(70)
        assert [encoder.insert(*field) for field in (A, B, C)] == [0, 1, None]
        encoder.take_encoder_stream()
        increment(encoder, 1)
        assert encoder.insert(*C) == 2
        assert list(encoder.table) == [(1, B), (2, C)]

    def test_referred_to(self) -> None:
        encoder = encoder_of(70, blocked_streams=1)
        encode(encoder, 4, A, B)
        increment(encoder, 2)
        assert encoder.insert(*C) is None
        acknowledge(encoder, 4)
        assert encoder.insert(*C) == 2

    def test_referred_to_twice(self) -> None:
        encoder = encoder_of(70, blocked_streams=1)
        encode(encoder, 4, A, B, A)
        encode(encoder, 4, A)
        acknowledge(encoder, 4)
        assert encoder.insert(*C) is None
        acknowledge(encoder, 4)
        assert encoder.insert(*C) == 2

    def test_cancellation_ends_references_but_acknowledges_nothing(self) -> None:
        """Section 2.2.2.2."""
        encoder = encoder_of(70, blocked_streams=1)
        encode(encoder, 4, A, B)
        encoder.feed_decoder_stream(StreamCancellation(stream_id=4).encode())
        assert encoder.known_received_count == 0
        assert encoder.insert(*C) is None
        increment(encoder, 2)
        assert encoder.insert(*C) == 2

    def test_too_large(self) -> None:
        assert encoder_of(33).insert(*A) is None
        assert encoder_of(34).insert(*A) == 0

    def test_capacity(self) -> None:
        """Section 4.3.1."""
        encoder = encoder_of(70)
        encoder.insert(*A)
        with pytest.raises(ValueError, match="in use"):
            encoder.set_capacity(33)
        encoder.set_capacity(34)
        encoder.take_encoder_stream()
        increment(encoder, 1)
        encoder.set_capacity(33)
        assert len(encoder.table) == 0

    def test_a_section_keeps_what_it_refers_to_itself(self) -> None:
        encoder = encoder_of(70, blocked_streams=1)
        encode(encoder, 4, A, B)
        acknowledge(encoder, 4)
        # B is not duplicated, because it may not be inserted again: the section refers to it, and
        # C would have to evict it.
        section = [(*B, Representation.WITHOUT_INDEXING), (*A, INDEX), (*C, INDEX)]
        assert encoder.encode(8, section).hex() == "0480" + "80" + "10" + "21630133"
        assert list(encoder.table) == [(1, B), (2, A)]


class TestBlocking:
    """Section 2.1.2."""

    def test_no_stream_may_block(self) -> None:
        encoder = encoder_of(4096)
        assert encode(encoder, 4, A) == "0000" + "2161" + "0131"
        increment(encoder, 1)
        assert encode(encoder, 4, A) == "0200" + "80"

    def test_streams_are_counted_not_sections(self) -> None:
        encoder = encoder_of(4096, blocked_streams=1)
        assert encode(encoder, 4, A) == "0280" + "10"
        assert encode(encoder, 4, B)[:2] == "03"
        assert encode(encoder, 8, A)[:2] == "00"
        acknowledge(encoder, 4)
        # A has come, B may not have.
        assert encode(encoder, 8, A)[:2] == "02"
        assert encode(encoder, 12, B)[:2] == "00"
        acknowledge(encoder, 4)
        assert encode(encoder, 12, C)[:2] == "04"

    def test_a_cancelled_stream_blocks_no_more(self) -> None:
        encoder = encoder_of(4096, blocked_streams=1)
        encode(encoder, 4, A)
        assert encode(encoder, 8, A)[:2] == "00"
        encoder.feed_decoder_stream(StreamCancellation(stream_id=4).encode())
        assert encode(encoder, 8, A)[:2] == "02"


class TestNames:
    def test_the_entry_of_the_name_is_evicted_by_the_insertion(self) -> None:
        """The section cannot take its name from it any more."""
        encoder = encoder_of(68)
        encoder.insert(b"name", b"1")
        encoder.take_encoder_stream()
        increment(encoder, 1)
        octets = encoder.encode(4, [(b"name", b"2" * 8, INDEX)])
        # Huffman: "name" has 3 octets, "22222222" 5.
        assert octets.hex() == "0000" + "2b" + "a87497" + "85" + "1084210842"
        assert encoder.take_encoder_stream()[0] == 0x80

    def test_the_name_of_an_older_entry(self) -> None:
        """An insertion that the section may not refer to does not hide it."""
        encoder = encoder_of(4096)
        encoder.insert(b"name", b"1")
        encoder.take_encoder_stream()
        increment(encoder, 1)
        assert encode(encoder, 4, (b"name", b"2")) == "0200" + "40" + "0132"

    def test_never_indexed(self) -> None:
        """Section 4.5.4: always a literal, also of what the tables hold."""
        encoder = encoder_of(4096, blocked_streams=1)
        never = Representation.NEVER_INDEXED
        assert encode(encoder, 4, (b":method", b"GET"), wish=never) == "0000" + "7f00" + "03474554"
        encoder.insert(b"name", b"1")
        encoder.insert(b"a", b"1")
        assert encode(encoder, 4, A, wish=never) == "0300" + "60" + "0131"
        assert encode(encoder, 4, B, wish=never) == "0000" + "3162" + "0132"
        assert encoder.table.insert_count == 2

    def test_post_base_name(self) -> None:
        """Section 4.5.5."""
        encoder = encoder_of(4096, blocked_streams=1)
        section: list[tuple[bytes, bytes, Representation]] = [
            (*A, INDEX),
            (b"a", b"2", Representation.WITHOUT_INDEXING),
            (b"a", b"3", Representation.NEVER_INDEXED),
        ]
        assert encoder.encode(4, section).hex() == "0280" + "10" + "00" + "0132" + "08" + "0133"


class TestDuplicates:
    """Section 2.1.1.1."""

    def test_what_drains_is_duplicated(self) -> None:
        encoder = encoder_of(70, blocked_streams=1)
        encode(encoder, 4, A, B)
        acknowledge(encoder, 4)
        assert encoder.encode(8, [(*A, INDEX)]).hex() == "0480" + "10"
        assert encoder.take_encoder_stream().hex() == "01"

    def test_the_duplicate_evicts_the_entry_and_cannot_be_used(self) -> None:
        encoder = encoder_of(70)
        encoder.insert(*A)
        encoder.insert(*B)
        encoder.take_encoder_stream()
        increment(encoder, 2)
        assert encoder.encode(8, [(*A, INDEX)]).hex() == "0000" + "2161" + "0131"
        assert list(encoder.table) == [(1, B), (2, A)]

    def test_what_does_not_exist(self) -> None:
        with pytest.raises(ValueError, match="index 0"):
            encoder_of(70).duplicate(0)

    def test_no_room(self) -> None:
        encoder = encoder_of(70)
        encoder.insert(*A)
        encoder.insert(*B)
        assert encoder.duplicate(0) is None


@given(st.integers(100, 300), st.lists(st.integers(0, 60), max_size=40))
def test_draining_index(capacity: int, lengths: list[int]) -> None:
    """What is not draining takes at most three quarters, and nothing drains without need."""
    entries = EncoderTable()
    entries.set_capacity(capacity)
    for number, length in enumerate(lengths):
        entries.known_received_count = number
        entries.insert((b"n%d" % number, b"v" * length))
        sizes = {absolute: entry_size(field) for absolute, field in entries.table}
        expected = entries.table.dropped
        while sum(sizes.values()) > capacity * 3 // 4:
            del sizes[expected]
            expected += 1
        assert entries.draining == expected


class TestSettings:
    """Section 3.2.3."""

    def test_nothing_is_sent_where_the_maximum_is_zero(self) -> None:
        encoder = encoder_of(0, blocked_streams=100)
        encoder.set_capacity(0)
        assert encoder.insert(*A) is None
        encode(encoder, 4, A)
        assert encoder.take_encoder_stream() == b""

    def test_the_limit_of_the_encoder(self) -> None:
        encoder = Encoder(limit=100)
        encoder.apply_settings(max_table_capacity=4096, blocked_streams=0)
        assert encoder.take_encoder_stream().hex() == "3f45"
        with pytest.raises(ValueError, match="from 0 to 4096"):
            encoder.set_capacity(4097)

    def test_remembered_settings(self) -> None:
        encoder = encoder_of(100)
        encoder.take_encoder_stream()
        encoder.apply_settings(max_table_capacity=100, blocked_streams=7)
        assert encoder.take_encoder_stream() == b""
        with pytest.raises(DecoderStreamError, match="100 became 0"):
            encoder.apply_settings(max_table_capacity=0, blocked_streams=7)

    def test_zero_may_be_raised(self) -> None:
        encoder = encoder_of(0)
        encoder.apply_settings(max_table_capacity=100, blocked_streams=0)
        assert encoder.table.capacity == 100

    @pytest.mark.parametrize("number", [-1, 2**62])
    def test_what_is_no_setting(self, number: int) -> None:
        with pytest.raises(ValueError):
            Encoder(limit=number)
        with pytest.raises(ValueError):
            Encoder().apply_settings(max_table_capacity=number, blocked_streams=0)
        with pytest.raises(ValueError):
            Encoder().apply_settings(max_table_capacity=0, blocked_streams=number)


@pytest.mark.parametrize(
    ("octets", "section", "offset"),
    [
        ("c8", "RFC 9204 section 4.4.1", 0),
        ("8484", "RFC 9204 section 4.4.1", 1),
        ("4484", "RFC 9204 section 4.4.1", 1),
        ("00", "RFC 9204 section 4.4.3", 0),
        ("04", "RFC 9204 section 4.4.3", 0),
        ("0103", "RFC 9204 section 4.4.3", 1),
        ("01843fffffffffffffffff7f", "RFC 9204 section 7.4", 11),
        ("7f" + "80" * 9, "RFC 9204 section 7.4", 9),
    ],
)
@pytest.mark.parametrize("size", [1, 100])
def test_decoder_stream_errors(octets: str, section: str, offset: int, size: int) -> None:
    """One section on stream 4 with one of three insertions; the error stays."""
    encoder = encoder_of(4096, blocked_streams=1)
    encode(encoder, 4, A)
    encoder.insert(*B)
    encoder.insert(*C)
    encoder.take_encoder_stream()
    encoder.insert(b"d", b"not sent yet")
    raw = bytes.fromhex(octets)

    def feed() -> None:
        for start in range(0, len(raw), size):
            encoder.feed_decoder_stream(raw[start : start + size])

    with pytest.raises(DecoderStreamError) as caught:
        feed()
    assert (caught.value.section, caught.value.offset) == (section, offset)
    assert caught.value.code is ErrorCode.QPACK_DECODER_STREAM_ERROR
    for again in (
        lambda: encoder.encode(8, []),
        lambda: encoder.insert(*A),
        lambda: encoder.duplicate(0),
        lambda: encoder.set_capacity(0),
        lambda: encoder.feed_decoder_stream(b""),
        lambda: encoder.apply_settings(max_table_capacity=4096, blocked_streams=1),
    ):
        with pytest.raises(DecoderStreamError) as raised:
            again()
        assert raised.value is caught.value
