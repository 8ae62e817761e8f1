"""Settings of both ends (RFC 9113 section 6.5, RFC 8441 section 3, RFC 9218 section 2.1).

Contract: :class:`LocalSettings` is the configuration of this end, :func:`announced` its SETTINGS
frame.  :class:`PeerSettings` holds and checks the settings received from the other end.  Unknown
settings are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.windows import ReceiveWindow

#: Setting -> smallest value, largest value, error code for other values.
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


@dataclass(slots=True, kw_only=True, frozen=True)
class LocalSettings:
    """The configuration of this end, including the related command-line options."""

    #: Our SETTINGS_HEADER_TABLE_SIZE in octets; ``None``: not sent.
    header_table_size: int | None = None
    #: A size announced before that one in the same frame, as if the table had been made smaller in
    #: between (RFC 7541 section 4.2); ``None``: none is.
    passing_header_table_size: int | None = None
    #: The encoder's table is the smaller of this and what the peer allows.
    encoder_header_table_size: int = r.INITIAL_HEADER_TABLE_SIZE
    #: Streams that the peer may have open; for a client this limits promised streams.
    max_concurrent_streams: int = 100
    #: Our SETTINGS_INITIAL_WINDOW_SIZE in octets; ``None``: not sent; 0: opened by WINDOW_UPDATE
    #: for each accepted request.
    initial_window_size: int | None = None
    connection_window_size: int = r.INITIAL_WINDOW_SIZE
    #: Largest size to which windows of streams and of the connection may grow; 0: they do not grow.
    largest_stream_window: int = 0
    largest_connection_window: int = 0
    #: Streams that a client opens before it knows the server's limit: "It is recommended
    #: that this value be no smaller than 100" (6.5.2).
    assumed_streams: int = 100
    #: Octets of padding added to each HEADERS, DATA and PUSH_PROMISE frame, Pad Length included.
    padding: int = 0
    #: A client's SETTINGS_ENABLE_PUSH; a server sends none.
    enable_push: bool = False
    #: A server's SETTINGS_ENABLE_CONNECT_PROTOCOL (RFC 8441): whether it supports extended CONNECT.
    enable_connect_protocol: bool = False

    @property
    def stream_window_size(self) -> int:
        """The initial size of a stream's window in octets."""
        # An initial window of 0 is opened to the usual size.
        return self.initial_window_size or r.INITIAL_WINDOW_SIZE

    def stream_window(self, left: int) -> ReceiveWindow:
        """The window of a new stream, which currently allows ``left`` octets."""
        return ReceiveWindow(left, self.stream_window_size, most=self.largest_stream_window)


def announced(settings: LocalSettings, limits: Limits, role: Role) -> tuple[tuple[int, int], ...]:
    """The entries of the SETTINGS frame in our preface (RFC 9113 section 3.4)."""
    entries = [
        (r.SETTINGS_MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams),
        (r.SETTINGS_MAX_HEADER_LIST_SIZE, limits.soft_list_size),
        # RFC 9218 section 2.1: RFC 7540 priorities are ignored here.
        (r.SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    if role is Role.CLIENT:
        entries.append((r.SETTINGS_ENABLE_PUSH, int(settings.enable_push)))
    elif settings.enable_connect_protocol:
        entries.append((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1))
    if settings.passing_header_table_size is not None:
        entries.append((r.SETTINGS_HEADER_TABLE_SIZE, settings.passing_header_table_size))
    if settings.header_table_size is not None:
        entries.append((r.SETTINGS_HEADER_TABLE_SIZE, settings.header_table_size))
    if settings.initial_window_size is not None:
        entries.append((r.SETTINGS_INITIAL_WINDOW_SIZE, settings.initial_window_size))
    return tuple(entries)


class PeerSettings:
    """The peer's settings; initial values until they arrive (RFC 9113 section 6.5.2)."""

    __slots__ = (
        "acknowledged",
        "connect_protocol",
        "leaving",
        "max_concurrent_streams",
        "no_rfc7540_priorities",
        "push_enabled",
        "received",
    )

    def __init__(self) -> None:
        #: Whether the first SETTINGS frame has arrived.
        self.received = False
        #: Whether our SETTINGS frame was acknowledged.
        self.acknowledged = False
        #: Whether GOAWAY has arrived: the peer opens, or accepts, no more streams.
        self.leaving = False
        self.push_enabled = True
        #: ``None``: the peer set no limit.
        self.max_concurrent_streams: int | None = None
        #: RFC 8441: whether a server supports extended CONNECT.
        self.connect_protocol = False
        #: ``None`` before the first SETTINGS frame; it cannot change after it.
        self.no_rfc7540_priorities: int | None = None

    def apply(self, identifier: int, value: int, role: Role) -> None:
        """Apply one entry sent by the other end of ``role``.

        SETTINGS_HEADER_TABLE_SIZE and SETTINGS_INITIAL_WINDOW_SIZE are checked here and applied
        by the sender, whose state they change.  Raises :class:`ConnectionViolation`.
        """
        check_setting(identifier, value)
        if identifier == r.SETTINGS_ENABLE_PUSH:
            # "A client MUST treat receipt of a SETTINGS frame with SETTINGS_ENABLE_PUSH set to 1
            # as a connection error of type PROTOCOL_ERROR" (6.5.2).
            if role is Role.CLIENT and value == 1:
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR, "SETTINGS: SETTINGS_ENABLE_PUSH of 1 from a server"
                )
            self.push_enabled = value == 1
        elif identifier == r.SETTINGS_MAX_CONCURRENT_STREAMS:
            self.max_concurrent_streams = value
        elif identifier == r.SETTINGS_ENABLE_CONNECT_PROTOCOL:
            # RFC 8441 section 3: "A sender MUST NOT send a SETTINGS_ENABLE_CONNECT_PROTOCOL
            # parameter with the value of 0 after previously sending a value of 1".
            if self.connect_protocol and value == 0:
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR,
                    "SETTINGS: SETTINGS_ENABLE_CONNECT_PROTOCOL withdrawn",
                )
            self.connect_protocol = value == 1
        elif identifier == r.SETTINGS_NO_RFC7540_PRIORITIES:
            # "The sender MUST NOT change the SETTINGS_NO_RFC7540_PRIORITIES value after the first
            # SETTINGS frame. Receivers that detect a change MUST treat it as a connection error of
            # type PROTOCOL_ERROR" (RFC 9218 section 2.1).
            if self.no_rfc7540_priorities not in (None, value):
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR, "SETTINGS: SETTINGS_NO_RFC7540_PRIORITIES changed"
                )
            self.no_rfc7540_priorities = value

    def acknowledge(self) -> None:
        """The peer has acknowledged our SETTINGS."""
        self.acknowledged = True

    def leave(self) -> None:
        """The peer has sent GOAWAY (section 6.8)."""
        self.leaving = True

    def first_received(self) -> None:
        """A SETTINGS frame was applied as a whole."""
        self.received = True
        if self.no_rfc7540_priorities is None:
            self.no_rfc7540_priorities = 0
