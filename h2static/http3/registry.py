"""Code points of HTTP/3 with their names in the RFCs (9114 section 11.2, 9204, 9218, 9220)."""

from __future__ import annotations

import enum
from typing import Final

# --- frame types (RFC 9114 section 7.2)
DATA: Final = 0x00
HEADERS: Final = 0x01
CANCEL_PUSH: Final = 0x03
SETTINGS: Final = 0x04
PUSH_PROMISE: Final = 0x05
GOAWAY: Final = 0x07
MAX_PUSH_ID: Final = 0x0D
#: RFC 9218 section 7.2.
PRIORITY_UPDATE: Final = 0xF0700
PRIORITY_UPDATE_PUSH: Final = 0xF0701

FRAME_NAMES: Final[dict[int, str]] = {
    DATA: "DATA",
    HEADERS: "HEADERS",
    CANCEL_PUSH: "CANCEL_PUSH",
    SETTINGS: "SETTINGS",
    PUSH_PROMISE: "PUSH_PROMISE",
    GOAWAY: "GOAWAY",
    MAX_PUSH_ID: "MAX_PUSH_ID",
    PRIORITY_UPDATE: "PRIORITY_UPDATE",
    PRIORITY_UPDATE_PUSH: "PRIORITY_UPDATE",
}
#: HTTP/2 types, which "MUST NOT be sent" (RFC 9114 section 7.2.8): PRIORITY, PING, WINDOW_UPDATE,
#: CONTINUATION.
FRAMES_OF_HTTP2: Final = frozenset((0x02, 0x06, 0x08, 0x09))

# --- unidirectional streams (RFC 9114 section 6.2, RFC 9204 section 4.2)
CONTROL_STREAM: Final = 0x00
PUSH_STREAM: Final = 0x01
QPACK_ENCODER_STREAM: Final = 0x02
QPACK_DECODER_STREAM: Final = 0x03

STREAM_NAMES: Final[dict[int, str]] = {
    CONTROL_STREAM: "control",
    PUSH_STREAM: "push",
    QPACK_ENCODER_STREAM: "QPACK encoder",
    QPACK_DECODER_STREAM: "QPACK decoder",
}

# --- settings (RFC 9114 section 7.2.4.1, RFC 9204 section 5, RFC 9220, RFC 9297)
QPACK_MAX_TABLE_CAPACITY: Final = 0x01
MAX_FIELD_SECTION_SIZE: Final = 0x06
QPACK_BLOCKED_STREAMS: Final = 0x07
ENABLE_CONNECT_PROTOCOL: Final = 0x08
H3_DATAGRAM: Final = 0x33

SETTING_NAMES: Final[dict[int, str]] = {
    QPACK_MAX_TABLE_CAPACITY: "SETTINGS_QPACK_MAX_TABLE_CAPACITY",
    MAX_FIELD_SECTION_SIZE: "SETTINGS_MAX_FIELD_SECTION_SIZE",
    QPACK_BLOCKED_STREAMS: "SETTINGS_QPACK_BLOCKED_STREAMS",
    ENABLE_CONNECT_PROTOCOL: "SETTINGS_ENABLE_CONNECT_PROTOCOL",
    H3_DATAGRAM: "SETTINGS_H3_DATAGRAM",
}
#: RFC 9114 section 7.2.4.1: HTTP/2 settings without a counterpart.
SETTINGS_OF_HTTP2: Final = frozenset((0x00, 0x02, 0x03, 0x04, 0x05))

#: The largest value of a variable-length integer (RFC 9000 section 16).
MAXIMUM_INTEGER: Final = 2**62 - 1
#: The largest stream that a client can open for requests (RFC 9000 section 2.1).
MAXIMUM_REQUEST_STREAM: Final = 2**62 - 4


class ErrorCode(enum.IntEnum):
    """The error codes of RFC 9114 section 8.1 and RFC 9204 section 6."""

    H3_NO_ERROR = 0x0100
    H3_GENERAL_PROTOCOL_ERROR = 0x0101
    H3_INTERNAL_ERROR = 0x0102
    H3_STREAM_CREATION_ERROR = 0x0103
    H3_CLOSED_CRITICAL_STREAM = 0x0104
    H3_FRAME_UNEXPECTED = 0x0105
    H3_FRAME_ERROR = 0x0106
    H3_EXCESSIVE_LOAD = 0x0107
    H3_ID_ERROR = 0x0108
    H3_SETTINGS_ERROR = 0x0109
    H3_MISSING_SETTINGS = 0x010A
    H3_REQUEST_REJECTED = 0x010B
    H3_REQUEST_CANCELLED = 0x010C
    H3_REQUEST_INCOMPLETE = 0x010D
    H3_MESSAGE_ERROR = 0x010E
    H3_CONNECT_ERROR = 0x010F
    H3_VERSION_FALLBACK = 0x0110
    QPACK_DECOMPRESSION_FAILED = 0x0200
    QPACK_ENCODER_STREAM_ERROR = 0x0201
    QPACK_DECODER_STREAM_ERROR = 0x0202


def error_name(code: int) -> str:
    """The RFC's name of an error code, or its number."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return f"0x{code:x}"
