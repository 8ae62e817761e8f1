"""Compressing files without a compressed sibling while serving them.

Contract: :class:`Compression` says which files are worth compressing and which coding a client
should get, and provides the compressed octets, cached or new.  The same content in the same coding
is compressed only once while it is cached.  If there is no room, or if the amount compressed in a
short time looks like an attack, it returns :data:`UNKNOWN`, and the file is sent
uncompressed.

Assumes that a tag identifies one content, and that :meth:`Compression.make` is called where
blocking is allowed, in any thread.

Strategy: fast settings.  Brotli at level 5 comes within a few percent of build tools in a hundredth
of their time.  Threads take turns (``alone``), so compressing takes at most the time of one
processor, and a bucket of octets limits it over time.  Lookups take no turn: each step on the
dictionary is atomic and does not rely on earlier steps.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.list_memory import ANYHOW, Alone
from h2static.site.negotiation import IDENTITY, choose_coding
from h2static.site.octets import OctetCount

#: The supported codings, preferred ones first.
COMPRESSIONS: Final = ("br", "zstd", "gzip")
#: Types outside ``text/`` whose content is text, or whose format has no compression.
_COMPRESSIBLE = frozenset(
    (
        b"application/javascript",
        b"application/json",
        b"application/json5",
        b"application/jsonl",
        b"application/graphql",
        b"application/rtf",
        b"application/sql",
        b"application/ttf",
        b"application/vnd.apple.mpegurl",
        b"application/vnd.ms-fontobject",
        b"application/wasm",
        b"application/xml",
        b"application/yaml",
        b"font/otf",
        b"font/ttf",
        b"image/bmp",
        b"image/svg+xml",
        b"image/x-icon",
        b"model/gltf-binary",
        b"model/obj",
        b"model/stl",
    )
)
_SUFFIXES = (b"+json", b"+xml", b"+text")


class Coder(NamedTuple):
    """A compression method."""

    compress: Callable[[bytes], bytes]
    #: Identifies the output: another version may produce different octets.
    version: str


class Unknown:
    """The type of :data:`UNKNOWN`: the content has not been compressed yet."""


UNKNOWN: Final = Unknown()


def is_compressible(media_type: bytes) -> bool:
    """Whether content of this type is likely to become much smaller."""
    plain = media_type.partition(b";")[0].strip().lower()
    return (
        # Event streams and multiparts have parts that must arrive without delay.
        (plain.startswith(b"text/") and plain != b"text/event-stream")
        or plain in _COMPRESSIBLE
        or plain.endswith(_SUFFIXES)
    )


def available_coders(names: Sequence[str]) -> dict[bytes, Coder]:
    """The coders among ``names`` whose library is installed, in order of preference.

    Brotli and Zstandard come with the extra ``compress``.
    """
    makers = {"br": _brotli, "zstd": _zstandard, "gzip": _gzip}
    found: dict[bytes, Coder] = {}
    for name in COMPRESSIONS:
        if name in names:
            coder = makers[name]()
            if coder is not None:
                found[name.encode("ascii")] = coder
    return found


def _gzip() -> Coder:
    def compress(octets: bytes) -> bytes:
        # 31 selects the gzip format; without a date, so that equal content gives equal octets.
        return zlib.compress(octets, 6, 31)

    return Coder(compress, f"6 {zlib.ZLIB_RUNTIME_VERSION}")


def _brotli() -> Coder | None:
    try:
        import brotli
    except ImportError:
        return None

    def compress(octets: bytes) -> bytes:
        compressed: bytes = brotli.compress(octets, quality=5)
        return compressed

    return Coder(compress, f"5 {brotli.__version__}")


def _zstandard() -> Coder | None:
    try:
        import zstandard
    except ImportError:
        return None

    def compress(octets: bytes) -> bytes:
        # Compressors must not be shared between threads.
        return zstandard.ZstdCompressor(level=9).compress(octets)

    return Coder(compress, f"9 {'.'.join(map(str, zstandard.ZSTD_VERSION))}")


class Compression:
    """Compresses content and caches the results."""

    def __init__(
        self,
        coders: Mapping[bytes, Coder],
        limits: SiteLimits = DEFAULTS,
        alone: Alone = ANYHOW,
    ) -> None:
        """``alone``: see :class:`~h2static.site.list_memory.ListMemory`."""
        self._coders = coders
        self._limits = limits
        # Makes the first of equally preferred codings the smallest.
        self._order = {coding: place for place, coding in enumerate(coders)}
        self._order[IDENTITY] = len(coders)
        #: Part of the entity tag: equal tags mean equal octets.
        self._marks = {
            coding: blake2b(coder.version.encode(), digest_size=3).hexdigest().encode("ascii")
            for coding, coder in coders.items()
        }
        self._count = OctetCount()
        self._kept = 0
        #: By tag and coding, most recently used last; ``None`` if the result was not smaller.
        self._made: OrderedDict[tuple[bytes, bytes], bytes | None] = OrderedDict()
        self._alone = alone
        self._budget = float(limits.compress_burst)
        self._filled: float | None = None

    @property
    def kept(self) -> int:
        """Octets in the cache."""
        return self._kept

    @property
    def held(self) -> int:
        """Octets in the cache or still held by streams."""
        return self._count.held

    def applies(self, media_type: bytes, size: int) -> bool:
        """Whether to compress files of this type with ``size`` octets at all."""
        limits = self._limits
        return limits.compress_least <= size <= limits.compress_most and is_compressible(media_type)

    def choose(self, accept_encoding: bytes | None) -> bytes | None:
        """The coding for a client; ``None`` if it accepts none."""
        coding = choose_coding(accept_encoding, self._order, self._limits)
        return None if coding == IDENTITY else coding

    def tag(self, etag: bytes, coding: bytes) -> bytes:
        """The strong entity tag of the compressed form of content with ``etag``."""
        return etag[:-1] + b"-" + coding + self._marks[coding] + b'"'

    def find(self, etag: bytes, coding: bytes) -> bytes | Unknown | None:
        """The cached octets; ``None`` if compressing does not help, or :data:`UNKNOWN`."""
        key = etag, coding
        try:
            made = self._made[key]
            self._made.move_to_end(key)
        except KeyError:
            return UNKNOWN
        return made

    def make(self, etag: bytes, coding: bytes, octets: bytes, now: float) -> bytes | Unknown | None:
        """Compress ``octets``, the content of ``etag``; ``now`` in seconds of any clock.

        Returns ``None`` if it does not help, :data:`UNKNOWN` if it is not possible now.
        """
        with self._alone:
            known = self.find(etag, coding)
            if not isinstance(known, Unknown):
                return known
            if not self._may(len(octets), now):
                return UNKNOWN
            compressed = self._coders[coding].compress(octets)
            return self._keep((etag, coding), compressed, len(octets))

    def _may(self, size: int, now: float) -> bool:
        """Whether ``size`` octets may be compressed now; takes them from the budget."""
        limits = self._limits
        passed = 0.0 if self._filled is None else max(0.0, now - self._filled)
        self._filled = now
        self._budget = min(limits.compress_burst, self._budget + passed * limits.compress_rate)
        if self._budget < size or self._count.held + size > limits.compressed_held:
            return False
        self._budget -= size
        return True

    def _keep(self, key: tuple[bytes, bytes], compressed: bytes, size: int) -> bytes | None:
        worth = len(compressed) < size * self._limits.compress_ratio
        made = self._count.hold(compressed) if worth else None
        self._count.settle()
        self._made[key] = made
        self._kept += len(made or b"")
        while self._kept > self._limits.compressed_kept or (
            len(self._made) > self._limits.compressed_entries
        ):
            _, oldest = self._made.popitem(last=False)
            self._kept -= len(oldest or b"")
        return made
