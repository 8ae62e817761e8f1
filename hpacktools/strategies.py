"""Strategies: which fields an encoder puts into its dynamic table.

Contract: a strategy sees the fields of one connection one after another and names a representation
for each, without knowing what comes.  What is marked sensitive never gets here: it is never
indexed.  The strategy ``best``, which knows what comes, is in :mod:`hpacktools.best`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from .codec import ENTRY_OVERHEAD, Representation, encode_string

_WITH_INDEXING = Representation.WITH_INDEXING
_WITHOUT_INDEXING = Representation.WITHOUT_INDEXING
_NEVER_INDEXED = Representation.NEVER_INDEXED

#: (name, value, maximum size of the table in octets) -> representation.
Strategy: TypeAlias = Callable[[bytes, bytes, int], Representation]

#: Names whose values nghttp2 does not index: they differ from message to message.
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
#: A shorter cookie has so few values that compression would help to guess it (RFC 7541 7.1.3).
SHORT_COOKIE: Final = 20


def _is_secret(name: bytes, value: bytes) -> bool:
    return name in (b"authorization", b"proxy-authorization") or (
        name == b"cookie" and len(value) < SHORT_COOKIE
    )


def nghttp2() -> Strategy:
    """The policy of nghttp2: all is indexed but some names, secrets and very large entries."""

    def choose(name: bytes, value: bytes, table_size: int) -> Representation:
        if name == b"authorization" or (name == b"cookie" and len(value) < SHORT_COOKIE):
            return _NEVER_INDEXED
        large = 4 * (len(name) + len(value) + ENTRY_OVERHEAD) > 3 * table_size
        return _WITHOUT_INDEXING if large or name in NGHTTP2_NOT_INDEXED else _WITH_INDEXING

    return choose


def linear() -> Strategy:
    """Everything is indexed."""
    return lambda name, value, table_size: _WITH_INDEXING


def static() -> Strategy:
    """Only the static table is used."""
    return lambda name, value, table_size: _WITHOUT_INDEXING


#: How many fields the default strategy remembers.  A field that came earlier than that is no
#: longer in a table of 4096 octets; remembering 512 made the corpus 1 % larger.
REMEMBERED_FIELDS: Final = 128
#: How many names it keeps account of: a connection uses a few dozen.
REMEMBERED_NAMES: Final = 256
#: Weight of the past in the account of a name, and the share of fields that must have come again
#: for new values to be indexed at first sight.  The best of those tried on the corpus.
_PAST: Final = 0.9
_SHARE: Final = 0.6


def adaptive() -> Strategy:
    """The default: learn for each name whether its values come again.

    A field that came before is indexed.  A new one is indexed while most of the recent values of
    its name had come before; a name starts with full trust.  Secrets are never indexed, entries
    over three quarters of the table not either.
    """
    seen: dict[tuple[bytes, bytes], None] = {}
    shares: dict[bytes, float] = {}

    def choose(name: bytes, value: bytes, table_size: int) -> Representation:
        if _is_secret(name, value):
            return _NEVER_INDEXED
        if 4 * (len(name) + len(value) + ENTRY_OVERHEAD) > 3 * table_size:
            return _WITHOUT_INDEXING
        field = (name, value)
        known = field in seen
        # Both memories keep what was used last at their end.
        if known:
            del seen[field]
        elif len(seen) >= REMEMBERED_FIELDS:
            del seen[next(iter(seen))]
        seen[field] = None
        share = shares.pop(name, 1.0)
        if len(shares) >= REMEMBERED_NAMES:
            del shares[next(iter(shares))]
        shares[name] = _PAST * share + (1 - _PAST) * known
        return _WITH_INDEXING if known or share > _SHARE else _WITHOUT_INDEXING

    return choose


#: Name -> maker of a strategy for one connection.
STRATEGIES: Final[dict[str, Callable[[], Strategy]]] = {
    "default": adaptive,
    "nghttp2": nghttp2,
    "linear": linear,
    "static": static,
}
#: Every name that an option takes; ``naive`` uses no table at all, ``best`` knows the whole story.
STRATEGY_NAMES: Final = (*STRATEGIES, "naive", "best")
#: Annealing walks of ``best`` when the caller does not say: the raw stories of the http2jp corpus
#: then take some twenty seconds.
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
