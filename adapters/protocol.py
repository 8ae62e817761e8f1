"""The co-process protocol of hpack-conformance, for adapters in Python.

Contract: :func:`serve` reads one JSON object per line from standard input and answers each, except
``{"reset": true}``, with one line, flushed.  It decodes a case with ``wire`` and encodes one with
``fields``, after applying its ``header_table_sizes``.  An exception that the codec raises for a
block becomes an ``error``, any other a ``crash``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Sequence
from typing import Any, NoReturn, Protocol

#: A field in octets.
Field = tuple[bytes, bytes]
#: Exit code of an adapter whose codec is not installed.
ABSENT = 77


class Codec(Protocol):
    """Both directions of one connection."""

    def decoder_setting(self, size: int) -> None:
        """Apply our SETTINGS_HEADER_TABLE_SIZE (octets), which the other side has acknowledged."""

    def decode(self, block: bytes) -> tuple[list[Field], Collection[int]]:
        """Decode a block: the fields, and the positions of never-indexed ones."""

    def encoder_setting(self, size: int) -> None:
        """Apply the other side's SETTINGS_HEADER_TABLE_SIZE (octets)."""

    def encode(self, fields: Sequence[Field], sensitive: Collection[int]) -> bytes:
        """Encode the fields as a header block."""


def absent(reason: str) -> NoReturn:
    """Report that the codec is not installed, and exit."""
    sys.stderr.write(f"{reason}\n")
    raise SystemExit(ABSENT)


def serve(
    version: str, connection: Callable[[], Codec], refusals: tuple[type[Exception], ...]
) -> None:
    """Answer until the input ends; with ``--version`` only print the codec's version."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"{version}\n")
        return
    codec = connection()
    for line in sys.stdin.buffer:
        case = json.loads(line)
        if "reset" in case:
            codec = connection()
            continue
        try:
            answer = _answer(codec, case)
        except refusals as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        except (KeyboardInterrupt, SystemExit):
            raise
        # A panic in Rust is not an Exception.  Report a bug in the codec instead of exiting.
        except BaseException as error:
            answer = {"crash": f"{type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
        sys.stdout.flush()


# JSON, whose shape mypy does not know.
def _answer(codec: Codec, case: dict[str, Any]) -> dict[str, Any]:
    decoding = "wire" in case
    for size in case.get("header_table_sizes", ()):
        if decoding:
            codec.decoder_setting(size)
        else:
            codec.encoder_setting(size)
    if decoding:
        fields, never_indexed = codec.decode(bytes.fromhex(case["wire"]))
        return {
            "fields": [[name.hex(), value.hex()] for name, value in fields],
            "sensitive": sorted(never_indexed),
        }
    pairs = [(bytes.fromhex(name), bytes.fromhex(value)) for name, value in case["fields"]]
    return {"wire": codec.encode(pairs, case.get("sensitive", ())).hex()}
