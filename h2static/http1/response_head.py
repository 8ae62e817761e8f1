"""Strict parsing of a response's header section (RFC 9112 sections 2, 4, 5 and 6).

Contract: :func:`parse_response` takes the octets from the status line to the empty line and returns
an :class:`Incoming` response, or raises :class:`~h2static.http1.errors.BadMessage`.  The result is
unambiguous: no bare CR or LF, one way to find the end of the content.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from h2static.http.fields import Field, Fields
from h2static.http.grammar import CONTENT_LENGTH
from h2static.http.messages import WITHOUT_CONTENT
from h2static.http.semantics import ResponseHead
from h2static.http1.errors import BadMessage, BadRequest
from h2static.http1.head import CONNECTION_FIELDS, CONTROLS, parse_field_line, without_options
from h2static.http1.limits import Limits

# RFC 9112 section 4: the reason phrase may be absent; its space, which a server MUST send, is not
# always sent.
_STATUS_LINE = re.compile(rb"HTTP/([0-9])\.([0-9]) ([1-5][0-9][0-9])(?: ([\t\x20-\xff]*))?")
_FOLD = re.compile(rb"[ \t]*\r\n[ \t]+")


class End(Enum):
    """How the end of a response is found (RFC 9112 section 6.3)."""

    #: It ends with the header section.
    HEAD = "head"
    LENGTH = "length"
    CHUNKED = "chunked"
    #: The server closes the connection.
    CLOSE = "close"


@dataclass(slots=True, kw_only=True, eq=False)
class Incoming:
    """A response whose header section is valid."""

    #: The fields, without those that belong to the connection.
    head: ResponseHead
    end: End
    #: The server accepts another request on this connection (RFC 9112 section 9.3).
    persistent: bool
    #: Protocols that the server switches to, or offers (RFC 9110 section 7.8); in lower case.
    upgrade: tuple[bytes, ...]


def parse_response(section: bytes, method: bytes, limits: Limits) -> Incoming:
    """Parse the header section of a response to a ``method`` request, including its empty line.

    Raises :class:`~h2static.http1.errors.BadMessage`.
    """
    # RFC 9112 section 5.2: "A user agent that receives an obs-fold in a response message … MUST
    # replace each received obs-fold with one or more SP octets".
    if b"\r\n " in section or b"\r\n\t" in section:
        section = _FOLD.sub(b" ", section)
    lines = section[:-4].split(b"\r\n")
    if len(section) - len(section.translate(None, CONTROLS)) != 2 * len(lines) + 2:
        raise BadMessage("control octet, bare CR or bare LF in the header section")
    if len(lines) - 1 > limits.fields:
        raise BadMessage(f"more than {limits.fields} field lines")
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise BadMessage("malformed status line")
    if match[1] != b"1":
        raise BadMessage("major version is not 1")
    try:
        fields = [parse_field_line(line) for line in lines[1:]]
    except BadRequest as error:
        raise BadMessage(error.reason) from error
    status, old = int(match[3]), match[2] == b"0"
    options = _members(fields, b"connection")
    end, length = _find_end(fields, status, method, old=old)
    # RFC 9112 section 9.3.
    persistent = end is not End.CLOSE and b"close" not in options
    if old:
        persistent = persistent and b"keep-alive" in options
    own: Fields = tuple(
        field for field in without_options(fields, options) if field[0] not in CONNECTION_FIELDS
    )
    return Incoming(
        head=ResponseHead(status=status, fields=own, content_length=length),
        end=end,
        persistent=persistent,
        upgrade=tuple(_members(fields, b"upgrade")),
    )


def _members(fields: list[Field], name: bytes) -> list[bytes]:
    """The members of the list in the fields ``name``, in lower case."""
    values = [value.lower() for key, value in fields if key == name]
    return [part.strip(b" \t") for value in values for part in value.split(b",") if part.strip()]


def _find_end(
    fields: list[Field], status: int, method: bytes, *, old: bool
) -> tuple[End, int | None]:
    """How the content ends, and the Content-Length."""
    codings = _members(fields, b"transfer-encoding")
    lengths = [
        part.strip(b" \t")
        for name, value in fields
        if name == b"content-length"
        for part in value.split(b",")
    ]
    length: int | None = None
    if lengths:
        # RFC 9112 section 6.3: "If it is received in a response message, the user agent MUST close
        # the connection and discard the received response", unless all values are the same.
        if CONTENT_LENGTH.fullmatch(lengths[0]) is None or set(lengths) != {lengths[0]}:
            raise BadMessage("content-length is not a single number")
        length = int(lengths[0])
    if codings and old:
        # RFC 9112 section 6.1: "MUST treat the message as if the framing is faulty".
        raise BadMessage("transfer-encoding in an HTTP/1.0 response")
    if codings and lengths:
        # RFC 9112 section 6.3: "Such a message might indicate an attempt to perform request
        # smuggling … and ought to be handled as an error."
        raise BadMessage("both transfer-encoding and content-length")
    if method == b"HEAD" or status < 200 or status in WITHOUT_CONTENT:
        return End.HEAD, length
    if codings:
        # Others may be sent only to clients that list them in TE (RFC 9110 section 10.1.4).
        if codings != [b"chunked"]:
            raise BadMessage("a transfer coding other than chunked")
        return End.CHUNKED, None
    if length is None:
        return End.CLOSE, None
    return (End.LENGTH if length else End.HEAD), length
