"""Framing of a client's requests: pure functions from messages to octets (RFC 9112 section 3).

Contract: :func:`frame_request` creates the octets of a head, and says how the content ends.
Everything is checked.
"""

from __future__ import annotations

from h2static.http.bodies import Body
from h2static.http.fields import Fields
from h2static.http.grammar import BAD_IN_VALUE, LOWER_CASE_NAME
from h2static.http.messages import Request
from h2static.http1.errors import BadResponse
from h2static.http1.framer import Framed, Framing
from h2static.http1.head import CONNECTION_FIELDS

#: Methods that usually have no content: no Content-Length is sent then (RFC 9110 section 8.6).
_WITHOUT_CONTENT = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE", b"CONNECT"))


def frame_request(request: Request, body: bytes | Body, upgrade: Fields = ()) -> Framed:
    """The head of ``request``, ready to be sent (RFC 9112 sections 3 and 6).

    Raises :class:`~h2static.http1.errors.BadResponse` for an invalid request.
    """
    lines = [b"%b %b HTTP/1.1\r\nhost: %b\r\n" % (request.method, _target(request), _host(request))]
    declared: bytes | None = None
    for name, value in request.fields:
        if name == b"content-length":
            declared = value
        elif name == b"host" or name in CONNECTION_FIELDS:
            continue
        lines.append(_line(name, value))
        if name == b"te":
            # RFC 9110 section 10.1.4: "A sender of TE MUST also send a "TE" connection option".
            lines.append(b"connection: te\r\n")
    lines += [_line(name, value) for name, value in upgrade]
    left = len(body) if isinstance(body, bytes) else body.length
    framing = Framing.NONE
    if body == b"":
        if declared is None and request.method not in _WITHOUT_CONTENT:
            lines.append(b"content-length: 0\r\n")
    elif declared is not None:
        framing, left = Framing.LENGTH, _declared(declared, left)
    elif left is not None:
        lines.append(b"content-length: %d\r\n" % left)
        framing = Framing.LENGTH
    else:
        lines.append(b"transfer-encoding: chunked\r\n")
        framing = Framing.CHUNKED
    lines.append(b"\r\n")
    return Framed(b"".join(lines), framing, left, False)


def _declared(declared: bytes, length: int | None) -> int:
    if not declared.isdigit() or (length is not None and int(declared) != length):
        raise BadResponse("content-length does not match the content")
    return int(declared)


def _line(name: bytes, value: bytes) -> bytes:
    if LOWER_CASE_NAME.fullmatch(name) is None or BAD_IN_VALUE.search(value) is not None:
        raise BadResponse(f"{name!r} cannot be sent as an HTTP/1.1 field")
    return b"%b: %b\r\n" % (name, value)


def _target(request: Request) -> bytes:
    # RFC 9112 section 3.2.3: authority-form is for CONNECT.
    target = request.authority if request.method == b"CONNECT" else request.path
    if not target or any(octet <= 0x20 or octet == 0x7F for octet in target):
        raise BadResponse("the request target is empty or contains a space or a control octet")
    return target


def _host(request: Request) -> bytes:
    if BAD_IN_VALUE.search(request.authority) is not None:
        raise BadResponse("control octet in the authority")
    return request.authority
