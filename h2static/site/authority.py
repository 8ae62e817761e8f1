"""The authority of a request (RFC 9110 section 7.2, RFC 9113 section 8.3.1).

Contract: says whether the authority that a request names is one that a client may send.  Which
host it names does not matter: there is one site, and no answer repeats the name.
"""

from __future__ import annotations

import re

from h2static.http.messages import Request

#: RFC 3986 section 3.2.2 without userinfo, which RFC 9113 section 8.3.1 forbids.
_AUTHORITY = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|\[v[0-9A-Fa-f]+\.[!$&'()*+,;=:\w.~-]+\]"
    rb"|(?:[!$&'()*+,;=\w.~-]|%[0-9A-Fa-f]{2})+)"
    rb"(?::(?P<port>[0-9]{0,5}))?",
    re.ASCII,
)
#: DNS names end at 253 octets (RFC 1035); percent-encoding and a port make them longer.
MAX_AUTHORITY = 1024


def authority_is_valid(request: Request) -> bool:
    """Whether ``request`` names one well-formed authority."""
    authority = request.authority
    # RFC 9112 section 3.2: "MUST respond with a 400 (Bad Request) status code to any HTTP/1.1
    # request message that lacks a Host header field and to any request message that contains more
    # than one Host header field line or a Host header field with an invalid field value".
    if len(authority) > MAX_AUTHORITY:
        return False
    match = _AUTHORITY.fullmatch(authority)
    if match is None or (match["port"] and int(match["port"]) > 65535):
        return False
    hosts = [value for name, value in request.fields if name == b"host"]
    # RFC 9113 section 8.3.1: a server "SHOULD treat a request as malformed if it contains a Host
    # header field that identifies an entity that differs from the entity in the ":authority"".
    return len(hosts) <= 1 and all(host.lower() == authority.lower() for host in hosts)
