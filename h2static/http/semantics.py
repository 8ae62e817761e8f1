"""Field sections of messages: what makes them well-formed (RFC 9113 sections 8.1 to 8.5).

Contract: :func:`validate_request` and :func:`validate_response` turn the decoded fields of a header
block into a head or raise :class:`~h2static.http.errors.Malformed`; :func:`validate_trailers`
checks trailers.  All are pure: the same fields give an equal result, so results may be cached.
:mod:`h2static.http.authority` checks the authority, and the application whether the path names
something.  HTTP/3 has the same rules (RFC 9114 section 4).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from h2static.http.errors import Malformed
from h2static.http.fields import Field, Fields
from h2static.http.grammar import (
    BAD_IN_VALUE,
    CONTENT_LENGTH,
    LOWER_CASE_NAME,
    SCHEME,
    TARGET_OCTETS,
    TOKEN,
)
from h2static.http.priority import DEFAULT_INCREMENTAL, DEFAULT_URGENCY, parse_priority
from h2static.http.requests import Request

#: Octets not allowed in ``:path``: control characters, space, fragment (RFC 9113 section 8.3.1).
_BAD_IN_PATH = re.compile(rb"[^%b]" % TARGET_OCTETS)
_STATUS = re.compile(rb"[1-5][0-9][0-9]")

#: RFC 9113 section 8.2.2.
CONNECTION_SPECIFIC: Final = frozenset(
    (b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade")
)
_PSEUDO: Final = frozenset((b":method", b":scheme", b":authority", b":path"))
#: RFC 9113 section 8.3.2.
_PSEUDO_OF_RESPONSES: Final = frozenset((b":status",))
#: RFC 8441 section 4.
_PSEUDO_EXTENDED: Final = _PSEUDO | {b":protocol"}


#: Octets that a field value may have: see ``BAD_IN_VALUE``.
_IN_VALUES: Final = bytes(
    octet for octet in range(256) if BAD_IN_VALUE.fullmatch(bytes((octet,))) is None
)
#: Methods and schemes known to be well-formed.
_USUAL_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS"))
_USUAL_SCHEMES: Final = frozenset((b"http", b"https"))
#: Fields that the protocol itself uses.
_READ: Final = frozenset((b"content-length", b"priority", b"expect", b"host"))
_NO_NAMES: Final = frozenset[bytes]()
#: Fields whose values are secrets (RFC 7541 section 7.1.3): never cached where other clients could
#: exploit it.
SENSITIVE: Final = frozenset((b"cookie", b"authorization", b"proxy-authorization"))


class CheckedFields:
    """A cache of valid fields and names, so that those of similar clients are checked only once.

    Contract: the validity of a regular field depends only on its name and value; that of a
    pseudo-header field also on its position, so none is cached.  Secrets are not cached, only their
    names.  When the cache is full, it is cleared.
    """

    __slots__ = ("_most", "_most_names", "_name_octets", "_octets", "found", "names")

    def __init__(
        self, *, most: int = 4096, octets: int = 256, most_names: int = 512, name_octets: int = 64
    ) -> None:
        """``most``: number of fields, at most one MiB in total; ``octets``: of name and value;
        ``most_names``, ``name_octets``: the same for names, 32 KiB in total."""
        self._most = most
        self._octets = octets
        self._most_names = most_names
        self._name_octets = name_octets
        #: Field -> whether the protocol itself uses it.
        self.found: dict[Field, bool] = {}
        #: Names that any field may have, whatever its value.
        self.names: set[bytes] = set()

    def __len__(self) -> int:
        """The number of cached fields."""
        return len(self.found)

    def add(self, field: Field) -> None:
        """Add ``field``, which is valid."""
        name, value = field
        if name in SENSITIVE or len(name) + len(value) > self._octets:
            return
        if len(self.found) >= self._most:
            self.found.clear()
        self.found[field] = name in _READ

    def add_name(self, name: bytes) -> None:
        """Add ``name``, which is valid and not ``te``."""
        if len(name) > self._name_octets:
            return
        if len(self.names) >= self._most_names:
            self.names.clear()
        self.names.add(name)


@dataclass(slots=True, kw_only=True, eq=False)
class RequestHead:
    """A request with the values that the protocol itself uses from its field section."""

    request: Request
    #: The Content-Length field, if any.
    content_length: int | None = None
    urgency: int = DEFAULT_URGENCY
    incremental: bool = DEFAULT_INCREMENTAL
    #: ``Expect: 100-continue`` (RFC 9110 section 10.1.1).
    expects_continue: bool = False


@dataclass(slots=True, kw_only=True, eq=False)
class ResponseHead:
    """A response's field section, informational or final."""

    #: 100 to 599.
    status: int
    #: The field section without pseudo-header fields.
    fields: Fields
    #: The Content-Length field, if any.
    content_length: int | None = None


