"""The registries of RFC 9113 (and 7838, 8336, 8441, 9218): only codes, names and constants.

Frame types, flags and settings are plain ints, because they are compared in the frame loop;
tables give their names for printing.
"""

from __future__ import annotations

import enum
from typing import Final

#: RFC 9113 section 3.4.
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

FRAME_HEADER_SIZE: Final = 9
#: RFC 9113 section 6.5.2: the smallest and initial, and the largest SETTINGS_MAX_FRAME_SIZE.
MINIMUM_MAX_FRAME_SIZE: Final = 16_384
MAXIMUM_MAX_FRAME_SIZE: Final = 16_777_215
#: RFC 9113 section 6.9.2.
INITIAL_WINDOW_SIZE: Final = 65_535
#: RFC 9113 section 6.9.1: a window never exceeds this.
MAXIMUM_WINDOW_SIZE: Final = 2**31 - 1
#: RFC 9113 section 5.1.1: 31 bits.
MAXIMUM_STREAM_ID: Final = 2**31 - 1
#: RFC 9113 section 6.5.2.
INITIAL_HEADER_TABLE_SIZE: Final = 4_096

# Frame types: RFC 9113 section 6; ALTSVC RFC 7838, ORIGIN RFC 8336, PRIORITY_UPDATE RFC 9218.
DATA: Final = 0x00
HEADERS: Final = 0x01
PRIORITY: Final = 0x02
RST_STREAM: Final = 0x03
SETTINGS: Final = 0x04
PUSH_PROMISE: Final = 0x05
PING: Final = 0x06
GOAWAY: Final = 0x07
WINDOW_UPDATE: Final = 0x08
CONTINUATION: Final = 0x09
ALTSVC: Final = 0x0A
ORIGIN: Final = 0x0C
PRIORITY_UPDATE: Final = 0x10

FRAME_NAMES: Final[dict[int, str]] = {
    DATA: "DATA",
    HEADERS: "HEADERS",
    PRIORITY: "PRIORITY",
    RST_STREAM: "RST_STREAM",
    SETTINGS: "SETTINGS",
    PUSH_PROMISE: "PUSH_PROMISE",
    PING: "PING",
    GOAWAY: "GOAWAY",
    WINDOW_UPDATE: "WINDOW_UPDATE",
    CONTINUATION: "CONTINUATION",
    ALTSVC: "ALTSVC",
    ORIGIN: "ORIGIN",
    PRIORITY_UPDATE: "PRIORITY_UPDATE",
}

# Flags.  ACK and END_STREAM share a bit: which it is depends on the frame type.
END_STREAM: Final = 0x01
ACK: Final = 0x01
END_HEADERS: Final = 0x04
PADDED: Final = 0x08
PRIORITY_FLAG: Final = 0x20

# Settings: RFC 9113 section 6.5.2; RFC 8441 section 3; RFC 9218 section 2.1.
SETTINGS_HEADER_TABLE_SIZE: Final = 0x01
SETTINGS_ENABLE_PUSH: Final = 0x02
SETTINGS_MAX_CONCURRENT_STREAMS: Final = 0x03
SETTINGS_INITIAL_WINDOW_SIZE: Final = 0x04
SETTINGS_MAX_FRAME_SIZE: Final = 0x05
SETTINGS_MAX_HEADER_LIST_SIZE: Final = 0x06
SETTINGS_ENABLE_CONNECT_PROTOCOL: Final = 0x08
SETTINGS_NO_RFC7540_PRIORITIES: Final = 0x09

SETTING_NAMES: Final[dict[int, str]] = {
    SETTINGS_HEADER_TABLE_SIZE: "SETTINGS_HEADER_TABLE_SIZE",
    SETTINGS_ENABLE_PUSH: "SETTINGS_ENABLE_PUSH",
    SETTINGS_MAX_CONCURRENT_STREAMS: "SETTINGS_MAX_CONCURRENT_STREAMS",
    SETTINGS_INITIAL_WINDOW_SIZE: "SETTINGS_INITIAL_WINDOW_SIZE",
    SETTINGS_MAX_FRAME_SIZE: "SETTINGS_MAX_FRAME_SIZE",
    SETTINGS_MAX_HEADER_LIST_SIZE: "SETTINGS_MAX_HEADER_LIST_SIZE",
    SETTINGS_ENABLE_CONNECT_PROTOCOL: "SETTINGS_ENABLE_CONNECT_PROTOCOL",
    SETTINGS_NO_RFC7540_PRIORITIES: "SETTINGS_NO_RFC7540_PRIORITIES",
}


class ErrorCode(enum.IntEnum):
    """The error codes of RFC 9113 section 7."""

    NO_ERROR = 0x00
    PROTOCOL_ERROR = 0x01
    INTERNAL_ERROR = 0x02
    FLOW_CONTROL_ERROR = 0x03
    SETTINGS_TIMEOUT = 0x04
    STREAM_CLOSED = 0x05
    FRAME_SIZE_ERROR = 0x06
    REFUSED_STREAM = 0x07
    CANCEL = 0x08
    COMPRESSION_ERROR = 0x09
    CONNECT_ERROR = 0x0A
    ENHANCE_YOUR_CALM = 0x0B
    INADEQUATE_SECURITY = 0x0C
    HTTP_1_1_REQUIRED = 0x0D


def error_name(code: int) -> str:
    """The name of an error code, or ``UNKNOWN`` (RFC 9113 section 7: unknown codes are legal)."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return "UNKNOWN"
