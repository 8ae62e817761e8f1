"""A cookie that records which pushed files a client has.

Contract: a :class:`CookieDigest` is a set of file versions that fits into a cookie.  Added versions
are always found; others are found wrongly in :data:`CAPACITY` of :data:`SPACE` cases if the digest
is full (1 in 512), which only suppresses a push.  No cookie, whatever a client writes into it,
raises an exception, and at most :data:`MAX_COOKIE` octets of it are read.

Strategy: a Golomb-Rice coded set, as h2o's CASPER does: each version is hashed to a number, and
the differences between the sorted numbers are written as a quotient in unary and a remainder in
nine bits.  A changed file has another entity tag and therefore another number.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BinasciiError
from collections.abc import Iterable
from hashlib import blake2b

COOKIE_NAME = b"h2static-push"

#: Number of possible hash values of a version.
SPACE = 2**16
#: Versions in a digest; a site that pushes more starts a new digest.
CAPACITY = 128
#: Optimal for CAPACITY numbers out of SPACE: the mean difference is 2**9.
_REMAINDER_BITS = 9

#: Octets of a cookie's value that are read: a full digest has at most 128 numbers of 12 bits in
#: base64.
MAX_COOKIE = 512
#: Seconds that a client keeps the cookie: by then its cache will have dropped the files.
MAX_AGE = 30 * 24 * 3600


class CookieDigest:
    """The versions that a client was sent; immutable."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._numbers = frozenset(numbers)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CookieDigest) and self._numbers == other._numbers

    def __hash__(self) -> int:
        return hash(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    def has(self, path: bytes, etag: bytes) -> bool:
        """Whether the client was sent this version of ``path``."""
        return _number(path, etag) in self._numbers

    def with_versions(self, versions: Iterable[tuple[bytes, bytes]]) -> CookieDigest:
        """This digest with (path, entity tag) pairs added; only these when it would be too full."""
        new = {_number(path, etag) for path, etag in versions}
        both = self._numbers | new
        return CookieDigest(both if len(both) <= CAPACITY else sorted(new)[:CAPACITY])

    def encode(self) -> bytes:
        """The cookie's value."""
        bits: list[str] = []
        before = -1
        for number in sorted(self._numbers):
            quotient, remainder = divmod(number - before - 1, 1 << _REMAINDER_BITS)
            bits.append("1" * quotient + f"0{remainder:0{_REMAINDER_BITS}b}")
            before = number
        text = "".join(bits)
        # Trailing ones begin a number that never ends, so they are read as nothing.
        text += "1" * (-len(text) % 8)
        octets = int(text or "0", 2).to_bytes(len(text) // 8, "big")
        return urlsafe_b64encode(octets).rstrip(b"=")

    def set_cookie(self, *, secure: bool) -> bytes:
        """The value of a Set-Cookie field (RFC 6265 section 4.1); ``secure`` for https."""
        attributes = b"; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax" % MAX_AGE
        return COOKIE_NAME + b"=" + self.encode() + attributes + (b"; Secure" if secure else b"")


def _number(path: bytes, etag: bytes) -> int:
    """The hash value of a version: uniform over :data:`SPACE`, the same in every process."""
    digest = blake2b(path + b"\0" + etag.removeprefix(b"W/"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % SPACE


def read_digest(cookie: bytes | None) -> CookieDigest | None:
    """The digest in a Cookie field; ``None`` if there is none, empty if it is unreadable."""
    if cookie is None:
        return None
    for pair in cookie.split(b";"):
        name, equals, value = pair.strip().partition(b"=")
        if equals and name == COOKIE_NAME:
            return CookieDigest(_decode(value))
    return None


def _decode(value: bytes) -> list[int]:
    """The numbers in a cookie's value; empty if it is damaged."""
    if len(value) > MAX_COOKIE:
        return []
    try:
        octets = urlsafe_b64decode(value + b"=" * (-len(value) % 4))
    except (BinasciiError, ValueError):
        return []
    bits = "".join(f"{octet:08b}" for octet in octets)
    numbers: list[int] = []
    before, position = -1, 0
    while True:
        zero = bits.find("0", position)
        end = zero + 1 + _REMAINDER_BITS
        if zero < 0 or end > len(bits):
            return numbers
        quotient = zero - position
        before += 1 + (quotient << _REMAINDER_BITS) + int(bits[zero + 1 : end], 2)
        if before >= SPACE or len(numbers) >= CAPACITY:
            return []
        numbers.append(before)
        position = end
