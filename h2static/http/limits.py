"""Limits that hold for every protocol, each once, with its reason.

Contract: engines take these as the defaults of their own limits, which tests and embedders can
set.  Times are seconds, sizes octets.
"""

from __future__ import annotations

from typing import Final

#: Fields of one section: beyond this the answer is 431 (RFC 6585 section 5).  Browsers send some
#: dozen, proxies some more; cookie crumbs count (CVE-2026-49975).
MAX_FIELDS: Final = 256
#: Octets of a field section: what common servers take, and enough for the largest cookies.
MAX_FIELD_SECTION: Final = 65_536
#: From the first octet of a header section to its last.
HEADER_SECONDS: Final = 10.0
#: A body waits at most this long for its reader, unless the reader takes at least ``STALL_OCTETS``.
STALL_SECONDS: Final = 60.0
STALL_OCTETS: Final = 4_096
#: Content that nobody wants is read and thrown away up to here, so that the client can read its
#: response; then the stream is reset or the connection closed.
DISCARDED_CONTENT: Final = 1_048_576
#: Content must arrive with ``STALL_OCTETS`` in each of these periods.
CONTENT_SECONDS: Final = 60.0
#: Without a request; nghttpx uses three minutes.
IDLE_SECONDS: Final = 180.0
#: Octets waiting for the socket above which nothing more is read from the peer (h2o's mark).
OUTPUT_MARK: Final = 524_288
#: Octets that all sinks of a worker may have taken and not returned the credit of.  Below it a
#: stream that is not read holds up itself only; above it, its connection as well.
HELD_CONTENT: Final = 67_108_864
#: Proxies between a client and this server whose words are read: more are no chain but a field that
#: somebody has made long.
FORWARDED_HOPS: Final = 32
