"""The header section of a request: strict reading (RFC 9112 sections 2, 3, 5, 6 and RFC 9110 7).

Contract: :func:`parse_head` takes the octets from the request line to the empty line and returns a
:class:`Head`, or raises :class:`BadRequest` with the status that the client is to be told.  What it
returns has one reading only: no bare CR or LF, no line folding, one Host, one way to find the end
of the content.  Recipients that read leniently what another reads strictly make request smuggling
possible (RFC 9112 section 11.2); so nothing is repaired here.

Strategy: one search for forbidden octets over the whole section, then line by line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from h2static.http.messages import Field, Request
from h2static.http1.limits import Limits

#: RFC 9112 section 3.3: a server's fixed authority is that of requests which name none.
DEFAULT_AUTHORITY = b"localhost"
#: What :attr:`Head.content_length` says when the content comes in chunks.
CHUNKED = -1

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_REQUEST_LINE = re.compile(rb"(%b) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])" % _TOKEN)
_FIELD_NAME = re.compile(_TOKEN)
_DIGITS = re.compile(rb"[0-9]{1,18}")
# RFC 9110 section 5.5: CR, LF and NUL in a field value are dangerous; other controls are invalid.
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
# RFC 3986 section 3.2.2 without percent-encoding and IPvFuture: a registered name or IPv4 address,
# or an IP literal; then an optional port.
_HOST = re.compile(
    rb"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9\-._~!$&'()*+,;=]{1,255})(?::[0-9]{0,5})?"
)
_ABSOLUTE = re.compile(rb"(?i:(https?))://([^/?#]*)([^#]*)")
#: Fields that say how this connection carries the message; HTTP/2 has no such fields either
#: (RFC 9113 section 8.2.2), and Host became ``Request.authority``.
_CONNECTION_FIELDS = frozenset(
    (b"host", b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)


#: Statuses that say that a limit was crossed, of time or of length.
STATUSES_OF_LIMITS = (408, 413, 414, 431)


class BadRequest(Exception):
    """A request that is refused with ``status``; ``reason`` is one line for the error log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(slots=True, kw_only=True, eq=False)
class Head:
    """A request whose header section is valid."""

    request: Request
    #: Octets of content; 0 when there is none, :data:`CHUNKED` when chunks tell.
    content_length: int
    #: The client waits for 100 (Continue) before it sends content (RFC 9110 section 10.1.1).
    expects_continue: bool


def find_bare_line_end(octets: bytes | bytearray, start: int) -> bool:
    """Whether ``octets`` from ``start`` on hold what no header section may.

    Found before the section is complete, so that the sender need not run into a deadline.  A CR at
    the very end is not judged yet.
    """
    match = _FORBIDDEN.search(octets, start)
    if match is None:
        return False
    return not (match.group() == b"\r" and match.end() == len(octets))


def parse_head(section: bytes, *, secure: bool, limits: Limits) -> Head:
    """Read a header section, from its request line to the empty line, both included.

    ``secure``: the connection is a TLS one.  Raises :class:`BadRequest`.
    """
    # RFC 9112 section 2.2: "A recipient of such a bare CR MUST consider that element to be
    # invalid [...]".  A bare LF may be taken as a line end there; two readings are one too many.
    if _FORBIDDEN.search(section) is not None:
        raise BadRequest(400, "control octet, bare CR or bare LF in the header section")
    lines = section[:-4].split(b"\r\n")
    if len(lines) - 1 > limits.fields:
        raise BadRequest(431, f"more than {limits.fields} field lines")
    method, target, minor = _parse_request_line(lines[0], limits)
    fields = _parse_field_lines(lines[1:])
    host = _find_host(fields, minor)
    scheme, authority, path = _parse_target(method, target, host, secure)
    content_length = _find_content_length(fields, minor)
    request = Request(
        method=method,
        scheme=scheme,
        authority=authority,
        path=path,
        fields=tuple(field for field in fields if field[0] not in _CONNECTION_FIELDS),
    )
    return Head(
        request=request,
        content_length=content_length,
        expects_continue=_find_expectation(request, minor) and content_length != 0,
    )


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


