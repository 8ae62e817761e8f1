"""How much of everything a client may use, and why the bound is what it is.

Contract: as :mod:`h2static.http2.limits`.  What holds for every protocol comes from
:mod:`h2static.http.limits`.
"""

from __future__ import annotations

from dataclasses import dataclass

from h2static.http import limits


@dataclass(slots=True, kw_only=True, frozen=True)
class Limits:
    """Bounds of one connection.  Times are seconds, sizes octets."""

    # --- header section (RFC 9112 sections 2.2, 3 and 5)
    #: Request line: RFC 9112 section 3 recommends at least 8000.
    request_line: int = 16_384
    #: Request line and field lines together.
    header_section: int = limits.MAX_FIELD_SECTION
    #: Field lines of a header section, and of a trailer section.
    fields: int = limits.MAX_FIELDS
    #: Empty lines before a request (RFC 9112 section 2.2: at least one should be ignored).
    empty_lines: int = 4
    #: From accept, or from a request's first octet, to the end of its header section (slowloris).
    header_seconds: float = limits.HEADER_SECONDS
    #: The same when the server drains: what a client was going to ask on a new connection, or has
    #: begun to ask, is on its way, and it would not ask it again.
    last_word_seconds: float = 1.0

    # --- pipelining (RFC 9112 section 9.3.2)
    #: Octets of further requests that may wait while one is answered; then reading stops.
    pipelined: int = 65_536
    #: Requests answered in one turn, so that other connections have theirs.
    requests_per_turn: int = 32

    # --- content
    #: Content that nobody wants is read and thrown away up to here, to keep the connection; larger
    #: content ends it (RFC 9112 section 9.3).
    discarded_content: int = limits.DISCARDED_CONTENT
    #: Lines of chunks read in one turn, so that other connections have theirs: chunks of one octet
    #: would make 64 KiB cost a hundred times as much as one chunk does.
    chunk_lines_per_turn: int = 512
    #: One chunk-size line with its extensions.
    chunk_line: int = 256
    #: All chunk extensions of one request: they carry nothing that anybody here reads.
    chunk_extensions: int = 4_096
    #: The trailer section of one request.
    trailer_section: int = 8_192
    #: Content must arrive with ``stall_octets`` in each of these periods.
    content_seconds: float = limits.CONTENT_SECONDS

    # --- output
    #: Octets waiting for the socket above which nothing more is read from the peer.
    output_mark: int = limits.OUTPUT_MARK
    #: A response waits for the client to read at most this long.
    stall_seconds: float = limits.STALL_SECONDS
    stall_octets: int = limits.STALL_OCTETS

    # --- time
    #: Between two requests.
    idle_seconds: float = limits.IDLE_SECONDS
