"""Encoding: :class:`Deflater` for one connection, :func:`story_deflater` for a known story,
:func:`deflate_case` for JSON.

The class offers the interface of ``HDDeflater`` in nghttp2's former Python bindings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from .codec import (
    DEFAULT_TABLE_SIZE,
    DynamicTable,
    Encoder,
    Field,
    Representation,
    entry_size,
)
from .codec.table import STATIC_FIELDS
from .jsonforms import table_to_json
from .shapes import JSON, Object
from .stories import Case
from .strategies import DEFAULT_EFFORT, STRATEGIES, Strategy, encode_naively, never_indexed

if TYPE_CHECKING:
    # Needed only for lookahead.
    from .lookahead import LookAhead

_WITH_INDEXING = Representation.WITH_INDEXING
_WITHOUT_INDEXING = Representation.WITHOUT_INDEXING
_NEVER_INDEXED = Representation.NEVER_INDEXED


class Deflater:
    """Encodes the field sections of one direction of a connection, in order.

    >>> Deflater().deflate([(b":method", b"GET"), (b":path", b"/")]).hex()
    '8284'
    """

    def __init__(
        self,
        table_size: int = DEFAULT_TABLE_SIZE,
        *,
        strategy: str = "default",
        huffman: bool = True,
        lookahead: bool = False,
    ) -> None:
        """``table_size``: the largest dynamic table that the encoder uses, in octets.

        ``strategy`` is a name in :data:`hpacktools.strategies.STRATEGIES` or ``naive``.  With
        ``lookahead``, :meth:`deflate` gets the field sections that follow; the strategy must then
        be ``default``.  Raises ``ValueError`` for other strategies (``best`` needs a whole story:
        :func:`story_deflater`) and for an invalid table size.
        """
        if strategy != "naive" and strategy not in STRATEGIES:
            raise ValueError(f"the strategy {strategy!r} cannot encode single field sections")
        self._encoder = Encoder(table_size)
        self._strategy = strategy
        self._choose = None if strategy == "naive" else STRATEGIES[strategy]()
        if lookahead and strategy != "default":
            raise ValueError(f"the strategy {strategy!r} does not support lookahead")
        self._lookahead: LookAhead | None = None
        if lookahead:
            from .lookahead import LookAhead

            self._lookahead = LookAhead(huffman=huffman)
        self._huffman = huffman
        #: Positions of fields that the last call wrote as never-indexed literals.
        self.never_indexed: tuple[int, ...] = ()

    @property
    def table(self) -> DynamicTable:
        """The dynamic table after the last block."""
        return self._encoder.table

    def change_table_size(self, size: int) -> None:
        """The peer's SETTINGS_HEADER_TABLE_SIZE is now ``size`` octets.

        The next block begins with the size updates that this requires (RFC 7541 section 4.2).
        Raises ``ValueError`` for an invalid value of the setting.
        """
        self._encoder.change_maximum(size)

    def deflate(
        self,
        headers: Iterable[Field],
        sensitive: Collection[int] = (),
        upcoming: Sequence[Sequence[Field]] = (),
    ) -> bytes:
        """Encode a field section; names and values are octets.

        ``sensitive``: positions of fields that must never be indexed (RFC 7541 section 7.1.3), in
        addition to the credentials that :func:`~hpacktools.strategies.never_indexed` finds.
        ``upcoming``: the field sections that follow, as far as they are known; used only with
        ``lookahead``.  Raises ``TypeError`` for a name or value that is not ``bytes`` and
        ``ValueError`` for a position without a field; the encoder is unchanged in both cases.
        """
        headers = [(name, value) for name, value in headers]
        for position, (name, value) in enumerate(headers):
            if type(name) is not bytes or type(value) is not bytes:
                # The value may be a secret.
                raise TypeError(f"field {position}: name and value must be bytes")
        if sensitive and not set(sensitive) <= set(range(len(headers))):
            raise ValueError(
                f"sensitive positions {list(sensitive)} are not all among the {len(headers)} fields"
            )
        secret = never_indexed(headers, sensitive, self._strategy)
        if self._choose is None:
            plan = [
                _NEVER_INDEXED if p in secret else _WITHOUT_INDEXING for p in range(len(headers))
            ]
            self.never_indexed = tuple(sorted(secret))
            fields = [(*field, each) for field, each in zip(headers, plan, strict=True)]
            return self._encoder.encode([]) + encode_naively(fields, self._huffman)
        table = self._encoder.table
        for maximum in self._encoder.pending_updates():
            table = table.resized(maximum)
        if self._lookahead is not None:
            plan = self._lookahead.plan(headers, secret, table, upcoming)
        else:
            plan = _plan(headers, secret, table, self._choose)
        return self.deflate_planned(headers, plan)

    def deflate_planned(self, headers: Sequence[Field], plan: Sequence[Representation]) -> bytes:
        """Encode a field section whose representations have been decided."""
        self.never_indexed = tuple(
            position for position, each in enumerate(plan) if each is _NEVER_INDEXED
        )
        fields = [(*field, each) for field, each in zip(headers, plan, strict=True)]
        return self._encoder.encode(fields, self._huffman)


def _plan(
    headers: Sequence[Field], secret: Collection[int], table: DynamicTable, choose: Strategy
) -> list[Representation]:
    """The representation of each field by ``choose``, for a block encoded against ``table``."""
    maximum = table.maximum
    # An upper bound of the table's size: evictions are not tracked, so once the table has
    # overflowed it counts as full until the end of the block.
    size = table.size
    held = table.lookup().fields
    added = set()
    plan = []
    for position, field in enumerate(headers):
        if position in secret:
            plan.append(_NEVER_INDEXED)
            continue
        name, value = field
        representation = choose(name, value, maximum, size)
        plan.append(representation)
        if (
            representation is _WITH_INDEXING
            and field not in held
            and field not in STATIC_FIELDS
            and field not in added
        ):
            added.add(field)
            size = min(size + entry_size(field), maximum)
    return plan


class _PlannedDeflater(Deflater):
    """Encodes, in order, the field sections for which a plan was made."""

    def __init__(
        self, table_size: int, plans: Iterable[Sequence[Representation]], *, huffman: bool
    ) -> None:
        super().__init__(table_size, strategy="linear", huffman=huffman)
        self._plans = iter(plans)

    def deflate(
        self,
        headers: Iterable[Field],
        sensitive: Collection[int] = (),
        upcoming: Sequence[Sequence[Field]] = (),
    ) -> bytes:
        """Encode the next field section as planned; the plan already covers sensitive fields."""
        return self.deflate_planned(list(headers), next(self._plans))


class _LookingDeflater(Deflater):
    """Encodes the field sections of a story, knowing some that follow."""

    def __init__(
        self, table_size: int, cases: Sequence[Case], count: int, *, huffman: bool
    ) -> None:
        super().__init__(table_size, huffman=huffman, lookahead=True)
        self._sections = [case.fields or () for case in cases]
        self._count = count
        self._next = 0

    def deflate(
        self,
        headers: Iterable[Field],
        sensitive: Collection[int] = (),
        upcoming: Sequence[Sequence[Field]] = (),
    ) -> bytes:
        """Encode the next field section of the story, with those that follow in view."""
        self._next += 1
        known = self._sections[self._next : self._next + self._count]
        return super().deflate(headers, sensitive, known)


def story_deflater(
    cases: Sequence[Case],
    table_size: int = DEFAULT_TABLE_SIZE,
    *,
    strategy: str = "default",
    huffman: bool = True,
    effort: int = DEFAULT_EFFORT,
    lookahead: int = 0,
) -> Deflater:
    """An encoder for the story ``cases`` with any strategy, including ``best``.

    ``best`` reads the cases now, with ``effort`` annealing walks; then encode exactly these field
    sections, in order.  With ``lookahead`` the strategy ``default`` knows that many field sections
    in advance; again, encode exactly these.  Otherwise ``cases`` is not used.  ``table_size`` in
    octets as for :class:`Deflater`.  Raises ``ValueError`` for an unknown strategy, and for
    ``lookahead`` with a strategy other than ``default``.
    """
    if lookahead:
        if strategy != "default":
            raise ValueError(f"the strategy {strategy!r} does not support lookahead")
        return _LookingDeflater(table_size, cases, lookahead, huffman=huffman)
    if strategy != "best":
        return Deflater(table_size, strategy=strategy, huffman=huffman)
    # Needed only by this strategy, and slow to import.
    from .best import plan_cases

    plans = plan_cases(cases, limit=table_size, huffman=huffman, effort=effort)
    return _PlannedDeflater(table_size, plans, huffman=huffman)


def deflate_case(
    case: Case,
    deflater: Deflater,
    *,
    dump_table: bool = False,
    number_key: str = "seq",
) -> Object:
    """Apply the settings of ``case`` and encode it; returns the case that ``hpack-deflate`` writes.

    Members are in the order of nghttp2's ``deflatehd``; ``number_key`` is ``seq`` or ``seqno``.
    """
    assert case.fields is not None
    for size in case.table_sizes:
        deflater.change_table_size(size)
    block = deflater.deflate(case.fields, case.sensitive)
    input_length = sum(len(name) + len(value) for name, value in case.fields)
    result: Object = {
        number_key: case.number,
        "input_length": input_length,
        "output_length": len(block),
        "percentage_of_original_size": len(block) / input_length * 100 if input_length else 0.0,
        "wire": block.hex(),
        "headers": case.document["headers"],
    }
    if "octets" in case.document:
        result["octets"] = case.document["octets"]
    if deflater.never_indexed:
        positions: list[JSON] = list(deflater.never_indexed)
        result["sensitive"] = positions
    if len(case.table_sizes) > 1:
        result["header_table_sizes"] = list(case.table_sizes)
    if case.table_sizes:
        result["header_table_size"] = case.table_sizes[-1]
    if dump_table:
        result["header_table"] = table_to_json(deflater.table)
    return result