def _shown(name: bytes) -> str:
    """``name`` in quotation marks for a message to people; everything but ASCII is escaped."""
    return repr(name).removeprefix("b")


def _check_value(name: bytes, value: bytes) -> None:
    # "A field value MUST NOT contain the zero value, line feed, or carriage return at any
    # position", "MUST NOT start or end with an ASCII whitespace character" (8.2.1).
    if BAD_IN_VALUE.search(value) is not None:
        raise Malformed(f"{_shown(name)}: control character in the value")
    if value and (value[0] in b" \t" or value[-1] in b" \t"):
        raise Malformed(f"{_shown(name)}: whitespace around the value")


def _check_name(name: bytes) -> None:
    # "A field name MUST NOT contain characters in the ranges 0x00-0x20, 0x41-0x5a, or 0x7f-0xff"
    # (8.2.1).
    if LOWER_CASE_NAME.fullmatch(name) is None:
        raise Malformed(f"{_shown(name)}: not a field name")
    # "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header
    # fields"; such a message "MUST be treated as malformed" (8.2.2).
    if name in CONNECTION_SPECIFIC:
        raise Malformed(f"{_shown(name)}: connection-specific")


def _check_fields(fields: Sequence[Field], checked: CheckedFields | None = None) -> None:
    """Raise :class:`Malformed` unless each of ``fields`` may follow the pseudo-header fields.

    ``checked``: has names that need no further check.
    """
    known = _NO_NAMES if checked is None else checked.names
    values: list[bytes] = []
    for name, value in fields:
        if name not in known:
            _check_name(name)
            # "it MUST NOT contain any value other than 'trailers'" (8.2.2).
            if name != b"te":
                if checked is not None:
                    checked.add_name(name)
            elif value.lower() != b"trailers":
                raise Malformed("te: other than trailers")
        if value and (value[0] in b" \t" or value[-1] in b" \t"):
            _check_value(name, value)
        values.append(value)
    # All values in one call, which costs little more than one of them: with line feeds in between,
    # there is one forbidden octet less than there are values.
    if len(b"\n".join(values).translate(None, _IN_VALUES)) >= len(values) > 0:
        for name, value in fields:
            _check_value(name, value)


def _content_length(values: list[bytes]) -> int | None:
    if not values:
        return None
    # RFC 9110 section 8.6: "a recipient … MUST … reject the message as invalid" when values differ.
    first = values[0]
    if CONTENT_LENGTH.fullmatch(first) is None or any(value != first for value in values):
        raise Malformed("content-length: not a single number")
    return int(first)


