"""The commands ``qpack-encode`` and ``qpack-decode`` and their parts.

They use the formats of the QPACK offline interop: QIF text and files of records.  Each ``*_main``
returns the same exit codes as the HPACK commands: 0 success, 1 a case failed, 2 wrong usage,
unusable input or output that cannot be written, 130 interrupted, 141 the reader of the output went
away.
"""

from __future__ import annotations

from collections.abc import Sequence

from hpacktools.cli import _guard


def encode_main(arguments: Sequence[str] | None = None) -> int:
    """``qpack-encode``: QIF text in, records out."""

    def run() -> int:
        from .encode import run

        return run(arguments)

    return _guard("qpack-encode", run)


def decode_main(arguments: Sequence[str] | None = None) -> int:
    """``qpack-decode``: records in, QIF text out."""

    def run() -> int:
        from .decode import run

        return run(arguments)

    return _guard("qpack-decode", run)
