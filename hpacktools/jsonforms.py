"""Fields, tables and documents as JSON, in the form that nghttp2's tools and the corpus use.

Names and values are octets; JSON strings are text.  A string represents its UTF-8 octets.  A field
that is not UTF-8 has an approximation in ``headers`` (U+FFFD for octets that cannot be decoded),
and its octets next to it: ``"octets": {"3": {"name": HEX, "value": HEX}}`` for the field at
position 3.  In a dumped table ``name_hex`` and ``value_hex`` do the same.  Names and values that
are unknown because decoding began in the middle of a connection are ``?``, and ``unknown`` says
where.  Other tools ignore these members.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from json import JSONDecodeError, JSONDecoder
from json.encoder import encode_basestring
from typing import NoReturn

from .codec import FIRST_DYNAMIC_INDEX, DynamicTable, Field, entry_size
from .shapes import JSON, Object, Repeated
from .unknown import PLACEHOLDER, UNKNOWN, known_entries, known_maximum, unknown_parts


class ShapeError(ValueError):
    """JSON of the wrong shape.

    ``path`` is the JSON path of the place (``$.cases[1].wire``), ``reason`` says what is wrong.
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


def text_of(octets: bytes) -> str:
    """``octets`` as text: U+FFFD for invalid UTF-8, ``?`` for unknown octets."""
    if octets is UNKNOWN:
        return PLACEHOLDER
    return octets.decode("utf-8", "replace")


def is_utf8(octets: bytes) -> bool:
    """Whether :func:`text_of` loses nothing."""
    if octets.isascii():
        return True
    try:
        octets.decode()
    except UnicodeDecodeError:
        return False
    return True


def fields_from_json(headers: list[JSON], octets: JSON, path: str) -> tuple[Field, ...]:
    """The fields of a header list that has the right shape.

    ``octets`` is the member of that name or ``None``; ``path`` is the JSON path of the case.
    Raises :class:`ShapeError` if ``octets`` names a position beyond the list.
    """
    fields = []
    for header in headers:
        assert isinstance(header, dict)
        ((name, value),) = header.items()
        assert isinstance(value, str)
        fields.append((name.encode(), value.encode()))
    if octets is not None:
        assert isinstance(octets, dict)
        for position, field in octets.items():
            # Converting a number of unlimited length would take too long.
            if len(position) > 9 or int(position) >= len(fields):
                raise ShapeError(f"{path}.octets.{position}", "there is no such header")
            assert isinstance(field, dict)
            fields[int(position)] = (
                bytes.fromhex(str(field["name"])),
                bytes.fromhex(str(field["value"])),
            )
    return tuple(fields)


def fields_to_json(fields: Iterable[Field]) -> tuple[list[JSON], Object]:
    """``headers`` and ``octets`` of a field section; ``octets`` is empty if all is UTF-8."""
    headers: list[JSON] = []
    octets: Object = {}
    for name, value in fields:
        try:
            headers.append({name.decode(): value.decode()})
        except UnicodeDecodeError:
            octets[str(len(headers))] = {"name": name.hex(), "value": value.hex()}
            headers.append({text_of(name): text_of(value)})
    return headers, octets


def unknown_to_json(fields: Iterable[Field]) -> Object:
    """The member ``unknown`` of a field section: position -> ``name``, ``value`` or both."""
    result: Object = {}
    for position, field in enumerate(fields):
        parts: list[JSON] = [*unknown_parts(field)]
        if parts:
            result[str(position)] = parts
    return result


def field_to_json(field: Field) -> Object:
    """A field as an object with ``name`` and ``value``."""
    result: Object = {"name": text_of(field[0]), "value": text_of(field[1])}
    for key, octets in zip(("name_hex", "value_hex"), field, strict=True):
        if not is_utf8(octets):
            result[key] = octets.hex()
    if parts := unknown_parts(field):
        result["unknown"] = [*parts]
    return result


def table_to_json(table: DynamicTable) -> Object:
    """A dump of ``table``, as ``-d`` writes it: newest entry first, at index 62."""
    entries: list[JSON] = []
    for index, field in enumerate(known_entries(table), FIRST_DYNAMIC_INDEX):
        entry: Object = {"index": index, "name": text_of(field[0]), "value": text_of(field[1])}
        entry["size"] = entry_size(field)
        entries.append(entry | field_to_json(field))
    return {"entries": entries} | size_to_json(table)


