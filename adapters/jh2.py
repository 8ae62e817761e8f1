"""Adapter: the HPACK codecs of jh2 (PyPI), in Rust, or in Python with ``--python``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from importlib import import_module
from importlib.metadata import version

from adapters.protocol import Field, absent, serve

IN_PYTHON = "--python" in sys.argv
if IN_PYTHON:
    sys.argv.remove("--python")

try:
    # Imported dynamically: the package has no types, and the checks do not install it.
    MODULE = import_module("jh2.hpack.hpack" if IN_PYTHON else "jh2._hazmat")
    ERRORS = import_module("jh2.hpack.exceptions" if IN_PYTHON else "jh2._hazmat")
except ImportError:
    absent("pip install jh2")


class Codec:
    """The codec of jh2, as a :class:`adapters.protocol.Codec`."""

    def __init__(self) -> None:
        self._decoder = MODULE.Decoder(max_header_list_size=2**30)
        self._encoder = MODULE.Encoder()

    def decoder_setting(self, size: int) -> None:
        self._decoder.max_allowed_table_size = size

    def decode(self, block: bytes) -> tuple[list[Field], Collection[int]]:
        headers = list(self._decoder.decode(block, raw=True))
        sensitive = [
            position
            for position, header in enumerate(headers)
            if (header[2] if len(header) > 2 else not getattr(header, "indexable", True))
        ]
        return [(bytes(header[0]), bytes(header[1])) for header in headers], sensitive

    def encoder_setting(self, size: int) -> None:
        self._encoder.header_table_size = size

    def encode(self, fields: Sequence[Field], sensitive: Collection[int]) -> bytes:
        headers = [(name, value, place in sensitive) for place, (name, value) in enumerate(fields)]
        return bytes(self._encoder.encode(headers))


if __name__ == "__main__":
    how = "Python" if IN_PYTHON else "Rust"
    serve(f"jh2 {version('jh2')} ({how})", Codec, (ERRORS.HPACKError,))
