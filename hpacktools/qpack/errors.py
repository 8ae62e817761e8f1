"""Errors of the QPACK codec, by scope: stream or connection.

Contract: whatever octets a peer sends, the decoder and the encoder raise a :class:`QPACKError` and
nothing else.  After a :class:`QPACKConnectionError` the state that both ends share is lost, and
every later call raises the same error again; after a :class:`SectionLimitError` only the field
section's stream is lost.

Programming errors of the caller (such as a capacity above the limit) are ``ValueError``.
:class:`Incomplete` and :class:`Undecodable` stay inside the codec.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class ErrorCode(enum.IntEnum):
    """The error codes of RFC 9204 section 6, with the RFC's names."""

    QPACK_DECOMPRESSION_FAILED = 0x0200
    QPACK_ENCODER_STREAM_ERROR = 0x0201
    QPACK_DECODER_STREAM_ERROR = 0x0202


class QPACKError(Exception):
    """The peer sent something invalid or beyond a limit.

    ``code`` is the HTTP/3 error code, ``reason`` says what is wrong, ``section`` names the rule
    (``RFC 9204 section 2.2.3``), ``offset`` is the octet, counted from 0: in the field section, or
    in the encoder or decoder stream (without its stream type).
    """

    code: ClassVar[ErrorCode]

    def __init__(self, reason: str, *, section: str, offset: int) -> None:
        super().__init__(reason, section, offset)
        self.reason = reason
        self.section = section
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.code.name}: {self.reason} (octet {self.offset}, {self.section})"


class QPACKConnectionError(QPACKError):
    """An error that ends the connection."""


class DecompressionFailed(QPACKConnectionError):
    """A field section is invalid: a connection error QPACK_DECOMPRESSION_FAILED."""

    code = ErrorCode.QPACK_DECOMPRESSION_FAILED

    def __init__(self, reason: str, *, section: str, offset: int, stream_id: int) -> None:
        super().__init__(reason, section=section, offset=offset)
        #: The stream of the field section.
        self.stream_id = stream_id


class EncoderStreamError(QPACKConnectionError):
    """The encoder stream is invalid: a connection error QPACK_ENCODER_STREAM_ERROR."""

    code = ErrorCode.QPACK_ENCODER_STREAM_ERROR


class DecoderStreamError(QPACKConnectionError):
    """The decoder stream is invalid: a connection error QPACK_DECODER_STREAM_ERROR."""

    code = ErrorCode.QPACK_DECODER_STREAM_ERROR


class SectionLimitError(QPACKError):
    """A field section exceeds a limit of the decoder: a stream error QPACK_DECOMPRESSION_FAILED.

    RFC 9204 section 7.4.  The connection continues without the stream.
    """

    code = ErrorCode.QPACK_DECOMPRESSION_FAILED

    def __init__(self, reason: str, *, section: str, offset: int, stream_id: int) -> None:
        super().__init__(reason, section=section, offset=offset)
        #: The stream that is lost.
        self.stream_id = stream_id


class Incomplete(Exception):  # it is no error on a stream
    """The octets end too early; ``needed`` is the least offset at which they may end."""

    def __init__(self, needed: int) -> None:
        super().__init__(needed)
        self.needed = needed


class Undecodable(Exception):  # it becomes an error where the stream is known
    """The octets are invalid, whatever follows.

    ``limit``: whether a limit of this implementation was exceeded (RFC 9204 section 7.4), rather
    than a rule broken.
    """

    def __init__(self, reason: str, *, section: str, offset: int, limit: bool = False) -> None:
        super().__init__(reason, section, offset, limit)
        self.reason = reason
        self.section = section
        self.offset = offset
        self.limit = limit
