"""Limits that apply to every protocol, each defined once, with its reason.

Contract: engines use these as the defaults of their own limits, which tests and embedders can
change.  Times are in seconds, sizes in octets.
"""

from __future__ import annotations

from typing import Final

#: Fields in one section; more are answered with 431 (RFC 6585 section 5).  Browsers send about a
#: dozen, proxies a few more; each cookie crumb counts as a field (CVE-2026-49975).
MAX_FIELDS: Final = 256
#: Octets of a field section: as much as common servers accept, and enough for the largest cookies.
MAX_FIELD_SECTION: Final = 65_536
#: From the first octet of a header section to its last.
HEADER_SECONDS: Final = 10.0
#: A body waits at most this long for its reader, unless the reader takes at least ``STALL_OCTETS``.
STALL_SECONDS: Final = 60.0
STALL_OCTETS: Final = 4_096
#: Unwanted content is read and discarded up to this size, so that the client can read its response;
#: then the stream is reset or the connection closed.
DISCARDED_CONTENT: Final = 1_048_576
#: At least ``STALL_OCTETS`` of content must arrive in each period of this length.
CONTENT_SECONDS: Final = 60.0
#: A client that has ended its side of the connection is waited for this long by applications that
#: want to know when it is gone: most such clients are.
DEPARTED_SECONDS: Final = 1.0
#: Time without a request; nghttpx uses three minutes.
IDLE_SECONDS: Final = 180.0
#: With more octets than this waiting for the socket, nothing is read from the peer (as in h2o).
OUTPUT_MARK: Final = 524_288
#: Octets that all sinks of a worker may hold without returning credit.  Below this limit an unread
#: stream blocks only itself; above it, also its connection.
HELD_CONTENT: Final = 67_108_864
#: Proxies between a client and this server whose entries are read: a longer list is not a real
#: chain but an attack.
FORWARDED_HOPS: Final = 32
