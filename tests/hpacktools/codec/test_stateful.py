"""Decoder and Encoder: size updates of RFC 7541 section 4.2 and RFC 9113 section 4.3.1."""

from __future__ import annotations

import pytest

from hpacktools.codec import BlockError, Decoder, Encoder, Representation

FIELD = (b"a", b"b", Representation.WITH_INDEXING)


@pytest.mark.parametrize(
    ("limit", "changes", "updates"),
    [
        (4096, [], ()),
        (4096, [4096], ()),
        (4096, [4096, 4096], ()),
        # The peer allows more than this encoder wants.
        (4096, [65536], ()),
        (65536, [65536], (65536,)),
        (65536, [8192, 8192], (8192,)),
        (65536, [2**32 - 1], (65536,)),
        # E1, E2: down, and down and up.
        (4096, [100], (100,)),
        (4096, [100, 100], (100,)),
        (4096, [100, 4096], (100, 4096)),
        (4096, [4096, 100, 50, 3000, 200], (50, 200)),
        (4096, [0], (0,)),
        (4096, [0, 65536], (0, 4096)),
        (65536, [8192, 4096], ()),
        (65536, [8192, 100, 8192], (100, 8192)),
        # A limit of its own below the default is announced.
        (100, [], (100,)),
        (100, [4096], (100,)),
        (100, [50, 4096], (50, 100)),
        (0, [], (0,)),
    ],
)
def test_size_updates(limit: int, changes: list[int], updates: tuple[int, ...]) -> None:
    encoder = Encoder(limit)
    decoder = Decoder()
    for maximum in changes:
        encoder.change_maximum(maximum)
        decoder.change_allowed(maximum)
    assert encoder.pending_updates() == updates
    decoder.decode(encoder.encode([FIELD]))
    assert encoder.pending_updates() == ()
    assert decoder.table == encoder.table
    decoder.decode(encoder.encode([FIELD]))
    assert decoder.table == encoder.table


def test_an_equal_setting_after_a_change_does_not_lose_the_update() -> None:
    """The ``hpack`` package forgets the update."""
    encoder = Encoder()
    encoder.change_maximum(100)
    encoder.change_maximum(100)
    assert encoder.encode([]).hex() == "3f45"
    encoder.change_maximum(100)
    assert encoder.encode([]) == b""


def test_going_back_up_later() -> None:
    encoder, decoder = Encoder(), Decoder()
    for maximum in (100, 4096, 0, 4096):
        encoder.change_maximum(maximum)
        decoder.change_allowed(maximum)
        decoder.decode(encoder.encode([FIELD, FIELD]))
        assert decoder.table.maximum == maximum
        assert decoder.table == encoder.table


def test_lowering_demands_an_update_until_a_block_brings_it() -> None:
    decoder = Decoder()
    decoder.change_allowed(100)
    decoder.change_allowed(4096)
    assert decoder.required == 100
    decoder.decode(bytes.fromhex("3f453fe11f"))
    # Without an update: nothing is demanded any more.
    decoder.decode(b"\x82")


def test_lowering_to_what_the_encoder_already_uses_demands_nothing() -> None:
    decoder = Decoder()
    decoder.decode(bytes.fromhex("3f45"))
    decoder.change_allowed(100)
    assert decoder.required is None


def test_a_larger_setting_from_the_start() -> None:
    decoder = Decoder(allowed=8192)
    decoder.decode(bytes.fromhex("3fe13f"))
    assert decoder.table.maximum == 8192


def test_a_smaller_setting_from_the_start() -> None:
    with pytest.raises(BlockError):
        Decoder(allowed=100).decode(b"\x82")


def test_nothing_decodes_after_a_failure() -> None:
    decoder = Decoder()
    with pytest.raises(BlockError) as first:
        decoder.decode(b"\x80")
    with pytest.raises(BlockError, match="earlier block could not be decoded") as second:
        decoder.decode(b"\x82")
    assert decoder.failure is first.value
    assert second.value.__cause__ is first.value


@pytest.mark.parametrize("size", [-1, 2**32])
def test_what_is_no_table_size_is_refused_at_once(size: int) -> None:
    for use in (Encoder().change_maximum, Decoder().change_allowed, Encoder):
        with pytest.raises(ValueError, match="a table size must be from 0 to 4294967295 octets"):
            use(size)
    with pytest.raises(ValueError, match="a table size"):
        Decoder(allowed=size)
    with pytest.raises(TypeError):
        Encoder().change_maximum(0.5)  # type: ignore[arg-type]  # what the test is about
