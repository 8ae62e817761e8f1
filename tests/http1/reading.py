"""A strict reader of responses, as a client would be that trusts nobody.

Everything must be exactly as RFC 9112 writes it: one CRLF where there is to be one, no field that
a response of its kind must not have, no octet too many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9]{2}) ([\x20-\x7e]*)")
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ([\t\x20-\x7e\x80-\xff]*)")


@dataclass(kw_only=True)
class Reply:
    """A response as a client sees it."""

    status: int = 0
    reason: bytes = b""
    fields: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[bytes, bytes] = field(default_factory=dict)
    #: Informational responses before it.
    informational: list[int] = field(default_factory=list)
    informational_fields: list[dict[bytes, bytes]] = field(default_factory=list)
    #: Whether its end was seen.
    complete: bool = True


def _take_fields(octets: bytes) -> tuple[dict[bytes, bytes], bytes]:
    fields: dict[bytes, bytes] = {}
    while True:
        line, end, octets = octets.partition(b"\r\n")
        assert end, "the field section has no end"
        if not line:
            return fields, octets
        match = _FIELD_LINE.fullmatch(line)
        assert match is not None, line
        assert match[1] not in fields, f"{match[1]!r} twice"
        fields[match[1]] = match[2]


def _take_chunks(reply: Reply, octets: bytes) -> bytes:
    while True:
        line, end, octets = octets.partition(b"\r\n")
        if not end:
            reply.complete = False
            return b""
        size = int(line, 16)
        assert line == b"%x" % size
        if not size:
            reply.trailers, octets = _take_fields(octets)
            return octets
        if len(octets) < size + 2:
            reply.body += octets[:size]
            reply.complete = False
            return b""
        reply.body += octets[:size]
        assert octets[size : size + 2] == b"\r\n"
        octets = octets[size + 2 :]


def read_reply(octets: bytes, method: bytes, *, closed: bool) -> tuple[Reply, bytes]:
    """The first response in ``octets``, and what follows it."""
    reply = Reply()
    while True:
        line, end, octets = octets.partition(b"\r\n")
        assert end, line
        match = _STATUS_LINE.fullmatch(line)
        assert match is not None, line
        reply.status, reply.reason = int(match[1]), match[2]
        reply.fields, octets = _take_fields(octets)
        if reply.status >= 200:
            break
        reply.informational.append(reply.status)
        reply.informational_fields.append(reply.fields)
        assert not {b"content-length", b"transfer-encoding"} & reply.fields.keys()
    length, coding = reply.fields.get(b"content-length"), reply.fields.get(b"transfer-encoding")
    assert length is None or coding is None
    assert len(reply.fields[b"date"]) == 29
    if reply.status == 204:
        assert length is None
    if reply.status in (204, 304) or method == b"HEAD":
        assert coding is None
        return reply, octets
    if coding is not None:
        assert coding == b"chunked"
        return reply, _take_chunks(reply, octets)
    if length is not None:
        reply.body = octets[: int(length)]
        reply.complete = len(reply.body) == int(length)
        return reply, octets[int(length) :]
    assert reply.fields[b"connection"] == b"close"
    reply.body, reply.complete = octets, closed
    return reply, b""


def read_replies(octets: bytes, methods: list[bytes], *, closed: bool) -> list[Reply]:
    """All responses in ``octets``, to requests with these ``methods`` (GET where they end)."""
    replies: list[Reply] = []
    while octets:
        assert not replies or replies[-1].fields.get(b"connection") != b"close", octets
        method = methods[len(replies)] if len(replies) < len(methods) else b"GET"
        reply, octets = read_reply(octets, method, closed=closed)
        replies.append(reply)
    return replies
