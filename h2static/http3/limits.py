"""Every quantity that a peer controls, its bound, and why the bound is what it is.

Contract: as :mod:`h2static.http2.limits`, with the same names for the same things.  What holds for
every protocol comes from :mod:`h2static.http.limits`.  Bounds of QUIC itself that no stream shows
(paths, connection ids, CRYPTO octets, ranges of acknowledgements) are the library's.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits as shared


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Bounds of one connection.  Times are seconds, sizes octets."""

    # --- field sections (RFC 9114 section 4.2.2)
    #: A field section's octets before it is decoded: longer ones are answered with 431 and skipped.
    header_block_size: int = 131_072
    #: Fields, and their size as section 4.2.2 counts it: beyond it the answer is 431.  The size is
    #: what we announce (SETTINGS_MAX_FIELD_SECTION_SIZE).
    soft_fields: int = shared.MAX_FIELDS
    soft_list_size: int = shared.MAX_FIELD_SECTION
    #: From a stream's first octet to the end of its field section (slowloris).
    header_block_seconds: float = shared.HEADER_SECONDS

    # --- control streams
    #: Any frame of a control stream: SETTINGS have some ten entries, PRIORITY_UPDATE has a short
    #: field value.
    control_frame: int = 4_096
    #: Unidirectional streams of the client that may be open.  Three are HTTP/3's own; browsers
    #: open some of reserved types in addition (section 6.2.3).
    unidirectional_streams: int = 16
    #: PRIORITY_UPDATE for streams that are not open yet (RFC 9218 section 7: bounded).
    pending_priorities: int = 100

    # --- rates: (burst, refill per second)
    #: Streams that the peer resets or stops, or that we reset for an error (CVE-2023-44487).
    resets_burst: int = 1_000
    resets_rate: float = 100.0
    #: Frames that ask for nothing: unknown types, empty DATA, PRIORITY_UPDATE, sections that are
    #: too large.
    glitches_burst: int = 10_000
    glitches_rate: float = 330.0
    #: A field section over a soft limit is dear to decode: it costs this many glitches.
    oversized_section_glitches: int = 100
    #: DATA frames with less than this many octets are glitches.
    tiny_data: int = 64

    # --- output
    #: What one turn of a connection may produce before others have theirs.
    turn_output: int = 131_072
    #: A body waits for credit at most this long without ``stall_octets`` of progress.
    stall_seconds: float = shared.STALL_SECONDS
    stall_octets: int = shared.STALL_OCTETS

    # --- request content
    #: What a client may send on a stream, and on all of them, before anything of it was taken.
    stream_window: int = 65_536
    connection_window: int = 65_536
    #: What both grow to while content is taken, as for HTTP/2.  Whoever takes nothing never gets
    #: more than the initial size.
    upload_window: int = 245_760
    #: Content that nobody wants is read and thrown away up to here, then STOP_SENDING
    #: (section 4.1).
    discarded_content: int = shared.DISCARDED_CONTENT
    #: Content must arrive with ``stall_octets`` in each of these periods.
    content_seconds: float = shared.CONTENT_SECONDS

    # --- tunnels (RFC 9220)
    #: From the end of what we send to that of what the client sends.
    tunnel_linger_seconds: float = 1.0

    # --- time
    #: From the first datagram to the end of the handshake and of the client's SETTINGS.
    preface_seconds: float = shared.HEADER_SECONDS
    #: Without a request.
    idle_seconds: float = shared.IDLE_SECONDS
    #: Between two looks at the deadlines of a connection on which something is going on.
    check_seconds: float = 0.5
    #: From the last acknowledgment, when all requests are finished and the connection is to end:
    #: whoever hears nothing for so long is gone without a word, and must not hold up a stop.
    farewell_seconds: float = 3.0
    #: Between the two GOAWAY frames of a shutdown, unless a round trip is over earlier.
    shutdown_round_trip_seconds: float = 1.0
