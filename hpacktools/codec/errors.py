"""Errors of the HPACK codec.

Contract: decoding raises :class:`HPACKError` and nothing else, whatever the octets.  The two
subclasses differ in meaning: a :class:`BlockError` means that the block is invalid; after a
:class:`FieldLimitError` it may be valid, but was not read to its end.  In both cases the decoder's
table no longer matches the encoder's, so the connection cannot continue.
"""

from __future__ import annotations


class HPACKError(Exception):
    """A header block that cannot be decoded.

    ``reason`` says what is wrong, ``section`` names the rule (``RFC 7541 section 5.2``), ``offset``
    is the octet in the block, counted from 0.
    """

    def __init__(self, reason: str, *, section: str, offset: int) -> None:
        super().__init__(reason, section, offset)
        self.reason = reason
        self.section = section
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.reason} (octet {self.offset}, {self.section})"


class BlockError(HPACKError):
    """The block is invalid: a connection error COMPRESSION_ERROR (RFC 9113 section 4.3)."""


class FieldLimitError(HPACKError):
    """The field section crossed a hard limit of :class:`~hpacktools.codec.DecodeLimits`.

    The section is RFC 9113 10.5.1: the limit is the receiver's own, not HPACK's.
    """
