"""Headers, tokens and connection ids, as far as they are ours (RFC 8999, RFC 9000)."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.quic.connection_ids import KEY_LENGTH, LENGTH, ConnectionIds, reset_token, worker_of
from h2static.quic.packets import read_header, stateless_reset, version_negotiation
from h2static.quic.retry import LIFETIME, RetryTokens

KEY = bytes(range(KEY_LENGTH))


def _initial(
    version: int = 1, token: bytes = b"", kind: int = 0b00, to: bytes = b"destined"
) -> bytes:
    return b"".join(
        (
            bytes((0xC0 | kind << 4,)),
            version.to_bytes(4, "big"),
            bytes((len(to),)) + to + b"\x04from",
            bytes((len(token),)) + token,
            b"\x41\x00" + bytes(256),
        )
    )


@pytest.mark.parametrize(("version", "kind"), [(1, 0b00), (0x6B3343CF, 0b01)])
def test_an_initial_packet(version: int, kind: int) -> None:
    header = read_header(_initial(version, b"token", kind))
    assert header is not None
    assert (header.version, header.initial) == (version, True)
    assert (header.destination, header.source, header.token) == (b"destined", b"from", b"token")


@pytest.mark.parametrize("kind", [0b01, 0b10, 0b11])
def test_other_long_headers_begin_nothing(kind: int) -> None:
    header = read_header(_initial(1, b"", kind))
    assert header is not None
    assert not header.initial


@pytest.mark.parametrize(("size", "right"), [(0, 0), (7, 0), (8, 1), (20, 1), (21, 0)])
def test_the_id_of_a_first_packet_is_long_enough(size: int, right: bool) -> None:
    """RFC 9000 section 7.2; an empty one would be everybody's."""
    assert (read_header(_initial(to=bytes(size))) is not None) == right


def test_a_short_header() -> None:
    header = read_header(b"\x40destined and more")
    assert header is not None
    assert (header.version, header.destination) == (None, b"destined")


@given(st.binary(max_size=80))
def test_no_octets_are_too_strange(octets: bytes) -> None:
    read_header(octets)


def test_every_prefix_of_a_packet_is_read() -> None:
    octets = _initial(1, b"token")
    for end in range(len(octets)):
        header = read_header(octets[:end])
        assert header is None or header.token in (b"token", b"")


def test_version_negotiation() -> None:
    """RFC 9000 section 17.2.1: ids go back the other way round."""
    header = read_header(_initial(0xFACEB00C))
    assert header is not None
    octets = version_negotiation(header, (1, 0x6B3343CF))
    assert octets[0] & 0x80
    assert octets[1:] == bytes(4) + b"\x04from\x08destined" + b"\0\0\0\x01" + b"\x6b\x33\x43\xcf"


@pytest.mark.parametrize(("received", "size"), [(1_200, 43), (43, 42), (30, 29), (22, 21)])
def test_a_stateless_reset(received: int, size: int) -> None:
    """RFC 9000 section 10.3: shorter than what it answers, and like any short header."""
    token = reset_token(KEY, b"destined")
    octets = stateless_reset(token, received)
    assert octets is not None
    assert len(octets) == size
    assert octets[0] & 0xC0 == 0x40
    assert octets.endswith(token)


@pytest.mark.parametrize("received", [0, 10, 21])
def test_too_short_packets_get_no_reset(received: int) -> None:
    assert stateless_reset(reset_token(KEY, b"destined"), received) is None


def test_ids_say_where_they_belong() -> None:
    ids = ConnectionIds(KEY, place=3, worker=200)
    made = [ids.make() for _ in range(100)]
    assert len(set(made)) == 100
    assert {one[0] for one in made} == {3}
    assert {worker_of(KEY, one) for one in made} == {200}
    assert {len(one) for one in made} == {LENGTH}
    assert ids.token(made[0]) == ConnectionIds(KEY, place=9, worker=9).token(made[0])
    assert ids.token(made[0]) != ConnectionIds(os.urandom(KEY_LENGTH)).token(made[0])
    assert worker_of(KEY, b"of the client's choice") == -1
    # One that a client has chosen is not ours, even if it looks like it.
    assert worker_of(os.urandom(KEY_LENGTH), made[0]) == -1
    assert [worker_of(KEY, made[0][:-1] + bytes((last,))) for last in range(256)].count(200) == 1


def test_a_token_is_good_at_any_worker() -> None:
    token = RetryTokens(KEY).make(b"address", b"original", b"given", 1_000.0)
    assert RetryTokens(KEY).take(token, b"address", b"given", 1_001.0) == (b"original", b"given")


@pytest.mark.parametrize(
    ("key", "address", "destination", "now"),
    [
        (bytes(KEY_LENGTH), b"address", b"given", 1_001.0),
        (KEY, b"another", b"given", 1_001.0),
        (KEY, b"address", b"original", 1_001.0),
        (KEY, b"address", b"given", 1_001.0 + LIFETIME),
        (KEY, b"address", b"given", 999.0),
    ],
    ids=["key", "address", "id", "too late", "from the future"],
)
def test_a_token_that_is_not_good(
    key: bytes, address: bytes, destination: bytes, now: float
) -> None:
    token = RetryTokens(KEY).make(b"address", b"original", b"given", 1_000.0)
    assert RetryTokens(key).take(token, address, destination, now) is None
    tampered = token[:-1] + bytes((token[-1] ^ 1,))
    assert RetryTokens(KEY).take(tampered, b"address", b"given", 1_001.0) is None
    assert RetryTokens(KEY).take(token[:9], b"address", b"given", 1_001.0) is None
