"""Adapter: python-hpack (PyPI: hpack)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version

from adapters.protocol import Field, absent, serve

try:
    import hpack
except ImportError:
    absent("pip install hpack")


class Codec:
    """The codec of python-hpack, as a :class:`adapters.protocol.Codec`."""

    def __init__(self) -> None:
        # Limits on the length of a header list are not tested here.
        self._decoder = hpack.Decoder(max_header_list_size=2**30)
        self._encoder = hpack.Encoder()

    def decoder_setting(self, size: int) -> None:
        self._decoder.max_allowed_table_size = size

    def decode(self, block: bytes) -> tuple[list[Field], Collection[int]]:
        headers = self._decoder.decode(block, raw=True)
        sensitive = [
            position
            for position, header in enumerate(headers)
            if isinstance(header, hpack.NeverIndexedHeaderTuple)
        ]
        return [(bytes(name), bytes(value)) for name, value in headers], sensitive

    def encoder_setting(self, size: int) -> None:
        self._encoder.header_table_size = size

    def encode(self, fields: Sequence[Field], sensitive: Collection[int]) -> bytes:
        return self._encoder.encode(
            [(name, value, place in sensitive) for place, (name, value) in enumerate(fields)]
        )


if __name__ == "__main__":
    serve(f"python-hpack {version('hpack')}", Codec, (hpack.HPACKError,))
