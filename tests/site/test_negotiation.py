"""Accept-Encoding (RFC 9110 section 12.5.3) and Accept (section 12.5.1)."""

from __future__ import annotations

import time

import pytest

from h2static.site.negotiation import choose_coding, parse_weights, prefers_json, wants_page

ALL = {b"identity": 1000, b"br": 200, b"zstd": 250, b"gzip": 300}
GZIP = {b"identity": 1000, b"gzip": 300}
LARGER = {b"identity": 100, b"gzip": 120}
EQUAL = {b"identity": 1000, b"br": 300, b"zstd": 300, b"gzip": 300}
NONE = {b"identity": 1000}


@pytest.mark.parametrize(
    ("accept_encoding", "sizes", "coding"),
    [
        (None, ALL, b"identity"),
        (b"", ALL, b"identity"),
        (b"gzip, deflate, br, zstd", ALL, b"br"),
        (b"gzip, deflate, br, zstd", EQUAL, b"br"),
        (b"gzip, zstd", EQUAL, b"zstd"),
        (b"gzip", ALL, b"gzip"),
        (b"GZip", ALL, b"gzip"),
        (b"x-gzip", ALL, b"gzip"),
        (b"deflate", ALL, b"identity"),
        (b"br;q=0.5, gzip;q=0.8", ALL, b"gzip"),
        (b"br;q=0.5,gzip; q=0.501", ALL, b"gzip"),
        (b"br;q=1.000, gzip;q=0.999", ALL, b"br"),
        # whitenoise ignores q=0.
        (b"gzip;q=0", GZIP, b"identity"),
        (b"gzip;q=0.000", GZIP, b"identity"),
        (b"br;q=0, *", ALL, b"zstd"),
        (b"*", ALL, b"br"),
        (b"*;q=0", ALL, b"identity"),
        (b"*;q=0.1", ALL, b"br"),
        (b"gzip, *;q=0", GZIP, b"gzip"),
        (b"gzip;q=0.5, identity", GZIP, b"identity"),
        (b"gzip;q=0.5, identity;q=0.4", GZIP, b"gzip"),
        (b"gzip, identity", GZIP, b"gzip"),
        (b"gzip;q=0.5", GZIP, b"gzip"),
        (b"gzip", LARGER, b"identity"),
        (b"gzip, identity;q=0", LARGER, b"gzip"),
        (b"gzip, *;q=0", LARGER, b"gzip"),
        (b"gzip", NONE, b"identity"),
        (b"identity;q=0", NONE, b"identity"),
        # Malformed items are as if they were not there.
        (b"gzip;q=2, br;q=0.5", ALL, b"br"),
        (b"gzip;q=0.1234", ALL, b"identity"),
        (b"gzip;q=", ALL, b"identity"),
        (b"gz ip", ALL, b"identity"),
        (b";q=1", ALL, b"identity"),
        (b"notgzip, gzipx", ALL, b"identity"),
    ],
)
def test_content_coding(
    accept_encoding: bytes | None, sizes: dict[bytes, int], coding: bytes
) -> None:
    assert choose_coding(accept_encoding, sizes) == coding


@pytest.mark.parametrize(
    ("accept", "json"),
    [
        (None, False),
        (b"*/*", False),
        (b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        (b"application/json", True),
        (b"application/json, text/plain, */*", True),
        (b"application/json;q=0.5, text/html", False),
        (b"application/json;q=0", False),
        (b"application/json; charset=utf-8", True),
    ],
)
def test_json(accept: bytes | None, json: bool) -> None:
    assert prefers_json(accept) is json


@pytest.mark.parametrize(
    ("accept", "destination", "page"),
    [
        (None, None, True),
        (b"text/html,application/xhtml+xml,*/*;q=0.8", b"document", True),
        (b"text/html", b"empty", True),
        (b"text/html;q=0, */*", None, False),
        (b"*/*", None, True),
        (b"*/*", b"iframe", True),
        (b"*/*", b"empty", False),
        (b"*/*", b"script", False),
        (b"text/*", None, True),
        (b"text/css,*/*;q=0.1", b"style", False),
        (b"application/json", None, False),
        (b"image/avif,image/webp", b"image", False),
        (b"", None, False),
    ],
)
def test_pages(accept: bytes | None, destination: bytes | None, page: bool) -> None:
    assert wants_page(accept, destination) is page


def test_a_field_of_64_kib_takes_no_time() -> None:
    started = time.process_time()
    for value in (b"a," * 32768, b"a;" * 32768, b"a;q=1" * 13000, b" " * 65536, b"a ;" * 21845):
        parse_weights(value)
    assert time.process_time() - started < 1
