"""Decoding: :class:`Inflater` for one connection, :func:`inflate_case` for JSON.

The class offers the interface of ``HDInflater`` in nghttp2's former Python bindings.
"""

from __future__ import annotations

from .codec import DecodedBlock, Decoder, DynamicTable, Field, HPACKError
from .jsonforms import fields_to_json, table_to_json, text_of, unknown_to_json
from .shapes import JSON, MAX_SETTING, Object
from .stories import Case
from .unknown import unknown_table


class Inflater:
    """Decodes the header blocks of one direction of a connection, in order.

    >>> Inflater().inflate(bytes.fromhex("8284"))
    [(b':method', b'GET'), (b':path', b'/')]
    """

    def __init__(self, *, from_the_middle: bool = False) -> None:
        """``from_the_middle``: the connection was already in use before the first block.

        Names and values inserted earlier are then :data:`~hpacktools.unknown.UNKNOWN`, and any
        table size is permitted, because the settings are not known.
        """
        self._decoder = Decoder()
        self.from_the_middle = from_the_middle
        if from_the_middle:
            self._decoder.table = unknown_table()
            self._decoder.allowed = MAX_SETTING
        #: Positions of fields that came as never-indexed literals in the last block.
        self.never_indexed: tuple[int, ...] = ()

    @property
    def table(self) -> DynamicTable:
        """The dynamic table after the last block."""
        return self._decoder.table

    @property
    def allowed(self) -> int:
        """The SETTINGS_HEADER_TABLE_SIZE in force, in octets."""
        return self._decoder.allowed

    @property
    def required(self) -> int | None:
        """The size, in octets, to which the next block must begin by reducing the table, if any."""
        return self._decoder.required

    def change_table_size(self, size: int) -> None:
        """The encoder has acknowledged SETTINGS_HEADER_TABLE_SIZE ``size`` (octets).

        If its table is larger, the next block must begin with a size update (RFC 7541 section 4.2).
        Raises ``ValueError`` for an invalid value of the setting.  With ``from_the_middle`` this
        has no effect, because the size of the encoder's table is not known.
        """
        if not self.from_the_middle:
            self._decoder.change_allowed(size)

    def inflate(self, block: bytes | bytearray | memoryview) -> list[Field]:
        """Decode a whole header block; names and values are octets.

        Raises :class:`~hpacktools.codec.HPACKError`; then the table is lost, and every later block
        raises too.  Raises ``TypeError`` for an argument that is not bytes-like.
        """
        if type(block) is not bytes:
            # Table entries are slices of the block: they must not change if the buffer does.
            block = bytes(memoryview(block))
        return list(self._decode(block).fields)

    def _decode(self, block: bytes) -> DecodedBlock:
        decoded = self._decoder.decode(block)
        self.never_indexed = decoded.never_indexed
        return decoded


def inflate_case(
    case: Case,
    inflater: Inflater,
    *,
    dump_table: bool = False,
    number_key: str = "seq",
) -> Object:
    """Apply the settings of ``case`` and decode it; returns the case that ``hpack-inflate`` writes.

    Members are in the order of nghttp2's ``inflatehd``; ``header_table_size`` is present if the
    maximum of the table changed.  Raises :class:`~hpacktools.codec.HPACKError`.
    """
    assert case.wire is not None
    for size in case.table_sizes:
        inflater.change_table_size(size)
    before = inflater.table.maximum
    fields = inflater.inflate(case.wire)
    unknown = unknown_to_json(fields) if inflater.from_the_middle else {}
    headers, octets = fields_to_json(fields)
    for position in unknown:
        headers[int(position)] = {
            text_of(name): text_of(value) for name, value in [fields[int(position)]]
        }
    result: Object = {
        number_key: case.number,
        "wire": case.document["wire"],
        "headers": headers,
    }
    if octets:
        result["octets"] = octets
    if unknown:
        result["unknown"] = unknown
    if inflater.never_indexed:
        positions: list[JSON] = list(inflater.never_indexed)
        result["sensitive"] = positions
    if inflater.table.maximum != before:
        result["header_table_size"] = inflater.table.maximum
    if dump_table:
        result["header_table"] = table_to_json(inflater.table)
    return result


def error_to_json(error: HPACKError) -> Object:
    """The ``error`` object of a case that could not be decoded."""
    return {"message": error.reason, "section": error.section, "offset": error.offset}
