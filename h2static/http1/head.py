"""Strict parsing of a request's header section (RFC 9112 sections 2, 3, 5, 6 and RFC 9110 7).

Contract: :func:`parse_head` takes the octets from the request line to the empty line and returns a
:class:`Head`, or raises :class:`~h2static.http1.errors.BadRequest` with the status to send.  Its
result is unambiguous: no bare CR or LF, no line folding, one Host, one way to find the end of the
content.  Recipients that parse leniently what others parse strictly make request smuggling possible
(RFC 9112 section 11.2); so nothing is repaired here.

Strategy: count forbidden octets in the whole section, then make one pass over the lines to collect
the few fields that HTTP/1.1 itself uses.  Common names are known in advance, in both usual
spellings; only others are checked octet by octet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from h2static.http.grammar import (
    BAD_IN_VALUE,
    CONTENT_LENGTH,
    SCHEME,
    TARGET_OCTETS,
    TOKEN,
    TOKEN_OCTETS,
    is_authority,
)
from h2static.http.messages import Field, Fields, Request
from h2static.http.semantics import SENSITIVE
from h2static.http1.errors import BadRequest
from h2static.http1.limits import Limits

#: RFC 9112 section 3.3: the fixed authority for requests without one.
DEFAULT_AUTHORITY: Final = b"localhost"
#: Value of :attr:`Head.content_length` for chunked content.
CHUNKED: Final = -1

# A fragment is detected below.
_REQUEST_LINE = re.compile(
    rb"([%b]+) ([%b#]+) HTTP/([0-9])\.([0-9])" % (TOKEN_OCTETS, TARGET_OCTETS)
)
# RFC 9110 section 5.5: CR, LF and NUL in a field value are dangerous; other controls are invalid.
CONTROLS: Final = bytes((*range(0x09), *range(0x0A, 0x20), 0x7F))
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_ABSOLUTE = re.compile(rb"(%b)://([^/?#]*)([^#]*)" % SCHEME.pattern)
_SCHEMES: Final = (b"http", b"https")

#: Fields about how this connection carries a message; HTTP/2 does not have them
#: (RFC 9113 section 8.2.2).
CONNECTION_FIELDS: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
#: RFC 9110 section 6.5.1: fields that are "necessary for message framing … routing …" must not
#: come, or be taken, from a trailer section.
NOT_IN_TRAILERS: Final = CONNECTION_FIELDS | {
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"expect",
    b"host",
    b"te",
    b"trailer",
}
#: The meaning of these fields depends on the entrance: whether it offers a protocol.
_PRIVATE: Final = SENSITIVE | {b"upgrade"}
#: Fields that :func:`_sort_fields` collects in addition to the request's own.
_COLLECTED = _PRIVATE | {
    b"connection",
    b"content-length",
    b"expect",
    b"host",
    b"transfer-encoding",
}
#: Fields left out of the request: those of the connection, and Host, which becomes
#: ``Request.authority``.
_NOT_THE_REQUESTS = CONNECTION_FIELDS | {b"host"}
#: All fields that need special treatment.
_SPECIAL = _COLLECTED | _NOT_THE_REQUESTS

_COMMON_NAMES = (
    b"accept", b"accept-charset", b"accept-encoding", b"accept-language", b"authorization",
    b"cache-control", b"connection", b"content-encoding", b"content-length", b"content-type",
    b"cookie", b"date", b"dnt", b"expect", b"forwarded", b"from", b"host", b"if-match",
    b"if-modified-since", b"if-none-match", b"if-range", b"if-unmodified-since", b"keep-alive",
    b"max-forwards", b"origin", b"pragma", b"priority", b"proxy-authorization",
    b"proxy-connection", b"purpose", b"range", b"referer", b"save-data", b"sec-ch-ua",
    b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest", b"sec-fetch-mode",
    b"sec-fetch-site", b"sec-fetch-user", b"sec-gpc", b"te", b"trailer", b"transfer-encoding",
    b"upgrade", b"upgrade-insecure-requests", b"user-agent", b"via", b"x-forwarded-for",
    b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip", b"x-requested-with",
)  # fmt: skip
#: Valid names in the spellings that clients use -> their lower case.
_KNOWN_NAMES: Final = {
    spelling: name for name in _COMMON_NAMES for spelling in (name, name.title(), name.upper())
}


#: Connection options that are not field names, or name fields that are left out anyway.
USUAL_OPTIONS: Final = frozenset((b"close", b"keep-alive", b"upgrade"))
#: RFC 9110 section 7.6.1: "A sender MUST NOT send a connection option corresponding to a field that
#: is intended for all recipients of the content"; these are already processed, or name the target.
_FOR_ALL: Final = frozenset((b"content-length", b"expect", b"host", b"te"))


@dataclass(slots=True, kw_only=True, eq=False)
class Head:
    """A request whose header section is valid."""

    request: Request
    #: Octets of content; 0 if there is none, :data:`CHUNKED` if it is chunked.
    content_length: int
    #: The client waits for 100 (Continue) before it sends content (RFC 9110 section 10.1.1).
    expects_continue: bool
    #: HTTP/1.0: no informational responses, no chunks, persistence only on request.
    old: bool
    #: The client wants to reuse the connection (RFC 9112 section 9.3).
    persistent: bool
    #: There is no content, and the response is framed like any HTTP/1.1 response to GET.
    plain: bool
    #: It has credentials, or asks for another protocol: other connections must not look up the same
    #: octets.
    private: bool


def find_bare_line_end(octets: bytes | bytearray, start: int) -> bool:
    """Whether ``octets`` from ``start`` on contain a bare CR or LF, which no header section may.

    Works before the section is complete, so that the sender is refused without a timeout.  A CR at
    the very end is not judged yet.
    """
    match = _FORBIDDEN.search(octets, start)
    if match is None:
        return False
    return not (match.group() == b"\r" and match.end() == len(octets))


def parse_head(
    section: bytes,
    *,
    secure: bool,
    limits: Limits,
    proxied: bool = False,
    protocols: frozenset[bytes] = frozenset(),
) -> Head:
    """Parse a header section, from the request line to the empty line, both included.

    ``secure``: the connection uses TLS.  ``proxied``: it comes from a trusted proxy, whose own
    client may have used another scheme.  ``protocols``: those the connection may be upgraded to, in
    lower case.  Raises :class:`~h2static.http1.errors.BadRequest`.
    """
    # RFC 9112 section 2.2: "A recipient of such a bare CR MUST consider that element to be
    # invalid [...]".  A bare LF may be taken as a line end there, which would be ambiguous.
    lines = section[:-4].split(b"\r\n")
    # A line end is CR and LF: any other number of control octets means that one stands alone.
    if len(section) - len(section.translate(None, CONTROLS)) != 2 * len(lines) + 2:
        raise BadRequest(400, "control octet, bare CR or bare LF in the header section")
    if len(lines) - 1 > limits.fields:
        raise BadRequest(431, f"more than {limits.fields} field lines")
    method, target, minor = _parse_request_line(lines[0], limits)
    fields, collected = _sort_fields(lines)
    host = _find_host(collected.get(b"host"), minor)
    if target[0] == 0x2F and method != b"CONNECT" and b"#" not in target:  # origin-form
        scheme, authority, path = b"https" if secure else b"http", host, target
    else:
        scheme, authority, path = _parse_target(method, target, host, secure, proxied)
    content_length = 0
    if b"content-length" in collected or b"transfer-encoding" in collected:
        content_length = _find_content_length(collected, minor)
    expects = b"expect" in collected and _find_expectation(collected[b"expect"], minor)
    options = _connection_options(collected.get(b"connection"))
    if len(options) > 1 or (options and options[0] not in USUAL_OPTIONS):
        fields = without_options(fields, options)
    # RFC 9112 section 9.3: "If the 'close' connection option is present …, the connection will not
    # persist"; else HTTP/1.1 persists, and HTTP/1.0 does when "the 'keep-alive' connection option
    # is present".
    persistent = b"close" not in options and (minor > 0 or b"keep-alive" in options)
    head = Head(
        request=Request(
            method=method,
            scheme=scheme,
            authority=authority,
            path=path,
            fields=tuple(fields),
            old=minor == 0,
        ),
        content_length=content_length,
        expects_continue=expects and content_length != 0,
        old=minor == 0,
        persistent=persistent,
        plain=persistent and minor > 0 and not content_length and method != b"HEAD",
        private=not _PRIVATE.isdisjoint(collected),
    )
    if b"upgrade" in collected and b"upgrade" in options and minor and not content_length:
        head.request.protocol = _find_protocol(collected[b"upgrade"], protocols)
        head.plain = head.plain and not head.request.protocol
    return head


def _parse_request_line(line: bytes, limits: Limits) -> tuple[bytes, bytes, int]:
    """Method, request-target and minor version of HTTP/1."""
    # RFC 9112 section 3: "A server that receives a request-target longer than any URI it wishes to
    # parse MUST respond with a 414 (URI Too Long) status code."
    if len(line) > limits.request_line:
        raise BadRequest(414, f"request line longer than {limits.request_line} octets")
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        raise BadRequest(400, "malformed request line")
    method, target, major, minor = match.groups()
    # RFC 9110 section 15.6.6.
    if major != b"1":
        raise BadRequest(505, "major version is not 1")
    return method, target, int(minor)


def parse_field_line(line: bytes) -> Field:
    """Parse a field line without its CRLF: name in lower case, value.

    The caller checks the value for control octets.  Raises
    :class:`~h2static.http1.errors.BadRequest`.
    """
    # RFC 9112 section 5.2: "A server that receives an obs-fold in a request message [...] MUST
    # either reject the message by sending a 400 (Bad Request) [...]".
    if line[:1] in (b" ", b"\t"):
        raise BadRequest(400, "folded field line")
    name, colon, value = line.partition(b":")
    # RFC 9112 section 5.1: "A server MUST reject, with a response status code of 400 (Bad
    # Request), any received request message that contains whitespace between a header field
    # name and colon."
    if not colon or TOKEN.fullmatch(name) is None:
        raise BadRequest(400, "malformed field line")
    return name.lower(), value.strip(b" \t")


def _sort_fields(lines: list[bytes]) -> tuple[list[Field], dict[bytes, list[bytes]]]:
    """The request's own fields, and the values of those in ``_COLLECTED``.

    ``lines``: those of the header section, beginning with the request line.
    """
    fields: list[Field] = []
    collected: dict[bytes, list[bytes]] = {}
    known = _KNOWN_NAMES
    special = _SPECIAL
    own = iter(lines)
    next(own)
    for line in own:
        spelling, colon, value = line.partition(b":")
        name = known.get(spelling)
        if name is None or not colon:
            field = parse_field_line(line)
            name = field[0]
        else:
            field = (name, value.strip(b" \t"))
        if name in special:
            if name in _COLLECTED:
                collected.setdefault(name, []).append(field[1])
            if name in _NOT_THE_REQUESTS:
                continue
        fields.append(field)
    return fields, collected


def parse_trailers(lines: list[bytes], limits: Limits) -> Fields:
    """Parse the lines of a trailer section, without their CRLFs (RFC 9112 section 7.1.2).

    Fields not allowed in trailers are left out (RFC 9110 section 6.5.1).  Raises
    :class:`~h2static.http1.errors.BadRequest`.
    """
    if len(lines) > limits.fields:
        raise BadRequest(431, f"more than {limits.fields} trailer fields")
    fields = []
    for line in lines:
        if BAD_IN_VALUE.search(line) is not None:
            raise BadRequest(400, "control octet in the trailer section")
        field = parse_field_line(line)
        if field[0] not in NOT_IN_TRAILERS:
            fields.append(field)
    return tuple(fields)


def _find_host(hosts: list[bytes] | None, minor: int) -> bytes:
    """The value of Host; :data:`DEFAULT_AUTHORITY` if an HTTP/1.0 client sent none."""
    # RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any
    # HTTP/1.1 request message that lacks a Host header field and to any request message that
    # contains more than one Host header field line or a Host header field with an invalid field
    # value."
    if hosts is None:
        if minor:
            raise BadRequest(400, "no Host field")
        return DEFAULT_AUTHORITY
    if len(hosts) > 1:
        raise BadRequest(400, "more than one Host field")
    if not is_authority(hosts[0]):
        raise BadRequest(400, "invalid Host field")
    return hosts[0]


def _parse_target(
    method: bytes, target: bytes, host: bytes, secure: bool, proxied: bool
) -> tuple[bytes, bytes, bytes]:
    """Scheme, authority and path (RFC 9112 sections 3.2.1 to 3.2.4)."""
    scheme = b"https" if secure else b"http"
    if method == b"CONNECT":
        raise BadRequest(501, "CONNECT: not a proxy")
    if target == b"*":
        if method != b"OPTIONS":
            raise BadRequest(400, "asterisk-form with a method other than OPTIONS")
        return scheme, host, target
    if b"#" in target:
        raise BadRequest(400, "fragment in the request-target")
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise BadRequest(400, "request-target in an unknown form")
    # RFC 9112 section 3.2.2: "When an origin server receives a request with an absolute-form of
    # request-target, the origin server MUST ignore the received Host header field (if any) and
    # instead use the host information of the request-target."
    asked, authority, path = match.groups()
    if not is_authority(authority):
        raise BadRequest(400, "invalid authority in the request-target")
    # RFC 9110 section 7.4: "Unless the connection is from a trusted gateway, an origin server MUST
    # reject a request if any scheme-specific requirements for the target URI are not met."
    asked = asked.lower()
    if asked != scheme and not (proxied and asked in _SCHEMES):
        raise BadRequest(421, "scheme of the request-target does not match the connection")
    scheme = asked
    # RFC 9112 section 3.2.4: OPTIONS without path and query was "*" before a proxy rewrote it.
    if not path and method == b"OPTIONS":
        return scheme, authority, b"*"
    return scheme, authority, path if path.startswith(b"/") else b"/" + path


def _find_content_length(collected: dict[bytes, list[bytes]], minor: int) -> int:
    """The length of the content, or :data:`CHUNKED` (RFC 9112 section 6.3)."""
    codings = collected.get(b"transfer-encoding", [])
    lengths = collected.get(b"content-length", [])
    if codings:
        # RFC 9112 section 6.1: "A server MAY reject a request that contains both Content-Length and
        # Transfer-Encoding"; it "ought to be handled as an error" (section 6.3).
        if lengths:
            raise BadRequest(400, "both Transfer-Encoding and Content-Length")
        # RFC 9112 section 6.1: "A server or client that receives an HTTP/1.0 message containing a
        # Transfer-Encoding header field MUST treat the message as if the framing is faulty".
        if minor == 0:
            raise BadRequest(400, "Transfer-Encoding with HTTP/1.0")
        return _check_codings(b",".join(codings))
    # RFC 9112 section 6.3: "the message framing is invalid and the recipient MUST treat it as an
    # unrecoverable error"; a list of equal values may be rejected as well, and is.
    if len(lengths) > 1 or CONTENT_LENGTH.fullmatch(lengths[0]) is None:
        raise BadRequest(400, "invalid Content-Length")
    return int(lengths[0])


def _check_codings(codings: bytes) -> int:
    """Check that ``chunked`` is the only transfer coding."""
    names = [name.strip(b" \t").lower() for name in codings.split(b",")]
    if names == [b"chunked"]:
        return CHUNKED
    # RFC 9112 section 6.3: "If a Transfer-Encoding header field is present in a request and the
    # chunked transfer coding is not the final encoding, the message body length cannot be
    # determined reliably; the server MUST respond with the 400 (Bad Request) status code".
    # Section 7: "A recipient MUST be able to parse the chunked transfer coding"; it is never
    # applied twice (section 6.1).
    if names[-1] != b"chunked" or names.count(b"chunked") > 1:
        raise BadRequest(400, "chunked is not the final transfer coding, once")
    # RFC 9112 section 6.1: "A server that receives a request message with a transfer coding it does
    # not understand SHOULD respond with 501 (Not Implemented)."
    raise BadRequest(501, "unknown transfer coding")


def _find_expectation(expectations: list[bytes], minor: int) -> bool:
    """Whether the client waits for 100 (Continue)."""
    # RFC 9110 section 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0
    # request MUST ignore that expectation."
    if minor == 0:
        return False
    if b", ".join(expectations).lower() != b"100-continue":
        raise BadRequest(417, "unknown expectation")
    return True


def _find_protocol(values: list[bytes], protocols: frozenset[bytes]) -> bytes:
    """The client's preferred protocol among those offered, in lower case; empty if none.

    RFC 9110 section 7.8: "A server MAY ignore a received Upgrade header field if it wishes to
    continue using the current protocol"; it "MUST ignore an Upgrade header field that is received
    in an HTTP/1.0 request", and a request must be complete before it can be upgraded.  An Upgrade
    field without an "upgrade" connection option was not meant for us.
    """
    wanted = [name.strip(b" \t") for name in b",".join(values).lower().split(b",")]
    return next((name for name in wanted if name in protocols), b"")


def without_options(fields: list[Field], options: Iterable[bytes]) -> list[Field]:
    """``fields`` without those that Connection names.

    RFC 9110 section 7.6.1: "Intermediaries MUST parse a received Connection header field before a
    message is forwarded and, for each connection-option in this field, remove any header or trailer
    field(s) from the message with the same name as the connection-option".
    """
    named = set(options) - _FOR_ALL
    return [field for field in fields if field[0] not in named]


def _connection_options(values: list[bytes] | None) -> tuple[bytes, ...]:
    """The options of the Connection field, in lower case (RFC 9110 section 7.6.1)."""
    if values is None:
        return ()
    if values == [b"keep-alive"]:
        return (b"keep-alive",)
    joined = b",".join(values).lower()
    return tuple(option.strip(b" \t") for option in joined.split(b","))
