"""Decoding header blocks (RFC 7541 sections 3.2 and 6).

Contract: :func:`decode_block` is a pure function of its arguments.  It accepts every legal block
and raises a typed error, and nothing else, for every other.  It takes time and memory linear in the
length of the block (at most one reference to an entry per octet, bounded by the limits on fields
and list size).

Assumes that the block is complete: fragments have been joined (RFC 9113 section 4.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .errors import BlockError, FieldLimitError
from .integers import continue_integer, decode_integer
from .strings import StringMemory, decode_string
from .table import (
    ENTRY_OVERHEAD,
    FIRST_DYNAMIC_INDEX,
    STATIC_TABLE,
    DynamicTable,
    Field,
    TableBuilder,
    Whole,
)

#: Maximum number of dynamic table size updates in one block; RFC 7541 section 4.2 never needs more.
MAX_SIZE_UPDATES: Final = 2
#: Size of name and value, in octets, up to which equal fields are interned.
INTERNED_SIZE: Final = 128
#: Value of a limit that means "no limit".
UNLIMITED: Final = 2**63 - 1


@dataclass(slots=True, kw_only=True)
class DecodeLimits:
    """How far a block may expand: in number of fields, and in octets as RFC 9113 6.5.2 counts them
    (name, value and 32 for each field).

    Fields beyond a soft limit are decoded, because the table depends on them, but discarded: the
    request can be refused while the connection survives.  Beyond a hard limit decoding stops.
    """

    soft_fields: int = UNLIMITED
    hard_fields: int = UNLIMITED
    soft_list_size: int = UNLIMITED
    hard_list_size: int = UNLIMITED


NO_LIMITS: Final = DecodeLimits()
_NOTHING: Final = frozenset[bytes]()
_STATIC: Final[tuple[Whole, ...]] = STATIC_TABLE
#: Number of indices of the dynamic table that fit in one octet (RFC 7541 section 6.1).
_ONE_OCTET: Final = 0x7F - FIRST_DYNAMIC_INDEX


class DecodedBlock:
    """The result of decoding a block.

    ``fields`` are in order, as far as the soft limits allow.  ``never_indexed``: positions in
    ``fields`` of never-indexed literals, which must be forwarded as such (RFC 7541 section 6.2.3).
    ``table``: the table after the block, the same object as before if the block did not change it.
    ``truncated``: whether a soft limit was crossed.  ``field_count`` and ``list_size`` (octets,
    including 32 for each field) count the whole block.
    """

    __slots__ = ("field_count", "fields", "list_size", "never_indexed", "table", "truncated")

    def __init__(
        self,
        fields: tuple[Field, ...],
        never_indexed: tuple[int, ...],
        table: DynamicTable,
        truncated: bool,
        field_count: int,
        list_size: int,
    ) -> None:
        self.fields = fields
        self.never_indexed = never_indexed
        self.table = table
        self.truncated = truncated
        self.field_count = field_count
        self.list_size = list_size


def decode_block(
    block: bytes,
    table: DynamicTable,
    *,
    allowed: int = 4096,
    required: int | None = None,
    limits: DecodeLimits = NO_LIMITS,
    interned: dict[Field, Field] | None = None,
    strings: StringMemory | None = None,
) -> DecodedBlock:
    """Decode a whole header block against ``table`` (RFC 7541 section 3.2).

    ``allowed`` is the SETTINGS_HEADER_TABLE_SIZE, in octets, that the encoder has acknowledged:
    the upper bound of size updates (section 6.3).  ``required``, if given, says that the block must
    begin with a size update to that value or less, because the encoder acknowledged such a setting
    and its table was larger (section 4.2; RFC 9113 section 4.3.1).  ``interned``, if given, shares
    equal table entries of at most :data:`INTERNED_SIZE` octets as one object, for callers that keep
    many tables; the caller bounds its size.  ``strings``, if given, caches decoded Huffman strings,
    except those of never-indexed literals.  What it calls secret is neither cached nor interned.

    Raises :class:`BlockError` or :class:`FieldLimitError`.
    """
    # One long function, because a call for each field would cost as much as the field itself.
    end = len(block)
    position = 0
    if required is not None or (end and block[0] & 0xE0 == 0x20):
        table, position = _size_updates(block, table, allowed, required)
    # The fields that this block inserts, and their number.
    builder: TableBuilder | None = None
    recent: list[Whole] = []
    inserted = 0
    # Entries from before the block, those of them that one octet refers to, and the first of these
    # octets: an index moves by one with every insertion.
    entries: tuple[Whole, ...] = table.entries
    near = len(entries)
    if near > _ONE_OCTET:
        near = _ONE_OCTET
    first = 0x80 + FIRST_DYNAMIC_INDEX
    last_index = FIRST_DYNAMIC_INDEX - 1 + len(entries)
    shared: dict[Whole, Whole] | None = interned
    field: Whole

    decode, secret = decode_string, _NOTHING
    if strings is not None:
        decode, secret = strings.decode, strings.secret
    fields: list[Whole] = []
    never_indexed: list[int] = []
    discarded = 0
    list_size = 0
    # As long as the list size is not beyond this, neither it nor the number of fields is beyond a
    # soft limit.
    harmless = ENTRY_OVERHEAD * limits.soft_fields
    if harmless > limits.soft_list_size:
        harmless = limits.soft_list_size

    while position < end:
        start = position
        octet = block[position]
        position += 1
        index = octet - first
        if 0 <= index < near:
            field = entries[index]
        elif 0x80 < octet < 0x80 + FIRST_DYNAMIC_INDEX:
            field = _STATIC[octet - 0x80]
        else:
            if octet >= 0x80:
                prefix = 0x7F
            elif octet >= 0x40:
                prefix = 0x3F
            elif octet >= 0x20:
                raise _late_update(start)
            else:
                prefix = 0x0F
            index = octet & prefix
            if index == prefix:
                index, position = continue_integer(block, position, index)
            if index < FIRST_DYNAMIC_INDEX:
                field = _STATIC[index]
            elif index > last_index:
                raise _unknown_index(index, last_index, start)
            elif index < FIRST_DYNAMIC_INDEX + inserted:
                field = recent[FIRST_DYNAMIC_INDEX - 1 - index]
            else:
                field = entries[index - FIRST_DYNAMIC_INDEX - inserted]
            if octet >= 0x80:
                if not index:
                    raise _zero_index(start)
            else:
                name = field[0]
                if not index:
                    name, position = decode(block, position)
                # 0x10 to 0x1f: never indexed, and therefore not cached either.
                hidden = octet & 0xF0 == 0x10 or name in secret
                if hidden:
                    value, position = decode_string(block, position)
                else:
                    value, position = decode(block, position)
                field = (name, value)
                if octet >= 0x40:
                    if builder is None:
                        builder = TableBuilder(table)
                        recent = builder.recent
                    if (
                        shared is not None
                        and not hidden
                        and len(name) + len(value) <= INTERNED_SIZE
                    ):
                        field = shared.setdefault(field, field)
                    builder.insert(field)
                    inserted += 1
                    first += 1
                    near = builder.kept
                    last_index = FIRST_DYNAMIC_INDEX - 1 + near + inserted - builder.head
                    if near > _ONE_OCTET - inserted:
                        near = _ONE_OCTET - inserted
                elif octet >= 0x10 and not discarded:
                    never_indexed.append(len(fields))

        list_size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        if list_size > harmless:
            field_count = len(fields) + discarded + 1
            if list_size > limits.soft_list_size or field_count > limits.soft_fields:
                if list_size > limits.hard_list_size or field_count > limits.hard_fields:
                    raise _over_limit(limits, field_count, start)
                discarded += 1
                continue
        fields.append(field)

    if never_indexed and never_indexed[-1] >= len(fields):
        never_indexed.pop()
    return DecodedBlock(
        tuple(fields),
        tuple(never_indexed),
        table if builder is None else builder.frozen(),
        discarded > 0,
        len(fields) + discarded,
        list_size,
    )


def _size_updates(
    block: bytes, table: DynamicTable, allowed: int, required: int | None
) -> tuple[DynamicTable, int]:
    """Apply the dynamic table size updates at the start of ``block`` (RFC 7541 section 6.3)."""
    position = 0
    updates = 0
    while position < len(block) and block[position] & 0xE0 == 0x20:
        start = position
        maximum, position = decode_integer(block, position, 5)
        updates += 1
        # RFC 7541 4.2: "The final maximum size is always signaled, resulting in at most two
        # dynamic table size updates."
        if updates > MAX_SIZE_UPDATES:
            raise BlockError(
                f"more than {MAX_SIZE_UPDATES} dynamic table size updates",
                section="RFC 7541 section 4.2",
                offset=start,
            )
        # RFC 7541 6.3: "The new maximum size MUST be lower than or equal to the limit determined
        # by the protocol using HPACK."
        if maximum > allowed:
            raise BlockError(
                f"a dynamic table size update to {maximum}, more than the {allowed} allowed",
                section="RFC 7541 section 6.3",
                offset=start,
            )
        if required is not None:
            # RFC 7541 4.2: "the smallest maximum table size that occurs in that interval MUST be
            # signaled in a dynamic table size update."
            if maximum > required:
                raise BlockError(
                    f"the first dynamic table size update is to {maximum}, "
                    f"more than the acknowledged {required}",
                    section="RFC 7541 section 4.2",
                    offset=start,
                )
            required = None
        table = table.resized(maximum)
    # RFC 9113 4.3.1: "Once an endpoint acknowledges a change to SETTINGS_HEADER_TABLE_SIZE that
    # reduces the maximum below the current size of the dynamic table, its HPACK encoder MUST start
    # the next field block with a Dynamic Table Size Update instruction".
    if required is not None:
        raise BlockError(
            f"no dynamic table size update to {required} or less at the start of the block",
            section="RFC 7541 section 4.2",
            offset=0,
        )
    return table, position


def _zero_index(offset: int) -> BlockError:
    # RFC 7541 6.1: "It MUST be treated as a decoding error if found in an indexed header field
    # representation."
    return BlockError(
        "an indexed field with index 0", section="RFC 7541 section 6.1", offset=offset
    )


def _unknown_index(index: int, last_index: int, offset: int) -> BlockError:
    # RFC 7541 2.3.3: "Indices strictly greater than the sum of the lengths of both tables MUST be
    # treated as a decoding error."
    return BlockError(
        f"index {index} is beyond the tables, which end at {last_index}",
        section="RFC 7541 section 2.3.3",
        offset=offset,
    )


def _late_update(offset: int) -> BlockError:
    # RFC 7541 4.2: "This dynamic table size update MUST occur at the beginning of the first header
    # block following the change to the dynamic table size."
    return BlockError(
        "a dynamic table size update after a field",
        section="RFC 7541 section 4.2",
        offset=offset,
    )


def _over_limit(limits: DecodeLimits, field_count: int, offset: int) -> FieldLimitError:
    if field_count > limits.hard_fields:
        reason = f"more than {limits.hard_fields} fields"
    else:
        reason = f"a field section of more than {limits.hard_list_size} octets"
    return FieldLimitError(reason, section="RFC 9113 section 10.5.1", offset=offset)
