"""The PROXY protocol by the sections of its specification (2020-03-05)."""

from __future__ import annotations

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.server.proxy_protocol import (
    MAX_V1_LENGTH,
    ProxyHeader,
    ProxyProtocolError,
    parse,
)

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(command: int, family: int, addresses: bytes) -> bytes:
    return SIGNATURE + struct.pack(">BBH", command, family, len(addresses)) + addresses


IPV4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + struct.pack(">HH", 56324, 443)
IPV6 = bytes.fromhex("20010db8000000000000000000000007" + "00" * 15 + "01") + struct.pack(
    ">HH", 56324, 443
)

HEADERS: list[tuple[bytes, tuple[str, int] | None]] = [
    # 2.1: the human-readable form
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", ("192.0.2.7", 56324)),
    (b"PROXY TCP6 2001:db8::7 ::1 56324 443\r\n", ("2001:db8::7", 56324)),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    # 2.2: the binary form
    (v2(0x21, 0x11, IPV4), ("192.0.2.7", 56324)),
    (v2(0x21, 0x21, IPV6), ("2001:db8::7", 56324)),
    (v2(0x21, 0x11, IPV4 + b"\x04\0\x05hello"), ("192.0.2.7", 56324)),
    # LOCAL, and families that have no IP address: the real addresses count
    (v2(0x20, 0x00, b""), None),
    (v2(0x20, 0x11, IPV4), None),
    (v2(0x21, 0x00, b""), None),
    (v2(0x21, 0x31, bytes(216)), None),
]


@pytest.mark.parametrize(("octets", "client"), HEADERS)
def test_headers(octets: bytes, client: tuple[str, int] | None) -> None:
    known = None if client is None else (ip_address(client[0]), client[1])
    expected = ProxyHeader(client=known, length=len(octets))
    assert parse(octets) == expected
    assert parse(octets + b"PRI * HTTP/2.0") == expected
    for end in range(len(octets)):
        assert parse(octets[:end]) is None


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"PRI * HTTP/2.0\r\n", "no PROXY protocol header"),
        (b"\x16\x03\x01", "no PROXY protocol header"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n", "malformed PROXY line"),
        (b"PROXY UDP4 192.0.2.7 198.51.100.1 56324 443\r\n", "malformed PROXY line"),
        (b"PROXY TCP4 192.0.2.777 198.51.100.1 56324 443\r\n", "malformed address"),
        (b"PROXY TCP4 \xff 198.51.100.1 56324 443\r\n", "malformed address"),
        # A zone may hold any character, line ends and what acts on a terminal included.
        (b"PROXY TCP6 fe80::1%eth0 ::1 56324 443\r\n", "malformed address"),
        (b"PROXY TCP6 fe80::1%\x1b[2J\n1.2.3.4 ::1 56324 443\r\n", "malformed address"),
        (b"PROXY TCP6 ::1 fe80::1%\n 56324 443\r\n", "malformed address"),
        (b"PROXY TCP4 ::1 ::1 56324 443\r\n", "another family"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 443\r\n", "malformed port"),
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 443\r\n", "malformed port"),
        (b"PROXY TCP4 " + b"1" * 200, f"longer than {MAX_V1_LENGTH} octets"),
        (v2(0x11, 0x11, IPV4), "unknown PROXY version or command 0x11"),
        (v2(0x22, 0x11, IPV4), "unknown PROXY version or command 0x22"),
        (v2(0x21, 0x11, IPV4[:-1]), "too short"),
        (v2(0x21, 0x21, IPV4), "too short"),
        (v2(0x21, 0x11, bytes(4097)), "longer than 4096 octets"),
    ],
)
def test_refused(octets: bytes, message: str) -> None:
    with pytest.raises(ProxyProtocolError, match=message):
        parse(octets)


def test_the_longest_line_of_version_1() -> None:
    # Section 2.1: "worst case ... 107 chars" is that of an unknown protocol with IPv6 addresses.
    line = b"PROXY UNKNOWN " + b"f" * (MAX_V1_LENGTH - 16) + b"\r\n"
    assert len(line) == MAX_V1_LENGTH
    assert parse(line) == ProxyHeader(client=None, length=MAX_V1_LENGTH)


@given(
    st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, SIGNATURE + b"\x21\x11"]),
    st.binary(),
)
def test_anything_ends_in_one_of_three_ways(start: bytes, rest: bytes) -> None:
    try:
        header = parse(start + rest)
    except ProxyProtocolError:
        return
    assert header is None or header.length <= len(start + rest)
