"""Framing of responses: pure functions from messages to octets (RFC 9112 sections 4 to 7).

Contract: :func:`frame` decides how a response's end is signaled and creates the octets of its head;
:func:`frame_informational` and :func:`frame_trailers` do the rest.  Everything is checked: they
raise :class:`~h2static.http1.errors.BadResponse` for a response that a client would understand
differently than the application.  The engine writes the connection's fields itself; an
application's values for them are dropped.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple

from h2static.http.grammar import BAD_IN_VALUE, CONTENT_LENGTH, LOWER_CASE_NAME
from h2static.http.messages import WITHOUT_CONTENT, Fields, Response
from h2static.http1.errors import BadResponse
from h2static.http1.head import CONNECTION_FIELDS, CONTROLS, NOT_IN_TRAILERS
from h2static.http1.reasons import REASONS


class Framing(Enum):
    """How a client finds the end of a response (RFC 9112 section 6.3)."""

    #: There is no content: the head is the end.
    NONE = "none"
    #: By Content-Length.
    LENGTH = "length"
    #: By the last chunk.
    CHUNKED = "chunked"
    #: By the end of the connection.  A client cannot distinguish that from an aborted response, so
    #: it is used only for HTTP/1.0, which has nothing else, and after 101.
    CLOSE = "close"


class Framed(NamedTuple):
    """The head of a response, ready to be sent."""

    octets: bytes
    framing: Framing
    #: Octets of content that follow; ``None`` if unknown.
    left: int | None
    #: Whether this is the last response on the connection.
    last: bool


#: Fields that the engine writes itself.
_OWN: Final = CONNECTION_FIELDS | {b"date"}
#: RFC 9110 section 8.6: "A server MUST NOT send a Content-Length header field in any response with
#: a status code of 1xx"; RFC 9112 section 6.1 says the same of Transfer-Encoding.
_NOT_INFORMATIONAL: Final = CONNECTION_FIELDS | {b"content-length"}
#: Known valid names, which need not be checked octet by octet.
_COMMON_NAMES: Final = frozenset(
    (
        b"accept-ranges", b"age", b"allow", b"alt-svc", b"cache-control", b"content-encoding",
        b"content-language", b"content-range", b"content-security-policy", b"content-type",
        b"etag", b"expires", b"last-modified", b"link", b"location", b"referrer-policy",
        b"retry-after", b"server", b"server-timing", b"set-cookie", b"strict-transport-security",
        b"vary", b"x-content-type-options", b"x-frame-options",
    )
)  # fmt: skip
_STATUS_LINES: Final = {
    status: b"HTTP/1.1 %d %b\r\n" % (status, reason) for status, reason in REASONS.items()
}


def frame(
    response: Response,
    date: bytes,
    *,
    head_request: bool,
    old: bool,
    added: Fields = (),
    last: bool = False,
) -> Framed:
    """The head of ``response``, including the ``added`` fields.

    ``head_request``: it answers HEAD.  ``old``: the client speaks HTTP/1.0.  ``last``: no other
    response follows.  Raises :class:`~h2static.http1.errors.BadResponse`.
    """
    status, body = response.status, response.body
    if not 200 <= status <= 599:
        raise BadResponse(f"{status} is not a final status")
    section, declared = _field_lines(response.fields, _OWN, count=status != 204)
    if added:
        section += _field_lines(added, _OWN, count=False)[0]
    length = len(body) if isinstance(body, bytes) else body.length
    framing, left = Framing.NONE, 0
    if status in WITHOUT_CONTENT:
        pass
    # RFC 9110 section 9.3.2: "the server MUST NOT send content in the response" to HEAD.
    elif head_request:
        if declared is None and length:
            section += b"content-length: %d\r\n" % length
    elif declared is not None:
        if length is not None and length != declared:
            raise BadResponse(f"content-length is {declared}, but the body has {length} octets")
        framing, left = Framing.LENGTH, declared
    elif length is not None:
        section += b"content-length: %d\r\n" % length
        framing, left = Framing.LENGTH, length
    # RFC 9112 section 6.1: "A server MUST NOT send a response containing Transfer-Encoding unless
    # the corresponding request indicates HTTP/1.1 (or later minor revisions)."
    elif old:
        framing, last = Framing.CLOSE, True
    else:
        section += b"transfer-encoding: chunked\r\n"
        framing = Framing.CHUNKED
    end = b"\r\n\r\n"
    # RFC 9112 section 9.6: "The server SHOULD send a 'close' connection option in its final
    # response on that connection."
    if last:
        end = b"\r\nconnection: close\r\n\r\n"
    elif old:
        end = b"\r\nconnection: keep-alive\r\n\r\n"
    return Framed(
        b"%b%bdate: %b%b" % (_status_line(status), section, date, end),
        framing,
        left if framing in (Framing.NONE, Framing.LENGTH) else None,
        last,
    )


def frame_upgrade(protocol: bytes, fields: Fields, date: bytes) -> Framed:
    """The head of a 101 response, after which the connection carries ``protocol``.

    Raises :class:`~h2static.http1.errors.BadResponse`.
    """
    section, _ = _field_lines(fields, _OWN, count=False)
    # RFC 9110 section 7.8: "A server that sends a 101 (Switching Protocols) response MUST send an
    # Upgrade header field to indicate the new protocol(s)"; "A sender of Upgrade MUST also send an
    # 'Upgrade' connection option".
    return Framed(
        b"%b%bdate: %b\r\nconnection: upgrade\r\nupgrade: %b\r\n\r\n"
        % (_status_line(101), section, date, protocol),
        Framing.CLOSE,
        None,
        last=True,
    )


def frame_informational(status: int, fields: Fields = ()) -> bytes:
    """The octets of an informational response.  Raises
    :class:`~h2static.http1.errors.BadResponse`."""
    section, _ = _field_lines(fields, _NOT_INFORMATIONAL, count=False)
    return b"%b%b\r\n" % (_status_line(status), section)


def frame_trailers(trailers: Fields) -> bytes:
    """The last chunk and the trailer section (RFC 9112 sections 7.1 and 7.1.2).

    Raises :class:`~h2static.http1.errors.BadResponse`.
    """
    if not trailers:
        return b"0\r\n\r\n"
    return b"0\r\n%b\r\n" % _field_lines(trailers, NOT_IN_TRAILERS, count=False)[0]


def _status_line(status: int) -> bytes:
    # RFC 9112 section 4: "A server MUST send the space that separates the status-code from the
    # reason-phrase even when the reason-phrase is absent".
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def _field_lines(
    fields: Fields, dropped: frozenset[bytes], *, count: bool
) -> tuple[bytes, int | None]:
    """The lines of ``fields`` except those in ``dropped``, and the Content-Length.

    ``count``: whether a Content-Length is allowed; otherwise it is dropped.
    """
    declared: int | None = None
    lines = []
    for name, value in fields:
        if name in dropped:
            continue
        if name == b"content-length":
            if not count:
                continue
            if declared is not None or CONTENT_LENGTH.fullmatch(value) is None:
                raise BadResponse("content-length is not a single number")
            declared = int(value)
        elif name not in _COMMON_NAMES and LOWER_CASE_NAME.fullmatch(name) is None:
            raise BadResponse(f"{name!r} is not a field name in lower case")
        lines.append(b"%b: %b\r\n" % (name, value))
    section = b"".join(lines)
    # RFC 9110 section 5.5: "Field values containing CR, LF, or NUL characters are invalid and
    # dangerous"; an attacker could inject whole responses.  Line ends are the only
    # control octets allowed.
    if len(section) - len(section.translate(None, CONTROLS)) != 2 * len(lines):
        bad = next(name for name, value in fields if BAD_IN_VALUE.search(value) is not None)
        raise BadResponse(f"{bad.decode('ascii')}: control octet in the value")
    return section, declared
