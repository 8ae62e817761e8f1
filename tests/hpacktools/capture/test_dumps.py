"""Octets out of hexadecimal text."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.capture.dumps import NotHexError, digits, paragraphs

BLOCK = bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff")


@pytest.mark.parametrize(
    "text",
    [
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "82 86 84 41 8C F1 E3 C2 E5 F2 3A 6B A0 AB 90 F4 FF",
        "82:86:84:41:8c:f1:e3:c2:e5:f2:3a:6b:a0:ab:90:f4:ff",
        (
            "0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5,\n0xf2, 0x3a, 0x6b, 0xa0, 0xab,"
            " 0x90, 0xf4, 0xff"
        ),
        '"\\x82\\x86\\x84\\x41\\x8c\\xf1\\xe3\\xc2\\xe5\\xf2\\x3a\\x6b\\xa0\\xab\\x90\\xf4\\xff";',
        "{ 0x82868441, 0x8cf1e3c2, 0xe5f23a6b, 0xa0ab90f4, 0xff };",
        # RFC 7541 Appendix C.
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4\nff",
        # hexdump -C
        (
            "00000000  82 86 84 41 8c f1 e3 c2  e5 f2 3a 6b a0 ab 90 f4  |...A......:k....|\n"
            "00000010  ff                                                |.|\n00000011"
        ),
        # xxd
        (
            "00000000: 8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4  ...A......:k....\n"
            "00000010: ff                                       ."
        ),
        # Wireshark
        "0000   82 86 84 41 8c f1 e3 c2 e5 f2 3a 6b a0 ab 90 f4   ...A......:k....\n0010   ff   .",
        "0000  82 86 84 41 8c f1 e3 c2  e5 f2 3a 6b a0 ab 90 f4   ...A......:k....\n0010  ff",
        # od -A x -t x1
        "000000 82 86 84 41 8c f1 e3 c2 e5 f2 3a 6b a0 ab 90 f4\n000010 ff\n000011",
    ],
)
def test_any_form(text: str) -> None:
    assert [octets for _, octets in paragraphs(text.splitlines())] == [BLOCK]
    indented = "\n".join("    " + line for line in text.splitlines())
    assert [octets for _, octets in paragraphs(indented.splitlines())] == [BLOCK]


def test_a_column_of_text_that_looks_like_digits_is_no_data() -> None:
    octets = b"bead" * 4 + b"beadbead"
    xxd = (
        "00000000: 6265 6164 6265 6164 6265 6164 6265 6164  beadbeadbeadbead\n"
        "00000010: 6265 6164 6265 6164                      beadbead"
    )
    assert [found for _, found in paragraphs(xxd.splitlines())] == [octets]


def test_repeated_lines() -> None:
    text = (
        "00000000  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|\n"
        "*\n"
        "00000040  01                                                |.|\n"
        "00000041"
    )
    assert [octets for _, octets in paragraphs(text.splitlines())] == [bytes(64) + b"\x01"]


def test_several_dumps_with_their_lines() -> None:
    text = "82\n84\n\n\n  \n00000000  be\n00000001\n00000000  c0\n00000001\n"
    assert list(paragraphs(text.splitlines())) == [(1, b"\x82\x84"), (6, b"\xbe"), (8, b"\xc0")]


def test_digits_that_could_be_an_offset_but_are_not() -> None:
    """An offset says how many octets came before it."""
    assert list(paragraphs(["0010  82 84"])) == [(1, bytes.fromhex("00108284"))]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("82 8", "line 1: '8' has an odd number of digits"),
        ("82\nhello 84", "line 2: 'hello' is not hexadecimal digits"),
        ("\u0661\u0662", "is not hexadecimal digits"),
    ],
)
def test_no_digits(text: str, reason: str) -> None:
    with pytest.raises(NotHexError, match=reason):
        list(paragraphs(text.splitlines()))


@given(st.text(alphabet="0123456789abcdefxX\\ :,-\n*|g\u0660", max_size=60))
def test_any_text_is_octets_or_refused(text: str) -> None:
    try:
        found = list(paragraphs(text.splitlines()))
    except NotHexError:
        return
    assert all(isinstance(octets, bytes) for _, octets in found)


@given(st.binary(min_size=1, max_size=90))
def test_digits_are_read_back(octets: bytes) -> None:
    assert digits(octets.hex(" ")) == digits(octets.hex()) == octets


@pytest.mark.parametrize(
    "command", [["xxd"], ["hexdump", "-C"], ["od", "-A", "x", "-t", "x1"]], ids=lambda each: each[0]
)
@pytest.mark.parametrize("octets", [b"bead" * 20, bytes(range(256)), b"\x00" * 70, b"ab ab|cd" * 3])
def test_dumps_of_programs(command: list[str], octets: bytes) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is missing")
    done = subprocess.run(command, input=octets, capture_output=True, check=True, timeout=30)
    text = done.stdout.decode()
    assert [found for _, found in paragraphs(text.splitlines())] == [octets]