def _check_pseudo(pseudo: dict[bytes, bytes]) -> None:
    # What 8.2.1 forbids in every value, no method, scheme, protocol or path has either.
    method = pseudo.get(b":method")
    if method is None or (method not in _USUAL_METHODS and TOKEN.fullmatch(method) is None):
        raise Malformed(":method is missing or not a token")
    # RFC 9110 section 4.2.1: "A recipient that processes such a URI reference" with an empty host
    # "MUST reject it as invalid"; RFC 9114 section 4.3.1 says so of the field itself.
    authority = pseudo.get(b":authority")
    if authority is not None:
        if not authority:
            raise Malformed(":authority is empty")
        _check_value(b":authority", authority)
    protocol = pseudo.get(b":protocol")
    if protocol is not None and (method != b"CONNECT" or TOKEN.fullmatch(protocol) is None):
        # RFC 8441 section 4: it "MAY be included on request HEADERS indicating … CONNECT".
        raise Malformed(":protocol without CONNECT or not a token")
    if method == b"CONNECT" and protocol is None:
        # "The ':scheme' and ':path' pseudo-header fields MUST be omitted"; ":authority" is there
        # (8.5).
        if b":scheme" in pseudo or b":path" in pseudo or not pseudo.get(b":authority"):
            raise Malformed("CONNECT with :scheme or :path, or without :authority")
        return
    # "All HTTP/2 requests MUST include exactly one valid value for the ':method', ':scheme', and
    # ':path' pseudo-header fields, unless they are CONNECT requests" (8.3.1).
    scheme = pseudo.get(b":scheme")
    if scheme is None or (scheme not in _USUAL_SCHEMES and SCHEME.fullmatch(scheme) is None):
        raise Malformed(":scheme is missing or not a scheme")
    path = pseudo.get(b":path")
    if not path:
        raise Malformed(":path is missing or empty")
    if _BAD_IN_PATH.search(path) is not None:
        raise Malformed(":path with a control character, space or fragment")
    # "On requests that contain the :protocol pseudo-header field, the :scheme and :path … MUST also
    # be included" (RFC 8441 section 4); and the target of a tunnel must be named.
    if protocol is not None and not pseudo.get(b":authority"):
        raise Malformed("extended CONNECT without :authority")
    if path[0] != 0x2F and not (path == b"*" and method == b"OPTIONS"):
        raise Malformed(":path is neither origin form nor * of OPTIONS")


def _split_pseudo(fields: Fields, known: frozenset[bytes]) -> tuple[dict[bytes, bytes], int]:
    """The pseudo-header fields, and their number; ``known``: those allowed in this message."""
    pseudo: dict[bytes, bytes] = {}
    for name, value in fields:
        if name[:1] != b":":
            break
        # "Endpoints MUST treat a request … that contains undefined or invalid pseudo-header fields
        # as malformed"; "The same pseudo-header field name MUST NOT appear more than once" (8.3).
        if name not in known:
            raise Malformed(f"{_shown(name)}: pseudo-header field not allowed in this message")
        if name in pseudo:
            raise Malformed(f"{_shown(name)}: repeated")
        pseudo[name] = value
    return pseudo, len(pseudo)


def validate_request(
    fields: Fields,
    *,
    end_stream: bool,
    connect_protocol: bool = False,
    checked: CheckedFields | None = None,
) -> RequestHead:
    """Validate the first field section of a request.

    ``end_stream``: no content follows.  ``connect_protocol``: SETTINGS_ENABLE_CONNECT_PROTOCOL was
    sent, so ``:protocol`` is allowed (RFC 8441).  ``checked``: fields that need no further check.
    Raises :class:`Malformed`.
    """
    found = {} if checked is None else checked.found
    pseudo, start = _split_pseudo(fields, _PSEUDO_EXTENDED if connect_protocol else _PSEUDO)
    regular = fields[start:]
    lengths: list[bytes] = []
    urgency, incremental = DEFAULT_URGENCY, DEFAULT_INCREMENTAL
    priority: bytes | None = None
    expects_continue = False
    host: bytes | None = None
    new: list[Field] = []
    for field in regular:
        is_read = found.get(field)
        if is_read is None:
            new.append(field)
            is_read = field[0] in _READ
        if not is_read:
            continue
        name, value = field
        if name == b"content-length":
            lengths.append(value)
        elif name == b"priority":
            # Several lines are one list (RFC 9110 section 5.3); later members win.
            priority = value if priority is None else priority + b", " + value
            urgency, incremental = parse_priority(priority)
        elif name == b"expect":
            expects_continue = value.lower() == b"100-continue"
        elif host is None:
            host = value
    if new:
        # "All pseudo-header fields MUST appear in a field block before all regular field lines"
        # (8.3): a late one fails here, because a colon is not allowed in a field name.
        _check_fields(new, checked)
        if checked is not None:
            for field in new:
                checked.add(field)
    _check_pseudo(pseudo)
    # RFC 9110 section 9.3.6: "A CONNECT request message does not have content": its length must
    # not limit the octets of a tunnel.
    content_length = None if pseudo[b":method"] == b"CONNECT" else _content_length(lengths)
    # "A request or response is also malformed if the value of a Content-Length header field does
    # not equal the sum of the DATA frame payload lengths" (8.1.1).
    if end_stream and content_length:
        raise Malformed("content-length without content")
    authority = pseudo.get(b":authority")
    return RequestHead(
        request=Request(
            method=pseudo[b":method"],
            scheme=pseudo.get(b":scheme", b""),
            authority=authority if authority is not None else host or b"",
            path=pseudo.get(b":path", b""),
            fields=regular,
            protocol=pseudo.get(b":protocol", b""),
        ),
        content_length=content_length,
        urgency=urgency,
        incremental=incremental,
        expects_continue=expects_continue,
    )


