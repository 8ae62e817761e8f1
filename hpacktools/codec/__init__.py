"""HPACK (RFC 7541) as pure functions over immutable tables.

:func:`decode_block` and :func:`encode_block` map (table, block) to (fields, table) and back, so
that results can be cached; :class:`Decoder` and :class:`Encoder` keep a table and follow one
connection.  The static table and the Huffman code come from the ``hpack`` package.
:mod:`~hpacktools.codec.decode` says what the decoder refuses.
"""

from .decode import NO_LIMITS, DecodedBlock, DecodeLimits, decode_block
from .encode import Representation, encode_block, needed_size_updates
from .errors import BlockError, FieldLimitError, HPACKError
from .integers import decode_integer, encode_integer
from .stateful import Decoder, Encoder
from .strings import StringMemory, decode_string, encode_string
from .table import (
    DEFAULT_TABLE_SIZE,
    EMPTY_TABLE,
    ENTRY_OVERHEAD,
    FIRST_DYNAMIC_INDEX,
    STATIC_TABLE,
    DynamicTable,
    Field,
    entry_size,
)

__all__ = [
    "DEFAULT_TABLE_SIZE",
    "EMPTY_TABLE",
    "ENTRY_OVERHEAD",
    "FIRST_DYNAMIC_INDEX",
    "NO_LIMITS",
    "STATIC_TABLE",
    "BlockError",
    "DecodeLimits",
    "DecodedBlock",
    "Decoder",
    "DynamicTable",
    "Encoder",
    "Field",
    "FieldLimitError",
    "HPACKError",
    "Representation",
    "StringMemory",
    "decode_block",
    "decode_integer",
    "decode_string",
    "encode_block",
    "encode_integer",
    "encode_string",
    "entry_size",
    "needed_size_updates",
]
