"""Strategies: which fields an encoder puts into its dynamic table.

Contract: :func:`never_indexed` decides for every strategy which fields are secret.  A strategy sees
the other fields of one connection one after another and chooses a representation for each, without
knowing what follows.  The strategies that do know are elsewhere: ``best``, which knows the whole
story, in :mod:`hpacktools.best`, and lookahead in :mod:`hpacktools.lookahead`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, TypeAlias

from .codec import ENTRY_OVERHEAD, Field, Representation, encode_string
from .stories import Case

_WITH_INDEXING = Representation.WITH_INDEXING
_WITHOUT_INDEXING = Representation.WITHOUT_INDEXING
_NEVER_INDEXED = Representation.NEVER_INDEXED

#: (name, value, maximum size of the table, its size now; both in octets) -> representation.
Strategy: TypeAlias = Callable[[bytes, bytes, int, int], Representation]

#: Names whose values nghttp2 does not index, because they differ from message to message.
NGHTTP2_NOT_INDEXED: Final = frozenset(
    [
        b":path",
        b"age",
        b"content-length",
        b"etag",
        b"if-modified-since",
        b"if-none-match",
        b"location",
        b"set-cookie",
    ]
)
#: A cookie shorter than this has so few values that compression helps to guess it (RFC 7541 7.1.3).
SHORT_COOKIE: Final = 20
#: Names whose values are credentials: always, or if they are short.
_CREDENTIALS: Final = frozenset([b"authorization", b"proxy-authorization", b"cookie"])
#: The same by nghttp2's policy.
_NGHTTP2_CREDENTIALS: Final = frozenset([b"authorization", b"cookie"])


def never_indexed(
    fields: Iterable[Field], listed: Collection[int] = (), strategy: str = "default"
) -> frozenset[int]:
    """The positions of the fields to write as never-indexed literals.

    These are the positions in ``listed`` and, by RFC 7541 section 7.1.3, every credential:
    authorization, proxy-authorization, and a cookie short enough to be guessed.  Names are compared
    without regard to case, because HTTP/1 text may use any.  The strategy ``nghttp2`` follows that
    library's own list.
    """
    if strategy == "nghttp2":
        found = {
            position
            for position, (name, value) in enumerate(fields)
            if name in _NGHTTP2_CREDENTIALS and _is_credential(name, value)
        }
    else:
        found = {
            position
            for position, (name, value) in enumerate(fields)
            if name.lower() in _CREDENTIALS and _is_credential(name.lower(), value)
        }
    return frozenset(found.union(listed))


def without_credentials(cases: Iterable[Case]) -> list[Case]:
    """The cases with their credentials marked as sensitive."""
    return [
        replace(case, sensitive=never_indexed(case.fields or (), case.sensitive)) for case in cases
    ]


def _is_credential(name: bytes, value: bytes) -> bool:
    return name != b"cookie" or len(value) < SHORT_COOKIE


def nghttp2() -> Strategy:
    """The policy of nghttp2: index everything except some names and very large entries."""

    def choose(name: bytes, value: bytes, maximum: int, size: int) -> Representation:
        large = 4 * (len(name) + len(value) + ENTRY_OVERHEAD) > 3 * maximum
        return _WITHOUT_INDEXING if large or name in NGHTTP2_NOT_INDEXED else _WITH_INDEXING

    return choose


def linear() -> Strategy:
    """Index every field."""
    return lambda name, value, maximum, size: _WITH_INDEXING


def static() -> Strategy:
    """Use only the static table."""
    return lambda name, value, maximum, size: _WITHOUT_INDEXING


#: How many fields the default strategy remembers.  A field seen earlier than that is no longer in a
#: table of 4096 octets; remembering 512 made the corpus 1 % larger.
REMEMBERED_FIELDS: Final = 128
#: How many names it keeps averages for: a connection uses a few dozen.
REMEMBERED_NAMES: Final = 256
#: Weight of the past in a name's average, and the share of fields that must have recurred for new
#: values to be indexed at first sight.  The best of the values tried on the corpus.
_PAST: Final = 0.9
_SHARE: Final = 0.6


def adaptive() -> Strategy:
    """The default: learn for each name whether its values recur.

    A field seen before is indexed.  A new one is indexed if most of the recent values of its name
    were repeats; a name starts with full trust.  Any other field is also indexed if that leaves the
    table at most half full, because then it displaces nothing.  Entries larger than three quarters
    of the table are not indexed.
    """
    seen: dict[tuple[bytes, bytes], None] = {}
    shares: dict[bytes, float] = {}

    def choose(name: bytes, value: bytes, maximum: int, size: int) -> Representation:
        entry = len(name) + len(value) + ENTRY_OVERHEAD
        if 4 * entry > 3 * maximum:
            return _WITHOUT_INDEXING
        field = (name, value)
        known = field in seen
        # Both memories keep the most recently used item at their end.
        if known:
            del seen[field]
        elif len(seen) >= REMEMBERED_FIELDS:
            del seen[next(iter(seen))]
        seen[field] = None
        share = shares.pop(name, 1.0)
        if len(shares) >= REMEMBERED_NAMES:
            del shares[next(iter(shares))]
        shares[name] = _PAST * share + (1 - _PAST) * known
        worthwhile = known or share > _SHARE or 2 * (size + entry) <= maximum
        return _WITH_INDEXING if worthwhile else _WITHOUT_INDEXING

    return choose


#: Name -> maker of a strategy for one connection.
STRATEGIES: Final[dict[str, Callable[[], Strategy]]] = {
    "default": adaptive,
    "nghttp2": nghttp2,
    "linear": linear,
    "static": static,
}
#: All names of the option; ``naive`` uses no table at all, ``best`` knows the whole story.
STRATEGY_NAMES: Final = (*STRATEGIES, "naive", "best")
#: Default number of annealing walks for ``best``: with it the raw stories of the http2jp corpus
#: take about twenty seconds.
DEFAULT_EFFORT: Final = 5


def encode_naively(
    fields: list[tuple[bytes, bytes, Representation]], huffman: bool = True
) -> bytes:
    """Encode without any table: every field a literal with a literal name."""
    block = bytearray()
    for name, value, representation in fields:
        block.append(0x10 if representation is _NEVER_INDEXED else 0x00)
        block += encode_string(name, huffman)
        block += encode_string(value, huffman)
    return bytes(block)
