"""Values of settings (RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1).

Contract: :func:`check_setting` raises for a value that its setting forbids and accepts settings
that nobody knows, which are to be ignored; :func:`announced` is what our own SETTINGS frame holds.
"""

from __future__ import annotations

from typing import Final

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.service import ServerSettings

#: Setting -> smallest value, largest value, code when it is outside.
RULES: Final[dict[int, tuple[int, int, ErrorCode]]] = {
    # "Any value other than 0 or 1 MUST be treated as a connection error of type PROTOCOL_ERROR".
    r.SETTINGS_ENABLE_PUSH: (0, 1, ErrorCode.PROTOCOL_ERROR),
    # "Values above the maximum flow-control window size of 2^31-1 MUST be treated as a connection
    # error of type FLOW_CONTROL_ERROR".
    r.SETTINGS_INITIAL_WINDOW_SIZE: (0, r.MAXIMUM_WINDOW_SIZE, ErrorCode.FLOW_CONTROL_ERROR),
    # "Values outside this range MUST be treated as a connection error of type PROTOCOL_ERROR".
    r.SETTINGS_MAX_FRAME_SIZE: (
        r.MINIMUM_MAX_FRAME_SIZE,
        r.MAXIMUM_MAX_FRAME_SIZE,
        ErrorCode.PROTOCOL_ERROR,
    ),
    # RFC 8441: "The value of the parameter MUST be 0 or 1".
    r.SETTINGS_ENABLE_CONNECT_PROTOCOL: (0, 1, ErrorCode.PROTOCOL_ERROR),
    # RFC 9218: "any value other than 0 or 1 MUST be treated as a connection error of type
    # PROTOCOL_ERROR".
    r.SETTINGS_NO_RFC7540_PRIORITIES: (0, 1, ErrorCode.PROTOCOL_ERROR),
}


def check_setting(identifier: int, value: int) -> None:
    """Raise :class:`ConnectionViolation` if ``value`` is not legal for ``identifier``."""
    rule = RULES.get(identifier)
    if rule is None:
        return
    smallest, largest, code = rule
    if not smallest <= value <= largest:
        name = r.SETTING_NAMES[identifier]
        raise ConnectionViolation(code, f"SETTINGS: {name} of {value}")


def announced(settings: ServerSettings, limits: Limits) -> tuple[tuple[int, int], ...]:
    """The entries of the SETTINGS frame that our preface is (RFC 9113 section 3.4)."""
    entries = [
        (r.SETTINGS_MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams),
        (r.SETTINGS_MAX_HEADER_LIST_SIZE, limits.soft_list_size),
        # RFC 9218 section 2.1: RFC 7540 priorities are ignored here.
        (r.SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    if settings.header_table_size is not None:
        entries.append((r.SETTINGS_HEADER_TABLE_SIZE, settings.header_table_size))
    if settings.initial_window_size is not None:
        entries.append((r.SETTINGS_INITIAL_WINDOW_SIZE, settings.initial_window_size))
    return tuple(entries)
