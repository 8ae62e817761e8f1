"""Grammar rules of HTTP used in several packages, each defined once (RFC 9110, RFC 3986).

Contract: compiled patterns over octets, for use with ``fullmatch`` unless noted otherwise, and a
few predicates.  Text (configuration, command line) is checked as its Latin-1 octets.
"""

from __future__ import annotations

import re
from typing import Final

#: RFC 9110 section 5.6.2.
TOKEN_OCTETS: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"
TOKEN: Final = re.compile(rb"[%b]+" % TOKEN_OCTETS)
#: RFC 9113 section 8.2.1: a field name without upper case letters.
LOWER_CASE_NAME: Final = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
#: RFC 9110 section 5.5: visible octets, with spaces and tabs only in between; not empty.
FIELD_VALUE: Final = re.compile(
    rb"[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?"
)
#: For use with ``search``.  RFC 9113 section 8.2.1 forbids NUL, CR and LF; the other control
#: characters are invalid by RFC 9110 section 5.5 and would end up in logs.
BAD_IN_VALUE: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
#: Octets of a path with its query, in every protocol version.  RFC 3986 section 3.3 excludes
#: spaces, control characters and the fragment's ``#``.  Octets from 0x80 are allowed: curl and
#: others send file names unencoded.
TARGET_OCTETS: Final = rb"\x21\x22\x24-\x7e\x80-\xff"
#: RFC 9110 section 8.6; a number of 19 digits is below 2**64.
CONTENT_LENGTH: Final = re.compile(rb"[0-9]{1,19}")
#: RFC 3986 section 3.1.
SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+\-.]*")
#: RFC 3986 section 3.2 without userinfo, which RFC 9113 section 8.3.1 forbids.
AUTHORITY: Final = re.compile(
    rb"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|\[v[0-9A-Fa-f]+\.[!$&'()*+,;=:\w.~-]+\]"
    rb"|(?:[!$&'()*+,;=\w.~-]|%[0-9A-Fa-f]{2})+)"
    rb"(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
#: DNS names end at 253 octets (RFC 1035); percent-encoding and a port make them longer.
MAX_AUTHORITY: Final = 1024
MAX_PORT: Final = 65_535


def is_authority(octets: bytes) -> bool:
    """Whether ``octets`` are a host with an optional port (RFC 9110 section 7.2)."""
    if len(octets) > MAX_AUTHORITY:
        return False
    match = AUTHORITY.fullmatch(octets)
    return match is not None and (not match["port"] or int(match["port"]) <= MAX_PORT)
