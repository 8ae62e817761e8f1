"""Tokens of Retry packets, which validate a client's address (RFC 9000 section 8.1).

Contract: a token from :meth:`RetryTokens.make` is valid for a short time, from the address that it
was made for and with the connection ID of the Retry.  Workers that share a key accept each other's
tokens.  Time is an argument, in seconds, of a clock that workers share.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

#: Seconds that a token is good for: clients return it at once (section 8.1.4).
LIFETIME: Final = 30.0
_NONCE: Final = 12
_TIME: Final = struct.Struct("!d")


class Retried(NamedTuple):
    """What a token says."""

    #: The connection id that the client had chosen at first.
    original: bytes
    #: The one that the Retry gave it.
    given: bytes


class RetryTokens:
    """Makes tokens and takes them."""

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """``key``: shared by all workers; another one is derived from it."""
        self._cipher = AESGCM(hmac.digest(key, b"retry token", hashlib.sha256))

    def make(self, address: bytes, original: bytes, given: bytes, now: float) -> bytes:
        """A token for the client at ``address``; ``original``, ``given``: see :class:`Retried`."""
        nonce = os.urandom(_NONCE)
        content = _TIME.pack(now) + bytes((len(original),)) + original + given
        return nonce + self._cipher.encrypt(nonce, content, address)

    def take(self, token: bytes, address: bytes, destination: bytes, now: float) -> Retried | None:
        """What ``token`` says; ``None``: it is none, or is not for this address and id, or is old.

        ``destination``: the connection id that it came with.
        """
        if len(token) <= _NONCE:
            return None
        try:
            content = self._cipher.decrypt(token[:_NONCE], token[_NONCE:], address)
        except InvalidTag:
            return None
        (made,) = _TIME.unpack_from(content)
        size = content[_TIME.size]
        start = _TIME.size + 1
        retried = Retried(content[start : start + size], content[start + size :])
        if not 0 <= now - made <= LIFETIME or retried.given != destination:
            return None
        return retried