def _parse_field_lines(lines: list[bytes]) -> list[Field]:
    """Name in lower case and value of each line."""
    fields = []
    for line in lines:
        # RFC 9112 section 5.2: "A server that receives an obs-fold in a request message [...] MUST
        # either reject the message by sending a 400 (Bad Request) [...]".
        if line[:1] in (b" ", b"\t"):
            raise BadRequest(400, "folded field line")
        name, colon, value = line.partition(b":")
        # RFC 9112 section 5.1: "A server MUST reject, with a response status code of 400 (Bad
        # Request), any received request message that contains whitespace between a header field
        # name and colon."
        if not colon or _FIELD_NAME.fullmatch(name) is None:
            raise BadRequest(400, "malformed field line")
        fields.append((name.lower(), value.strip(b" \t")))
    return fields


def _find_host(fields: list[Field], minor: int) -> bytes:
    """The value of Host; :data:`DEFAULT_AUTHORITY` when an HTTP/1.0 client sent none."""
    hosts = [value for name, value in fields if name == b"host"]
    # RFC 9112 section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any
    # HTTP/1.1 request message that lacks a Host header field and to any request message that
    # contains more than one Host header field line or a Host header field with an invalid field
    # value."
    if len(hosts) > 1:
        raise BadRequest(400, "more than one Host field")
    if not hosts:
        if minor:
            raise BadRequest(400, "no Host field")
        return DEFAULT_AUTHORITY
    if _HOST.fullmatch(hosts[0]) is None:
        raise BadRequest(400, "invalid Host field")
    return hosts[0]


def _parse_target(
    method: bytes, target: bytes, host: bytes, secure: bool
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
    if target.startswith(b"/"):
        return scheme, host, target
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise BadRequest(400, "request-target in no known form")
    # RFC 9112 section 3.2.2: "When an origin server receives a request with an absolute-form of
    # request-target, the origin server MUST ignore the received Host header field (if any) and
    # instead use the host information of the request-target."
    asked, authority, path = match.groups()
    if _HOST.fullmatch(authority) is None:
        raise BadRequest(400, "invalid authority in the request-target")
    # RFC 9110 section 7.4: a request for another scheme than the connection's is misdirected.
    if asked.lower() != scheme:
        raise BadRequest(421, "request-target has another scheme than the connection")
    # RFC 9112 section 3.2.4: OPTIONS without path and query was "*" before a proxy rewrote it.
    if not path and method == b"OPTIONS":
        return scheme, authority, b"*"
    return scheme, authority, path if path.startswith(b"/") else b"/" + path


def _find_content_length(fields: list[Field], minor: int) -> int:
    """How long the content is (RFC 9112 section 6.3)."""
    codings = [value for name, value in fields if name == b"transfer-encoding"]
    lengths = [value for name, value in fields if name == b"content-length"]
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
    if not lengths:
        return 0
    # RFC 9112 section 6.3: "the message framing is invalid and the recipient MUST treat it as an
    # unrecoverable error"; a list of equal values may be rejected as well, and is.
    if len(lengths) > 1 or _DIGITS.fullmatch(lengths[0]) is None:
        raise BadRequest(400, "invalid Content-Length")
    return int(lengths[0])


def _check_codings(codings: bytes) -> int:
    """``chunked`` alone is understood."""
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


def _find_expectation(request: Request, minor: int) -> bool:
    """Whether the client waits for 100 (Continue)."""
    expectation = request.field(b"expect")
    # RFC 9110 section 10.1.1: "A server that receives a 100-continue expectation in an HTTP/1.0
    # request MUST ignore that expectation."
    if expectation is None or minor == 0:
        return False
    if expectation.lower() != b"100-continue":
        raise BadRequest(417, "unknown expectation")
    return True
