"""Reading chunks: RFC 9112 section 7.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http1.content import ChunkedScanner
from h2static.http1.head import BadRequest
from h2static.http1.limits import Limits

GOOD = [
    b"0\r\n\r\n",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"0005\r\nhello\r\n000\r\n\r\n",
    b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
    b'5;a=b;c="d e"\r\nhello\r\n0;x\r\n\r\n',
    b"5 ;a\r\nhello\r\n0\r\n\r\n",
    b"2\r\n\r\n\r\n0\r\n\r\n",
    b"0\r\nDigest: x\r\nX:\r\n\r\n",
]

BAD = [
    b"5\nhello\r\n0\r\n\r\n",
    b"5\r\nhello\n0\r\n\r\n",
    b"5\r\nhelloX\r\n0\r\n\r\n",
    b"5\r\nhello\rX0\r\n\r\n",
    b"\r\n0\r\n\r\n",
    b"0x5\r\nhello\r\n0\r\n\r\n",
    b"-5\r\nhello\r\n0\r\n\r\n",
    b"+5\r\nhello\r\n0\r\n\r\n",
    b" 5\r\nhello\r\n0\r\n\r\n",
    b"5 \r\nhello\r\n0\r\n\r\n",
    b"5_0\r\n",
    b"5;\x00\r\n",
    b"5;a\rb\r\n",
    b"1000000000000000\r\n",
    b"5;" + b"a" * 300,
    b"".join(b"1;%b\r\nx\r\n" % (b"a" * 200) for _ in range(30)),
    b"0\r\n folded\r\n\r\n",
    b"0\r\nX: a\n\r\n",
    b"0\r\nX : a\r\n\r\n",
    b"0\r\n" + b"X: aaaaaaaaaaaaaaaaaa\r\n" * 1000,
]


def scan(octets: bytes, step: int) -> tuple[bytes, ChunkedScanner, bytes]:
    scanner = ChunkedScanner(Limits())
    waiting = bytearray()
    taken = b""
    for start in range(0, len(octets), step):
        waiting += octets[start : start + step]
        taken += scanner.take(waiting)
    return taken, scanner, bytes(waiting)


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize("octets", GOOD)
def test_good_chunks_pass_unchanged_and_no_further(octets: bytes, step: int) -> None:
    taken, scanner, rest = scan(octets + b"GET /next", step)
    assert taken == octets
    assert scanner.done
    assert rest == b"GET /next"


@pytest.mark.parametrize("step", [1, 1000])
@pytest.mark.parametrize("octets", BAD)
def test_bad_chunks_are_refused(octets: bytes, step: int) -> None:
    with pytest.raises(BadRequest) as caught:
        scan(octets, step)
    assert caught.value.status == 400


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(min_value=1, max_value=60)
)
def test_any_chunks_in_any_pieces(pieces: list[bytes], step: int) -> None:
    octets = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    taken, scanner, _ = scan(octets, step)
    assert taken == octets
    assert scanner.done