def size_to_json(table: DynamicTable) -> Object:
    """``size`` and ``max_size`` of ``table`` in octets, as far as they are known."""
    result: Object = {"size": sum(map(entry_size, known_entries(table)))}
    maximum = known_maximum(table)
    if maximum is not None:
        result["max_size"] = maximum
    return result


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not JSON")


def integer_from_json(digits: str) -> int:
    """Convert ``digits``.  Raises ``ValueError`` if there are too many."""
    try:
        return int(digits)
    except ValueError:
        # Python's text names the function that sets its limit.
        raise ValueError("a number has too many digits") from None


def _object(members: list[tuple[str, JSON]]) -> Object:
    result = dict(members)
    if len(result) != len(members):
        names = [name for name, _ in members]
        return Repeated(result, next(name for name in names if names.count(name) > 1))
    return result


def find_repeated(value: JSON, path: str) -> ShapeError | None:
    """The error for the first object in ``value``, which is at ``path``, with a duplicate member;
    ``None`` if there is no such object."""
    if isinstance(value, Repeated):
        return ShapeError(path, f"has the member {value.member!r} twice")
    places: Iterable[tuple[str, JSON]] = ()
    if isinstance(value, list):
        places = ((f"{path}[{position}]", item) for position, item in enumerate(value))
    elif isinstance(value, dict):
        places = ((f"{path}.{name}", member) for name, member in value.items())
    for place, item in places:
        if error := find_repeated(item, place):
            return error
    return None


_decoder = JSONDecoder(
    object_pairs_hook=_object, parse_int=integer_from_json, parse_constant=_refuse_constant
)
#: Insignificant whitespace (RFC 8259 section 2).
_BLANKS = re.compile(r"[ \t\r\n]*")


def parse(text: str, *, first_line: int = 1) -> JSON:
    """Parse one JSON document; an object with a duplicate member becomes a
    :class:`~hpacktools.shapes.Repeated`.

    ``first_line`` is the number of the first line of the text.  Raises ``ValueError`` with line and
    column in the message if they are known.
    """
    document, end = _parse_at(text, 0, first_line)
    if _skip_blanks(text, end) < len(text):
        place = _place(text, _skip_blanks(text, end), first_line)
        raise ValueError(f"extra data after the JSON document: {place}")
    return document


def parse_all(text: str) -> list[JSON]:
    """Parse a sequence of one or more JSON documents."""
    documents = []
    position = 0
    while True:
        document, position = _parse_at(text, position, 1)
        documents.append(document)
        # By index: copying the rest for each document would take quadratic time.
        position = _skip_blanks(text, position)
        if position == len(text):
            return documents


def _skip_blanks(text: str, position: int) -> int:
    """The first position from ``position`` on that is not whitespace."""
    blanks = _BLANKS.match(text, position)
    assert blanks is not None
    return blanks.end()


def _parse_at(text: str, position: int, first_line: int) -> tuple[JSON, int]:
    try:
        document: JSON
        document, position = _decoder.raw_decode(text, _skip_blanks(text, position))
    except (ValueError, RecursionError) as error:
        raise ValueError(json_problem(error, text, first_line)) from None
    return document, position


def json_problem(error: ValueError | RecursionError, text: str, first_line: int = 1) -> str:
    """What is wrong with ``text``, which a decoder of JSON refused with ``error``."""
    if isinstance(error, RecursionError):
        return "objects and arrays are nested too deeply"
    if isinstance(error, JSONDecodeError):
        return f"{error.msg}: {_place(text, error.pos, first_line)}"
    return str(error)


def _place(text: str, position: int, first_line: int) -> str:
    line = first_line + text.count("\n", 0, position)
    return f"line {line} column {position - text.rfind(chr(10), 0, position)}"


def pretty(value: JSON, indent: str = "") -> str:
    """``value`` indented by two spaces, as jansson writes it for nghttp2's tools.

    Numbers with a fraction have 17 digits; text is escaped only where necessary.
    """
    if isinstance(value, str):
        return encode_basestring(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        digits = f"{value:.17g}"
        return digits if "." in digits or "e" in digits else digits + ".0"
    inner = indent + "  "
    if isinstance(value, list):
        if not value:
            return "[]"
        items = [inner + pretty(item, inner) for item in value]
        return "[\n" + ",\n".join(items) + f"\n{indent}]"
    if not value:
        return "{}"
    members = [
        f"{inner}{encode_basestring(name)}: {pretty(member, inner)}"
        for name, member in value.items()
    ]
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"
