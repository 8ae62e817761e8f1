"""Adapter: nghttp2's library by ctypes (Debian: libnghttp2-14)."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Collection, Sequence

from adapters.protocol import Field, absent, serve

_NAME = ctypes.util.find_library("nghttp2")
if _NAME is None:
    absent("apt-get install libnghttp2-14")
_LIBRARY = ctypes.CDLL(_NAME)

#: nghttp2_hd_inflate_flag and nghttp2_nv_flag.
_FINAL, _EMIT, _NO_INDEX = 1, 2, 1


class _Pair(ctypes.Structure):
    """nghttp2_nv."""

    _fields_ = (
        ("name", ctypes.POINTER(ctypes.c_uint8)),
        ("value", ctypes.POINTER(ctypes.c_uint8)),
        ("namelen", ctypes.c_size_t),
        ("valuelen", ctypes.c_size_t),
        ("flags", ctypes.c_uint8),
    )


class _Information(ctypes.Structure):
    """The beginning of nghttp2_info."""

    _fields_ = (
        ("age", ctypes.c_int),
        ("version_num", ctypes.c_int),
        ("version_str", ctypes.c_char_p),
    )


_SIZE, _POINTER, _INT = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int
for _function, _result, _arguments in (
    ("nghttp2_version", ctypes.POINTER(_Information), (_INT,)),
    ("nghttp2_strerror", ctypes.c_char_p, (_INT,)),
    ("nghttp2_hd_inflate_new", _INT, (ctypes.POINTER(_POINTER),)),
    ("nghttp2_hd_inflate_del", None, (_POINTER,)),
    ("nghttp2_hd_inflate_change_table_size", _INT, (_POINTER, _SIZE)),
    ("nghttp2_hd_inflate_end_headers", _INT, (_POINTER,)),
    (
        "nghttp2_hd_inflate_hd2",
        ctypes.c_ssize_t,
        (_POINTER, ctypes.POINTER(_Pair), ctypes.POINTER(_INT), _POINTER, _SIZE, _INT),
    ),
    ("nghttp2_hd_deflate_new", _INT, (ctypes.POINTER(_POINTER), _SIZE)),
    ("nghttp2_hd_deflate_del", None, (_POINTER,)),
    ("nghttp2_hd_deflate_change_table_size", _INT, (_POINTER, _SIZE)),
    ("nghttp2_hd_deflate_bound", _SIZE, (_POINTER, ctypes.POINTER(_Pair), _SIZE)),
    (
        "nghttp2_hd_deflate_hd",
        ctypes.c_ssize_t,
        (_POINTER, ctypes.c_char_p, _SIZE, ctypes.POINTER(_Pair), _SIZE),
    ),
):
    _entry = getattr(_LIBRARY, _function)
    _entry.restype, _entry.argtypes = _result, _arguments


class RefusedError(Exception):
    """The library returned an error for a block or a list."""


def _check(code: int) -> int:
    if code < 0:
        raise RefusedError(_LIBRARY.nghttp2_strerror(code).decode())
    return code


class Codec:
    """The codec of nghttp2, as a :class:`adapters.protocol.Codec`."""

    def __init__(self) -> None:
        self._inflater, self._deflater = _POINTER(), _POINTER()
        _check(_LIBRARY.nghttp2_hd_inflate_new(ctypes.byref(self._inflater)))
        _check(_LIBRARY.nghttp2_hd_deflate_new(ctypes.byref(self._deflater), 4096))

    def __del__(self) -> None:
        _LIBRARY.nghttp2_hd_inflate_del(self._inflater)
        _LIBRARY.nghttp2_hd_deflate_del(self._deflater)

    def decoder_setting(self, size: int) -> None:
        _check(_LIBRARY.nghttp2_hd_inflate_change_table_size(self._inflater, size))

    def decode(self, block: bytes) -> tuple[list[Field], Collection[int]]:
        octets = ctypes.create_string_buffer(block, len(block))
        address, position = ctypes.addressof(octets), 0
        pair, flags = _Pair(), _INT()
        fields: list[Field] = []
        sensitive: list[int] = []
        while True:
            position += _check(
                _LIBRARY.nghttp2_hd_inflate_hd2(
                    self._inflater,
                    ctypes.byref(pair),
                    ctypes.byref(flags),
                    address + position,
                    len(block) - position,
                    1,
                )
            )
            if flags.value & _EMIT:
                if pair.flags & _NO_INDEX:
                    sensitive.append(len(fields))
                fields.append(
                    (
                        ctypes.string_at(pair.name, pair.namelen),
                        ctypes.string_at(pair.value, pair.valuelen),
                    )
                )
            if flags.value & _FINAL:
                _check(_LIBRARY.nghttp2_hd_inflate_end_headers(self._inflater))
                return fields, sensitive

    def encoder_setting(self, size: int) -> None:
        _check(_LIBRARY.nghttp2_hd_deflate_change_table_size(self._deflater, size))

    def encode(self, fields: Sequence[Field], sensitive: Collection[int]) -> bytes:
        pairs = (_Pair * len(fields))()
        for place, (name, value) in enumerate(fields):
            pairs[place] = _Pair(
                _octets(name), _octets(value), len(name), len(value), int(place in sensitive)
            )
        bound = _LIBRARY.nghttp2_hd_deflate_bound(self._deflater, pairs, len(fields))
        block = ctypes.create_string_buffer(bound)
        length = _LIBRARY.nghttp2_hd_deflate_hd(self._deflater, block, bound, pairs, len(fields))
        return block.raw[: _check(length)]


def _octets(text: bytes) -> ctypes.Array[ctypes.c_uint8]:
    return (ctypes.c_uint8 * len(text)).from_buffer_copy(text)


if __name__ == "__main__":
    found = _LIBRARY.nghttp2_version(0).contents.version_str.decode()
    serve(f"nghttp2 {found}", Codec, (RefusedError,))
