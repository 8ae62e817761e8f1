"""Header sections from applications: validated, and made fit for every protocol version.

Contract: :meth:`Sections.response` takes the ``headers`` of ``http.response.start`` and returns a
:class:`Section`, or raises :class:`~h2static.asgi.errors.InvalidEvent` with the reason.
Connection-specific fields are removed, because the engine frames messages (RFC 9112 section 7, RFC
9113 section 8.2.2), and so is ``date``, which the engine sets.

Strategy: repeated sections are cached by their octets, so that they are validated and encoded once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from h2static.asgi.errors import InvalidEvent
from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.http.fields import SERVER_FIELD, Field, Fields
from h2static.http.grammar import BAD_IN_VALUE, CONTENT_LENGTH, LOWER_CASE_NAME
from h2static.websocket.handshake import OWN_FIELDS

#: RFC 9113 section 8.2.2, and what the engines write themselves.
_LEFT_OUT: Final = frozenset(
    (
        b"connection",
        b"date",
        b"keep-alive",
        b"proxy-connection",
        b"transfer-encoding",
        b"upgrade",
    )
)
#: RFC 9110 section 6.5.1: fields that frame, route or describe the message itself.
_NOT_IN_TRAILERS: Final = _LEFT_OUT | {
    b"content-encoding",
    b"content-length",
    b"content-range",
    b"content-type",
    b"host",
    b"te",
    b"trailer",
}
_OCTETS: Final = (bytes, bytearray, memoryview)

#: A field section as it was given.
Given: TypeAlias = tuple[tuple[object, ...], ...]


@dataclass(slots=True, eq=False)
class Section:
    """The field section of a response; the same object for the same section."""

    #: ``server`` comes first, unless the application has one of its own.
    fields: Fields
    #: The value of Content-Length, if present.
    length: int | None
    #: A stream of events (``text/event-stream``).
    events: bool


class Sections:
    """Checks what one application sends."""

    def __init__(self, limits: AsgiLimits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        self._known: dict[Given, Section] = {}

    def response(self, headers: object) -> Section:
        """The section of a response."""
        given = _pairs(headers)
        try:
            known = self._known.get(given)
        except (TypeError, ValueError):
            # Mutable octets cannot be keys.
            return _section(given)
        if known is None:
            known = _section(given)
            size = sum([len(name) + len(value) for name, value in known.fields])
            if size <= self._limits.section:
                if len(self._known) >= self._limits.sections:
                    self._known.clear()
                self._known[given] = known
        return known

    def release(self) -> None:
        """Empty the cache."""
        self._known.clear()


def trailers(headers: object) -> Fields:
    """The trailer section of ``http.response.trailers``.  Raises ``InvalidEvent``."""
    return tuple([one for one in map(_field, _pairs(headers)) if one[0] not in _NOT_IN_TRAILERS])


def promised(headers: object) -> Fields:
    """The fields of a request that ``http.response.push`` promises.  Raises ``InvalidEvent``."""
    fields = map(_field, _pairs(headers))
    return tuple([one for one in fields if one[0] not in _LEFT_OUT and one[0] != b"host"])


def accepted(headers: object) -> Fields:
    """The fields of ``websocket.accept``.  Raises ``InvalidEvent``."""
    fields = [one for one in map(_field, _pairs(headers)) if one[0] not in _LEFT_OUT]
    for name, _ in fields:
        # "Must not include a header named sec-websocket-protocol" (ASGI); the others follow from
        # the client's handshake.
        if name in OWN_FIELDS:
            raise InvalidEvent(
                f"websocket.accept: headers: {name.decode('ascii')} is set by the server"
            )
    if not any(name == b"server" for name, _ in fields):
        fields.insert(0, SERVER_FIELD)
    return tuple([one for one in fields if one[0] != b"content-length"])


def _pairs(headers: object) -> Given:
    # Checked only after a failure: asking an abstract class costs more than all the pairs.
    try:
        return tuple(map(tuple, headers))  # type: ignore[call-overload]  # a TypeError says so
    except TypeError:
        if isinstance(headers, Iterable):
            raise InvalidEvent("headers: expected pairs of bytes") from None
        found = type(headers).__name__
        raise InvalidEvent(f"headers: expected pairs of bytes, not {found}") from None


def _frozen(part: object) -> object:
    return bytes(part) if isinstance(part, _OCTETS) else part


def _section(given: Given) -> Section:
    fields: list[Field] = []
    length: int | None = None
    events = served = False
    for pair in given:
        name, value = field = _field(pair)
        if name in _LEFT_OUT:
            continue
        if name == b"content-length":
            if length is not None or CONTENT_LENGTH.fullmatch(value) is None:
                raise InvalidEvent("headers: content-length is not a single number")
            length = int(value)
        elif name == b"content-type":
            events = value.lower().startswith(b"text/event-stream")
        elif name == b"server":
            served = True
        fields.append(field)
    if not served:
        fields.insert(0, SERVER_FIELD)
    return Section(tuple(fields), length, events)


def _field(pair: tuple[object, ...]) -> Field:
    if len(pair) != 2:
        raise InvalidEvent(f"headers: expected pairs, not {pair!r}")
    name, value = map(_frozen, pair)
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise InvalidEvent(f"headers: expected bytes, not {pair!r}")
    name = name.lower()
    if LOWER_CASE_NAME.fullmatch(name) is None:
        raise InvalidEvent(f"headers: {name!r} is not a field name")
    value = value.strip(b" \t")
    # RFC 9110 section 5.5: "Field values containing CR, LF, or NUL characters are invalid and
    # dangerous".
    if BAD_IN_VALUE.search(value) is not None:
        raise InvalidEvent(f"headers: {name.decode('ascii')}: control character in the value")
    return name, value
