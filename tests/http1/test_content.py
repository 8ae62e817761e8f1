"""Reading chunks: RFC 9112 section 7.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http1.content import Chunked, KnownLength
from h2static.http1.errors import BadRequest
from h2static.http1.limits import Limits

GOOD = [
    (b"0\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789"),
    (b'5;a=b;c="d e"\r\nhello\r\n0;x\r\n\r\n', b"hello"),
    (b"5 ;a\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    (b"0\r\nDigest: x\r\nX:\r\n\r\n", b""),
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


def scan(octets: bytes, step: int, lines: int = 10_000) -> tuple[bytes, Chunked, bytes]:
    """What is read of ``octets`` when they come ``step`` at a time, and what is left of them."""
    content = Chunked(Limits())
    waiting = bytearray()
    taken = b""
    for start in range(0, len(octets), step):
        waiting += octets[start : start + step]
        taken += content.take(waiting, lines)
    return taken, content, bytes(waiting)


@pytest.mark.parametrize("step", [1, 2, 3, 1000])
@pytest.mark.parametrize(("octets", "data"), GOOD)
def test_good_chunks_are_read_and_nothing_after_them(octets: bytes, data: bytes, step: int) -> None:
    taken, content, rest = scan(octets + b"GET /next", step)
    assert taken == data
    assert content.done
    assert rest == b"GET /next"


@pytest.mark.parametrize("step", [1, 2, 3, 10_000])
@pytest.mark.parametrize("octets", BAD)
def test_bad_chunks_are_refused(octets: bytes, step: int) -> None:
    with pytest.raises(BadRequest) as caught:
        scan(octets, step)
    assert caught.value.status == 400


def test_so_many_lines_are_read_and_no_more() -> None:
    octets = b"1\r\nx\r\n" * 10 + b"0\r\n\r\n"
    taken, content, rest = scan(octets, len(octets), lines=4)
    assert (taken, content.lines, content.done) == (b"xxxx", 4, False)
    waiting = bytearray(rest)
    assert content.take(waiting, 100) == b"xxxxxx"
    assert (content.lines, content.done) == (12, True)


def test_known_length() -> None:
    content = KnownLength(5)
    waiting = bytearray(b"hel")
    assert (content.take(waiting, 0), content.done) == (b"hel", False)
    waiting += b"loGET"
    assert (content.take(waiting, 0), content.done) == (b"lo", True)
    assert waiting == b"GET"


@given(
    st.lists(st.binary(min_size=1, max_size=40), max_size=8), st.integers(min_value=1, max_value=60)
)
def test_any_chunks_in_any_pieces(pieces: list[bytes], step: int) -> None:
    octets = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    taken, content, _ = scan(octets, step)
    assert taken == b"".join(pieces)
    assert content.done
