"""Errors of the HPACK codec.

Contract: decoding raises :class:`HPACKError` and nothing else, whatever the octets.  The two
subclasses differ in what is left afterwards: after a :class:`BlockError` the block was never valid;
after a :class:`FieldLimitError` it may have been, but it was not read to its end.  In both cases
the decoder's table no longer matches the encoder's, so the connection cannot go on.
"""

from __future__ import annotations


class HPACKError(Exception):
    """A header block that cannot be decoded.

    ``reason`` says what is wrong, ``section`` where that is laid down (``RFC 7541 section 5.2``),
    ``offset`` at which octet of the block, counted from 0.
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
