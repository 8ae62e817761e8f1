"""A decoder and an encoder that keep their table from block to block.

Contract: each follows one direction of one connection.  The caller passes in
SETTINGS_HEADER_TABLE_SIZE when it takes effect; this module decides which size updates that
requires or permits (RFC 7541 section 4.2; RFC 9113 section 4.3.1).
"""

from __future__ import annotations

from collections.abc import Iterable

from .decode import NO_LIMITS, DecodedBlock, DecodeLimits, decode_block
from .encode import Representation, encode_block, needed_size_updates
from .errors import BlockError, HPACKError
from .table import DEFAULT_TABLE_SIZE, EMPTY_TABLE, DynamicTable, checked_size


class Decoder:
    """Decodes the header blocks of one direction of a connection, in order."""

    __slots__ = ("allowed", "failure", "limits", "required", "table")

    def __init__(self, limits: DecodeLimits = NO_LIMITS, allowed: int = DEFAULT_TABLE_SIZE) -> None:
        """``allowed``: SETTINGS_HEADER_TABLE_SIZE in octets, if it is not the default.

        Raises ``ValueError`` for an invalid value of the setting.
        """
        self.table: DynamicTable = EMPTY_TABLE
        self.limits = limits
        self.allowed = DEFAULT_TABLE_SIZE
        #: The size to which the next block must begin by reducing the table, if any.
        self.required: int | None = None
        #: The error that ended decoding, if any.
        self.failure: HPACKError | None = None
        self.change_allowed(allowed)

    def change_allowed(self, allowed: int) -> None:
        """The encoder has acknowledged SETTINGS_HEADER_TABLE_SIZE ``allowed`` (octets).

        If that is less than the table's maximum, the next block must begin with a size update.
        Raises ``ValueError`` for an invalid value of the setting.
        """
        self.allowed = checked_size(allowed)
        if allowed < self.table.maximum and (self.required is None or allowed < self.required):
            self.required = allowed

    def decode(self, block: bytes) -> DecodedBlock:
        """Decode the next block.

        Raises :class:`~hpacktools.codec.HPACKError`.  After an error the table is lost: every later
        block raises too.
        """
        if self.failure is not None:
            lost = BlockError(
                "an earlier block could not be decoded, so the table is lost",
                section=self.failure.section,
                offset=0,
            )
            # No "raise ... from": the compiled code does not need it.
            lost.__cause__ = self.failure
            raise lost
        try:
            decoded = decode_block(
                block, self.table, allowed=self.allowed, required=self.required, limits=self.limits
            )
        except HPACKError as failure:
            self.failure = failure
            raise
        self.table = decoded.table
        self.required = None
        return decoded


class Encoder:
    """Encodes the header blocks of one direction of a connection, in order."""

    __slots__ = ("_final", "_smallest", "limit", "table")

    def __init__(self, limit: int = DEFAULT_TABLE_SIZE) -> None:
        """``limit``: the largest table, in octets, that this encoder uses, whatever the peer
        allows.  A limit below the default is announced in the first block.  Raises
        ``ValueError`` for an invalid table size."""
        self.table: DynamicTable = EMPTY_TABLE
        self.limit = checked_size(limit)
        self._final = DEFAULT_TABLE_SIZE
        self._smallest = DEFAULT_TABLE_SIZE
        self.change_maximum(DEFAULT_TABLE_SIZE)

    def change_maximum(self, maximum: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE is now ``maximum`` (octets).

        The next block begins with the size updates that this requires: none, the final size, or the
        smallest and the final one, however many changes there were.  Raises ``ValueError`` for an
        invalid value of the setting.
        """
        self._final = min(checked_size(maximum), self.limit)
        self._smallest = min(self._smallest, self._final)

    def pending_updates(self) -> tuple[int, ...]:
        """The size updates with which the next block begins (RFC 7541 section 4.2)."""
        return needed_size_updates(self.table.maximum, self._smallest, self._final)

    def encode(
        self, fields: Iterable[tuple[bytes, bytes, Representation]], huffman: bool = True
    ) -> bytes:
        """Encode the next block, with the pending size updates in front."""
        block, self.table = encode_block(
            fields, self.table, size_updates=self.pending_updates(), huffman=huffman
        )
        self._smallest = self._final
        return block
