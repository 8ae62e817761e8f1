"""nghttp2's HPACK coder through ctypes: an independent implementation to compare with.

``deflatehd`` and ``inflatehd`` are not packaged, the library that they are made of is.
"""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Sequence

import pytest

from tests.support.tools import in_ci

EMIT, FINAL = 0x02, 0x01
NO_INDEX = 0x01


class Pair(ctypes.Structure):
    """``nghttp2_nv``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("value", ctypes.c_void_p),
        ("name_length", ctypes.c_size_t),
        ("value_length", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    )


class RefusedError(Exception):
    """The library refused a block."""


def _load() -> ctypes.CDLL | None:
    name = ctypes.util.find_library("nghttp2")
    if name is None:
        return None
    library = ctypes.CDLL(name)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    for function, result, arguments in (
        ("nghttp2_hd_inflate_new", ctypes.c_int, [ctypes.POINTER(pointer)]),
        ("nghttp2_hd_inflate_del", None, [pointer]),
        ("nghttp2_hd_inflate_change_table_size", ctypes.c_int, [pointer, size]),
        (
            "nghttp2_hd_inflate_hd2",
            ctypes.c_ssize_t,
            [
                pointer,
                ctypes.POINTER(Pair),
                ctypes.POINTER(ctypes.c_int),
                pointer,
                size,
                ctypes.c_int,
            ],
        ),
        ("nghttp2_hd_inflate_end_headers", ctypes.c_int, [pointer]),
        ("nghttp2_hd_inflate_get_num_table_entries", size, [pointer]),
        ("nghttp2_hd_inflate_get_table_entry", ctypes.POINTER(Pair), [pointer, size]),
        ("nghttp2_hd_inflate_get_max_dynamic_table_size", size, [pointer]),
        ("nghttp2_hd_deflate_new", ctypes.c_int, [ctypes.POINTER(pointer), size]),
        ("nghttp2_hd_deflate_del", None, [pointer]),
        ("nghttp2_hd_deflate_change_table_size", ctypes.c_int, [pointer, size]),
        (
            "nghttp2_hd_deflate_hd",
            ctypes.c_ssize_t,
            [pointer, pointer, size, ctypes.POINTER(Pair), size],
        ),
    ):
        getattr(library, function).restype = result
        getattr(library, function).argtypes = arguments
    return library


_library = _load()


def require_library() -> ctypes.CDLL:
    """The library; where it is missing the test is skipped."""
    if _library is not None:
        return _library
    reason = "libnghttp2 is missing: apt-get install libnghttp2-14"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Inflater:
    """``nghttp2_hd_inflater``."""

    def __init__(self) -> None:
        self._library = require_library()
        self._pointer = ctypes.c_void_p()
        assert self._library.nghttp2_hd_inflate_new(ctypes.byref(self._pointer)) == 0

    def __del__(self) -> None:
        if self._pointer.value:
            self._library.nghttp2_hd_inflate_del(self._pointer)

    def change_table_size(self, size: int) -> None:
        """As by an acknowledged SETTINGS_HEADER_TABLE_SIZE."""
        assert self._library.nghttp2_hd_inflate_change_table_size(self._pointer, size) == 0

    def inflate(self, block: bytes) -> list[tuple[bytes, bytes, bool]]:
        """Name, value, never indexed.  Raises :class:`RefusedError`."""
        buffer = ctypes.create_string_buffer(block, len(block) or 1)
        position = 0
        fields = []
        while True:
            pair, flags = Pair(), ctypes.c_int()
            taken = self._library.nghttp2_hd_inflate_hd2(
                self._pointer,
                ctypes.byref(pair),
                ctypes.byref(flags),
                ctypes.addressof(buffer) + position,
                len(block) - position,
                1,
            )
            if taken < 0:
                raise RefusedError(str(taken))
            position += taken
            if flags.value & EMIT:
                fields.append((*_octets(pair), bool(pair.flags & NO_INDEX)))
            if flags.value & FINAL:
                break
            assert flags.value & EMIT or position < len(block)
        assert self._library.nghttp2_hd_inflate_end_headers(self._pointer) == 0
        return fields

    def table(self) -> tuple[tuple[tuple[bytes, bytes], ...], int]:
        """The dynamic table, newest entry first, and its maximum in octets."""
        count = self._library.nghttp2_hd_inflate_get_num_table_entries(self._pointer)
        entries = tuple(
            _octets(self._library.nghttp2_hd_inflate_get_table_entry(self._pointer, index).contents)
            for index in range(62, count + 1)
        )
        maximum = self._library.nghttp2_hd_inflate_get_max_dynamic_table_size(self._pointer)
        return entries, maximum


class Deflater:
    """``nghttp2_hd_deflater``."""

    def __init__(self, limit: int = 4096) -> None:
        self._library = require_library()
        self._pointer = ctypes.c_void_p()
        assert self._library.nghttp2_hd_deflate_new(ctypes.byref(self._pointer), limit) == 0

    def __del__(self) -> None:
        if self._pointer.value:
            self._library.nghttp2_hd_deflate_del(self._pointer)

    def change_table_size(self, size: int) -> None:
        """As by the peer's SETTINGS_HEADER_TABLE_SIZE."""
        assert self._library.nghttp2_hd_deflate_change_table_size(self._pointer, size) == 0

    def deflate(self, fields: Sequence[tuple[bytes, bytes]]) -> bytes:
        """Encode a field section."""
        kept = [
            tuple(ctypes.create_string_buffer(part, len(part) or 1) for part in field)
            for field in fields
        ]
        pairs = (Pair * max(len(fields), 1))()
        for pair, (name, value), field in zip(pairs, kept, fields, strict=False):
            pair.name, pair.value = ctypes.addressof(name), ctypes.addressof(value)
            pair.name_length, pair.value_length = map(len, field)
        size = 1000 + 2 * sum(len(name) + len(value) + 20 for name, value in fields)
        buffer = ctypes.create_string_buffer(size)
        length = self._library.nghttp2_hd_deflate_hd(
            self._pointer, ctypes.addressof(buffer), size, pairs, len(fields)
        )
        assert length >= 0
        return buffer.raw[:length]


def _octets(pair: Pair) -> tuple[bytes, bytes]:
    return (
        ctypes.string_at(pair.name, pair.name_length),
        ctypes.string_at(pair.value, pair.value_length),
    )
