"""Every quantity that a client controls, its limit, and the reason for it.

Contract: as :mod:`h2static.http2.limits`.  Limits that apply to every protocol come from
:mod:`h2static.http.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Limits of one connection.  Times are in seconds, sizes in octets."""

    # --- header section (RFC 9112 sections 2.2, 3 and 5)
    #: Request line: RFC 9112 section 3 recommends at least 8000.
    request_line: int = 16_384
    #: Request line and field lines together.
    header_section: int = limits.MAX_FIELD_SECTION
    #: Field lines in a header section, and in a trailer section.
    fields: int = limits.MAX_FIELDS
    #: Empty lines before a request (RFC 9112 section 2.2: at least one should be ignored).
    empty_lines: int = 4
    #: From accept, or from a request's first octet, to the end of its header section (slowloris).
    header_seconds: float = limits.HEADER_SECONDS
    #: The same while the server drains: a request on a new connection, or one that has begun to
    #: arrive, is still accepted, because the client would not repeat it.
    last_word_seconds: float = 1.0

    # --- pipelining (RFC 9112 section 9.3.2)
    #: Octets of further requests that may wait while one is being answered; then reading stops.
    pipelined: int = 65_536
    #: Requests answered in one turn, so that other connections get theirs.
    requests_per_turn: int = 32

    # --- content
    #: Unwanted content is read and discarded up to this size, to keep the connection; larger
    #: content ends it (RFC 9112 section 9.3).
    discarded_content: int = limits.DISCARDED_CONTENT
    #: Chunk lines read in one turn, so that other connections get theirs: with chunks of one octet,
    #: 64 KiB cost a hundred times as much as in a single chunk.
    chunk_lines_per_turn: int = 512
    #: One chunk-size line with its extensions.
    chunk_line: int = 256
    #: All chunk extensions of one request, which the server ignores.
    chunk_extensions: int = 4_096
    #: The trailer section of one request.
    trailer_section: int = 8_192
    #: At least ``stall_octets`` of content must arrive in each period of this length.
    content_seconds: float = limits.CONTENT_SECONDS

    # --- output
    #: With more octets than this waiting for the socket, nothing is read from the peer.
    output_mark: int = limits.OUTPUT_MARK
    #: A response waits for the client to read at most this long.
    stall_seconds: float = limits.STALL_SECONDS
    stall_octets: int = limits.STALL_OCTETS

    # --- time
    #: From a request to the end of the exchange if the client has ended its side of the connection
    #: and the application wants to know when it is gone: most such clients are.
    departed_seconds: float = limits.DEPARTED_SECONDS
    #: Between two requests.
    idle_seconds: float = limits.IDLE_SECONDS
