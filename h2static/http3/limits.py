"""Every quantity that a peer controls, its limit, and the reason for it.

Contract: as :mod:`h2static.http2.limits`, with the same names for the same things.  Limits that
apply to every protocol come from :mod:`h2static.http.limits`.  The library sets the limits of QUIC
itself that are not visible on streams (paths, connection IDs, CRYPTO octets, acknowledgment
ranges).
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits as shared


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Limits of one connection.  Times are in seconds, sizes in octets."""

    # --- field sections (RFC 9114 section 4.2.2)
    #: An encoded field section: a longer one is answered with 431 and skipped.
    header_block_size: int = 131_072
    #: Fields, and their size as section 4.2.2 counts it; more are answered with 431.  The size is
    #: announced in SETTINGS_MAX_FIELD_SECTION_SIZE.
    soft_fields: int = shared.MAX_FIELDS
    soft_list_size: int = shared.MAX_FIELD_SECTION
    #: From a stream's first octet to the end of its field section (slowloris).
    header_block_seconds: float = shared.HEADER_SECONDS

    # --- control streams
    #: Any frame on a control stream: SETTINGS have about ten entries, PRIORITY_UPDATE has a short
    #: field value.
    control_frame: int = 4_096
    #: Open unidirectional streams of the client.  HTTP/3 needs three; browsers also open some of
    #: reserved types (section 6.2.3).
    unidirectional_streams: int = 16
    #: PRIORITY_UPDATE for streams that are not open yet (RFC 9218 section 7: bounded).
    pending_priorities: int = 100

    # --- rates: (burst, refill per second)
    #: Streams that the peer resets or stops, or that we reset for an error (CVE-2023-44487).
    resets_burst: int = 1_000
    resets_rate: float = 100.0
    #: Useless frames: unknown types, empty DATA, PRIORITY_UPDATE, field sections that are too
    #: large.
    glitches_burst: int = 10_000
    glitches_rate: float = 330.0
    #: A field section over a soft limit is expensive to decode: it costs this many glitches.
    oversized_section_glitches: int = 100
    #: DATA frames with less than this many octets are glitches.
    tiny_data: int = 64

    # --- output
    #: Output that one turn of a connection may produce before others get theirs.
    turn_output: int = 131_072
    #: A body waits for credit at most this long without ``stall_octets`` of progress.
    stall_seconds: float = shared.STALL_SECONDS
    stall_octets: int = shared.STALL_OCTETS

    # --- request content
    #: What a client may send on a stream, and on all of them, before any of it has been consumed.
    stream_window: int = 65_536
    connection_window: int = 65_536
    #: Both windows grow to this size while content is consumed, as in HTTP/2.  If nothing is
    #: consumed, they keep their initial size.
    upload_window: int = 245_760
    #: Unwanted content is read and discarded up to this size, then STOP_SENDING (section 4.1).
    discarded_content: int = shared.DISCARDED_CONTENT
    #: At least ``stall_octets`` of content must arrive in each period of this length.
    content_seconds: float = shared.CONTENT_SECONDS

    # --- tunnels (RFC 9220)
    #: From the end of our direction to the end of the client's.
    tunnel_linger_seconds: float = 1.0

    # --- time
    #: From the first datagram to the end of the handshake and of the client's SETTINGS.
    preface_seconds: float = shared.HEADER_SECONDS
    #: Time without a request.
    idle_seconds: float = shared.IDLE_SECONDS
    #: Between two checks of the deadlines of an active connection.
    check_seconds: float = 0.5
    #: Since the last acknowledgment, when all requests are finished and the connection is closing:
    #: a client that is silent for this long has vanished, and must not delay a stop.
    farewell_seconds: float = 3.0
    #: Between the two GOAWAY frames of a shutdown, unless a round trip completes earlier.
    shutdown_round_trip_seconds: float = 1.0