class SimilarRequests:
    """Recognizes requests of one connection that differ only in their paths from an earlier one.

    Contract: :meth:`head` gives what :func:`validate_request` would, with the earlier request's
    ``fields`` object.  Most requests of a browser for one page are similar in this sense.
    """

    __slots__ = ("_fields", "_head", "_position")

    def __init__(self) -> None:
        self._fields: Fields = ()
        self._head: RequestHead | None = None
        #: Of ``:path`` among the fields.
        self._position = 0

    def remember(self, fields: Fields, head: RequestHead) -> None:
        """Compare later requests with this valid one."""
        for position, field in enumerate(fields[: len(_PSEUDO)]):
            if field[0] == b":path":
                self._fields, self._head, self._position = fields, head, position
                return

    def head(self, fields: Fields, *, end_stream: bool) -> RequestHead | None:
        """The head of a request with ``fields``; ``None``: validate it."""
        known, position = self._head, self._position
        if known is None or len(fields) != len(self._fields):
            return None
        name, path = fields[position]
        if (
            name != b":path"
            or path[:1] != b"/"
            or fields[position + 1 :] != self._fields[position + 1 :]
            or fields[:position] != self._fields[:position]
            or _BAD_IN_PATH.search(path) is not None
            or (end_stream and known.content_length)
        ):
            return None
        request = known.request
        return RequestHead(
            request=Request(
                method=request.method,
                scheme=request.scheme,
                authority=request.authority,
                path=path,
                fields=request.fields,
                protocol=request.protocol,
            ),
            content_length=known.content_length,
            urgency=known.urgency,
            incremental=known.incremental,
            expects_continue=known.expects_continue,
        )


def validate_response(fields: Fields) -> ResponseHead:
    """Validate the field section of a response, informational or final.

    Raises :class:`Malformed`.
    """
    # "For HTTP/2 responses, a single ":status" pseudo-header field is defined … It MUST be included
    # in all responses … otherwise, the response is malformed" (8.3.2).
    pseudo, start = _split_pseudo(fields, _PSEUDO_OF_RESPONSES)
    status = pseudo.get(b":status")
    if status is None or _STATUS.fullmatch(status) is None:
        raise Malformed(":status is missing or not a status code")
    lengths = [value for name, value in fields[start:] if name == b"content-length"]
    _check_fields(fields[start:])
    return ResponseHead(
        status=int(status), fields=fields[start:], content_length=_content_length(lengths)
    )


def validate_trailers(fields: Fields) -> None:
    """Raise :class:`Malformed` unless ``fields`` may be trailers (RFC 9113 section 8.1)."""
    # "Trailers MUST NOT include pseudo-header fields" (8.1): their names are not field names.
    _check_fields(fields)
