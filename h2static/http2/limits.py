"""Every quantity that a peer controls, its limit, and the reason for it.

Contract: each limit here is enforced from the first octet, and has a test that exceeds it and one
with heavy legal traffic below it.  A limit that is too tight is also a bug: each default is above
what legitimate clients have been seen to do.

Strategy: there are two kinds.  Plain limits are numbers.  Rates are token buckets
(:class:`h2static.http.budget.Budget`) with two stages: with a quarter left, the connection is asked
to leave (GOAWAY, streams finish); with nothing left, it is closed with ENHANCE_YOUR_CALM.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits as shared
from h2static.http2.registry import MINIMUM_MAX_FRAME_SIZE


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Limits of one connection.  Times are in seconds, sizes in octets."""

    # --- header blocks and field sections (RFC 9113 section 10.5.1)
    #: The largest accepted frame payload; SETTINGS_MAX_FRAME_SIZE stays at its initial value, which
    #: limits how much one peer can make us buffer.
    max_frame_size: int = MINIMUM_MAX_FRAME_SIZE
    #: An encoded header block: twice the soft list size, so that a field section that is merely too
    #: large still gets a 431.
    header_block_size: int = 131_072
    #: Frames in one header block: nghttp2 allows 8, Envoy 512; the block size above needs 9.  Empty
    #: CONTINUATION frames count (CVE-2026-33871).
    header_block_frames: int = 32
    #: Fields (each cookie crumb counts, CVE-2026-49975): beyond ``soft`` the answer is 431 and the
    #: dynamic table stays in sync; beyond ``hard`` the connection ends.
    soft_fields: int = shared.MAX_FIELDS
    hard_fields: int = 1_000
    #: Size as in RFC 9113 section 6.5.2 (names + values + 32 each); ``soft`` is announced.
    soft_list_size: int = shared.MAX_FIELD_SECTION
    hard_list_size: int = 262_144
    #: From the first octet of a header block to its END_HEADERS; also for any other frame except
    #: DATA, which gets ``content_seconds``.
    header_block_seconds: float = shared.HEADER_SECONDS

    # --- streams (RFC 9113 section 5.1.2)
    #: Skipped stream IDs remembered to tell "idle" from "closed"; legitimate clients skip once.
    idle_gaps: int = 16
    #: Streams that we reset, whose late frames must be ignored (RFC 9113 section 5.1).
    reset_streams_remembered: int = 128
    #: PRIORITY_UPDATE for streams that are not open yet (RFC 9218 section 7.1: bounded).
    pending_priorities: int = 100
    #: Open pushed streams, even if the client allows more: each holds its response, and they do not
    #: count against the client's own streams.
    promised_streams: int = 100
    #: Entries of one SETTINGS frame (CVE-2020-11080); eight settings exist.
    settings_entries: int = 32

    # --- rates: (burst, refill per second)
    #: RST_STREAM frames from the peer, whatever the state of their streams, and streams that we
    #: reset for an error (CVE-2023-44487, CVE-2025-8671). Browsers reset a page's worth (about a
    #: hundred) on navigation, and often with hot reload.
    resets_burst: int = 1_000
    resets_rate: float = 100.0
    #: Useless frames: PING, SETTINGS, PRIORITY, unknown types, empty DATA, ignored
    #: frames, field sections over a soft limit.  nghttp2's figures of 2026.
    glitches_burst: int = 10_000
    glitches_rate: float = 330.0
    #: A field section over a soft limit is expensive to decode: it costs this many glitches.
    oversized_section_glitches: int = 100
    #: More WINDOW_UPDATE frames than two for each DATA frame sent, plus a free allowance, are
    #: glitches (Envoy's rule); each request and each DATA frame sent adds to the allowance.
    window_updates_free: int = 100
    window_updates_per_data: int = 2
    #: DATA frames with fewer octets than this are glitches (RUSTSEC-2026-0258), unless our own
    #: window forces them; 200-octet gRPC messages are not.
    tiny_data: int = 64

    # --- output
    #: With more octets than this waiting for the socket, nothing is read from the peer (as in h2o).
    output_mark: int = shared.OUTPUT_MARK
    #: Output that one turn of a connection may produce before others get theirs.
    turn_output: int = 524_288
    #: Prepared responses that a service keeps by request while no file changes; each holds at most
    #: what the application's memories hold anyway.
    recalled_responses: int = 32_768
    #: A body waits for windows at most this long without ``stall_octets`` of progress (or its
    #: remainder, if that is less); WINDOW_UPDATE alone does not extend the time (the "hold" of
    #: HTTP/2 Bomb).  While its own window is open, progress of other streams counts: it may not be
    #: its turn.
    stall_seconds: float = shared.STALL_SECONDS
    stall_octets: int = shared.STALL_OCTETS

    # --- request content
    #: Unwanted content is read and discarded up to this size, then RST_STREAM NO_ERROR (RFC 9113
    #: section 8.1).
    discarded_content: int = shared.DISCARDED_CONTENT
    #: At least ``stall_octets`` of content must arrive in each period of this length.
    content_seconds: float = shared.CONTENT_SECONDS

    # --- content that is consumed

    #: The windows of a stream and its connection grow to this size while content is consumed: with
    #: the initial size, a large upload waits for a round trip every 32 KiB.  If nothing is
    #: consumed, they keep their initial size; the content held for all streams of a worker has its
    #: own limit. Unused if the operator has set a window.
    upload_window: int = 262_144

    # --- tunnels (RFC 8441)
    #: Largest window of a tunnel and its connection: in a window of the initial size, messages of
    #: 64 KiB would wait for credit twice.  Unused if the operator has set a window.
    tunnel_window: int = 262_144
    #: From the end of our direction to the end of the client's: we no longer read it, but clients
    #: may mistake an immediate reset for a failure.
    tunnel_linger_seconds: float = 1.0

    # --- time
    #: From accept to the end of the client's preface and first SETTINGS (CVE-2026-56853).
    preface_seconds: float = shared.HEADER_SECONDS
    #: Time to acknowledge SETTINGS (RFC 9113 section 6.5.3), as in nghttpd.
    settings_ack_seconds: float = 10.0
    #: From a request to the end of the connection if the client has ended its side and an
    #: application wants to know when it is gone: most such clients are.
    departed_seconds: float = shared.DEPARTED_SECONDS
    #: Time without an open stream; nghttpx uses three minutes.
    idle_seconds: float = shared.IDLE_SECONDS
    #: Between two checks of the deadlines of an active connection, so a missed deadline is noticed
    #: at most this much later.
    check_seconds: float = 0.5
    #: Between the two GOAWAY frames of a shutdown, unless the PING is answered earlier.
    shutdown_round_trip_seconds: float = 1.0
