"""The examples of RFC 9204 Appendix B: golden octets, both ways, with the tables shown there."""

from __future__ import annotations

import pytest

from hpacktools.codec import Field, Representation
from hpacktools.qpack import DecodedSection, Decoder, Encoder

AUTHORITY = (b":authority", b"www.example.com")
PATH = (b":path", b"/sample/path")
CUSTOM = (b"custom-key", b"custom-value")
CUSTOM_2 = (b"custom-key", b"custom-value2")

#: Octets of the encoder stream, by example.
B2_ENCODER = "3fbd01 c00f7777772e6578616d706c652e636f6d c10c2f73616d706c652f70617468"
B3_ENCODER = "4a637573746f6d2d6b65790c637573746f6d2d76616c7565"
B4_ENCODER = "02"
B5_ENCODER = "810d637573746f6d2d76616c756532"
#: The field sections.
B1_SECTION = "0000 510b2f696e6465782e68746d6c"
B2_SECTION = "0381 10 11"
B4_SECTION = "0500 80 c1 81"


def octets(text: str) -> bytes:
    return bytes.fromhex(text)


def fields(*pairs: Field) -> list[tuple[bytes, bytes, Representation]]:
    return [(name, value, Representation.WITH_INDEXING) for name, value in pairs]


def tables(encoder: Encoder) -> list[tuple[int, int, Field]]:
    """Abs, Ref and entry, as the appendix shows them."""
    return [(absolute, encoder.references(absolute), field) for absolute, field in encoder.table]


def test_the_encoder_writes_the_octets_and_keeps_the_tables() -> None:
    encoder = Encoder(limit=220, huffman=False)
    # B.1 comes before the settings do: nothing but the static table can be used.
    section = encoder.encode(0, fields((b":path", b"/index.html")))
    assert section == octets(B1_SECTION)
    assert encoder.take_encoder_stream() == b""

    # B.2
    encoder.apply_settings(max_table_capacity=220, blocked_streams=1)
    section = encoder.encode(4, fields(AUTHORITY, PATH))
    assert encoder.take_encoder_stream() == octets(B2_ENCODER)
    assert section == octets(B2_SECTION)
    assert tables(encoder) == [(0, 1, AUTHORITY), (1, 1, PATH)]
    assert (encoder.table.size, encoder.known_received_count) == (106, 0)
    encoder.feed_decoder_stream(octets("84"))
    assert tables(encoder) == [(0, 0, AUTHORITY), (1, 0, PATH)]
    assert encoder.known_received_count == 2

    # B.3
    assert encoder.insert(*CUSTOM) == 2
    assert encoder.take_encoder_stream() == octets(B3_ENCODER)
    assert (encoder.table.size, encoder.known_received_count) == (160, 2)
    encoder.feed_decoder_stream(octets("01"))
    assert encoder.known_received_count == 3

    # B.4
    assert encoder.duplicate(0) == 3
    assert encoder.take_encoder_stream() == octets(B4_ENCODER)
    section = encoder.encode(8, fields(AUTHORITY, (b":path", b"/"), CUSTOM))
    assert section == octets(B4_SECTION)
    assert tables(encoder) == [(0, 0, AUTHORITY), (1, 0, PATH), (2, 1, CUSTOM), (3, 1, AUTHORITY)]
    assert (encoder.table.size, encoder.known_received_count) == (217, 3)
    encoder.feed_decoder_stream(octets("48"))
    assert [count for _, count, _ in tables(encoder)] == [0, 0, 0, 0]
    assert encoder.known_received_count == 3

    # B.5
    assert encoder.insert(*CUSTOM_2) == 4
    assert encoder.take_encoder_stream() == octets(B5_ENCODER)
    assert [(absolute, field) for absolute, _, field in tables(encoder)] == [
        (1, PATH),
        (2, CUSTOM),
        (3, AUTHORITY),
        (4, CUSTOM_2),
    ]
    assert encoder.table.size == 215


@pytest.mark.parametrize("cut", [False, True], ids=["whole", "octet by octet"])
def test_the_decoder_reads_the_octets_and_answers_them(cut: bool) -> None:
    decoder = Decoder(max_table_capacity=220, blocked_streams=1)

    def encoder_stream(text: str) -> None:
        pieces = [bytes([octet]) for octet in octets(text)] if cut else [octets(text)]
        for piece in pieces:
            assert decoder.feed_encoder_stream(piece) == []

    def section(stream_id: int, text: str) -> DecodedSection | None:
        whole = octets(text)
        results = []
        for position in range(len(whole) if cut else 0):
            if position < len(whole) - 1:
                piece = whole[position : position + 1]
                results += decoder.feed_section(stream_id, piece, last=False)
            else:
                whole = whole[position:]
        results += decoder.feed_section(stream_id, whole)
        if not results:
            return None
        (decoded,) = results
        assert isinstance(decoded, DecodedSection)
        return decoded

    first = section(0, B1_SECTION)
    assert first is not None
    assert (first.fields, first.required_insert_count) == (((b":path", b"/index.html"),), 0)
    assert decoder.take_decoder_stream() == b""

    encoder_stream(B2_ENCODER)
    second = section(4, B2_SECTION)
    assert second is not None
    assert second.fields == (AUTHORITY, PATH)
    assert (second.required_insert_count, second.base) == (2, 0)
    assert decoder.take_decoder_stream() == octets("84")

    encoder_stream(B3_ENCODER)
    assert decoder.take_decoder_stream() == octets("01")

    # The packet with the encoder stream is late: the stream is blocked, and is cancelled.
    assert section(8, B4_SECTION) is None
    assert decoder.blocked == {8: 4}
    decoder.cancel_stream(8)
    assert decoder.blocked == {}
    assert decoder.take_decoder_stream() == octets("48")

    encoder_stream(B4_ENCODER + B5_ENCODER)
    assert list(decoder.table) == [(1, PATH), (2, CUSTOM), (3, AUTHORITY), (4, CUSTOM_2)]
    assert decoder.table.size == 215


def test_the_delayed_section_is_decoded_when_its_entry_comes() -> None:
    decoder = Decoder(max_table_capacity=220, blocked_streams=1)
    decoder.feed_encoder_stream(octets(B2_ENCODER + B3_ENCODER))
    assert decoder.feed_section(8, octets(B4_SECTION)) == []
    (decoded,) = decoder.feed_encoder_stream(octets(B4_ENCODER))
    assert isinstance(decoded, DecodedSection)
    assert decoded.fields == (AUTHORITY, (b":path", b"/"), CUSTOM)
    assert (decoded.stream_id, decoded.base) == (8, 4)
    assert decoder.take_decoder_stream() == octets("88")
