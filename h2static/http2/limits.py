"""Every quantity that a peer controls, its bound, and why the bound is what it is.

Contract: a named limit here is enforced from the first octet, has a test that crosses it and one
with legal heavy traffic below it.  Too tight is a failure too: each default is above what honest
clients were seen to do.

Strategy: two kinds.  Plain bounds are numbers.  Rates are token buckets
(:class:`h2static.http.budget.Budget`) with two stages: at a quarter left the connection is asked to
leave (GOAWAY, streams finish), at nothing left it is closed with ENHANCE_YOUR_CALM.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits as shared
from h2static.http2.registry import MINIMUM_MAX_FRAME_SIZE


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Bounds of one connection.  Times are seconds, sizes octets."""

    # --- header blocks and field sections (RFC 9113 section 10.5.1)
    #: The largest frame payload accepted; SETTINGS_MAX_FRAME_SIZE is left at its initial value,
    #: which keeps what one peer can make us buffer small.
    max_frame_size: int = MINIMUM_MAX_FRAME_SIZE
    #: A header block's octets before it is decoded: twice the soft list size, so that a field
    #: section that is merely too large still gets its 431.
    header_block_size: int = 131_072
    #: Frames that carry one header block: nghttp2 allows 8, Envoy 512; the block size above needs
    #: 9. Empty CONTINUATION frames count (CVE-2026-33871).
    header_block_frames: int = 32
    #: Fields (cookie crumbs count, CVE-2026-49975): beyond ``soft`` the answer is 431 and the
    #: dynamic table stays right; beyond ``hard`` the connection ends.
    soft_fields: int = shared.MAX_FIELDS
    hard_fields: int = 1_000
    #: RFC 9113 section 6.5.2 size (names + values + 32 each); ``soft`` is what we announce.
    soft_list_size: int = shared.MAX_FIELD_SECTION
    hard_list_size: int = 262_144
    #: From the first octet of a header block to its END_HEADERS; likewise for any other frame but
    #: DATA, which gets ``content_seconds``.
    header_block_seconds: float = shared.HEADER_SECONDS

    # --- streams (RFC 9113 section 5.1.2)
    #: Skipped stream ids are remembered to tell "idle" from "closed"; honest clients skip once.
    idle_gaps: int = 16
    #: Streams that we reset, whose late frames are to be ignored (RFC 9113 section 5.1).
    reset_streams_remembered: int = 128
    #: PRIORITY_UPDATE for streams that are not open yet (RFC 9218 section 7.1: bounded).
    pending_priorities: int = 100
    #: Promised streams that may be open, however many more the client allows: each holds its
    #: response, and none counts against the client's own streams.
    promised_streams: int = 100
    #: Entries of one SETTINGS frame (CVE-2020-11080); eight settings exist.
    settings_entries: int = 32

    # --- rates: (burst, refill per second)
    #: RST_STREAM frames of the peer, whatever their streams have come to, and streams that we reset
    #: for an error (CVE-2023-44487, CVE-2025-8671).
    #: Browsers reset a page's worth (some hundred) on navigation; hot reload does it often.
    resets_burst: int = 1_000
    resets_rate: float = 100.0
    #: Frames that ask for nothing: PING, SETTINGS, PRIORITY, unknown types, empty DATA, ignored
    #: frames, field sections over a soft limit.  nghttp2's figures of 2026.
    glitches_burst: int = 10_000
    glitches_rate: float = 330.0
    #: A field section over a soft limit is dear to decode: it costs this many glitches.
    oversized_section_glitches: int = 100
    #: WINDOW_UPDATE frames beyond two for each DATA frame sent and five a connection are glitches
    #: (Envoy's rule); each request and each DATA frame sent pays in advance.
    window_updates_free: int = 100
    window_updates_per_data: int = 2
    #: DATA frames with less than this many octets are glitches (RUSTSEC-2026-0258), unless our own
    #: window asks for them; 200-octet gRPC messages are not.
    tiny_data: int = 64

    # --- output
    #: Octets waiting for the socket above which nothing more is read from the peer (h2o's mark).
    output_mark: int = shared.OUTPUT_MARK
    #: What one turn of a connection may produce before others have theirs.
    turn_output: int = 524_288
    #: Prepared responses that a service keeps by request while no file changes; each holds at most
    #: what the application's memories hold anyway.
    recalled_responses: int = 8_192
    #: A body waits for windows at most this long without ``stall_octets`` of progress (or its
    #: rest, if that is less); WINDOW_UPDATE alone does not renew it (the "hold" of HTTP/2 Bomb).
    #: While its own window is open, what other streams send counts too: it may not be its turn.
    stall_seconds: float = shared.STALL_SECONDS
    stall_octets: int = shared.STALL_OCTETS

    # --- request content
    #: Content that nobody wants is read and thrown away up to here, then RST_STREAM NO_ERROR
    #: (RFC 9113 section 8.1).
    discarded_content: int = shared.DISCARDED_CONTENT
    #: Content must arrive with ``stall_octets`` in each of these periods.
    content_seconds: float = shared.CONTENT_SECONDS

    # --- content that is taken

    #: What the windows of a stream and of its connection grow to while content is taken: with those
    #: of the initial size a large upload waits for a turn of both ends every 32 KiB.  Whoever takes
    #: nothing never gets more than the initial size, and what is held for all streams of a worker
    #: has a limit of its own.  Not where the operator has set a window.
    upload_window: int = 262_144

    # --- tunnels (RFC 8441)
    #: What a tunnel's window has at its widest, and its connection's: messages of 64 KiB would wait
    #: for credit twice in a window of the initial size.  Not where the operator has set a window.
    tunnel_window: int = 262_144
    #: From the end of what we send to that of what the client sends: nobody listens to it any more,
    #: but clients may take a reset that comes at once for a failure.
    tunnel_linger_seconds: float = 1.0

    # --- time
    #: From accept to the end of the client's preface and first SETTINGS (CVE-2026-56853).
    preface_seconds: float = shared.HEADER_SECONDS
    #: RFC 9113 section 6.5.3, as nghttpd.
    settings_ack_seconds: float = 10.0
    #: Without a stream open; nghttpx uses three minutes.
    idle_seconds: float = shared.IDLE_SECONDS
    #: Between two looks at the deadlines of a connection on which something is going on: what is
    #: late is found out so much later.
    check_seconds: float = 0.5
    #: Between the two GOAWAY frames of a shutdown, unless the PING is answered earlier.
    shutdown_round_trip_seconds: float = 1.0
