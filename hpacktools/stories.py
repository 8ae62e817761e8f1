"""Stories and their cases: header lists and header blocks that belong to one connection.

Contract: a :class:`Case` has the right shape and is converted to octets.  Use :func:`read_case` to
report bad cases one by one, :func:`load_story` for a whole story or an error.  The format is that
of http2jp/hpack-test-case plus three members that other tools ignore: ``sensitive``, ``octets``
(see :mod:`hpacktools.jsonforms`) and ``header_table_sizes``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from os import PathLike
from typing import Final

from .codec import Field
from .jsonforms import ShapeError, fields_from_json, parse
from .shapes import (
    JSON,
    Object,
    Repeated,
    digits_of_wire,
    is_deflate_case,
    is_inflate_case,
    is_story_case,
    is_text,
)

#: Purpose of reading a case -> function that recognizes its shape.
_RECOGNISERS: dict[str, Callable[[JSON], bool]] = {
    "story": is_story_case,
    "deflate-input": is_deflate_case,
    "inflate-input": is_inflate_case,
}


#: How binding a story is, strictest first:
#:
#: - ``must``: the RFC demands it of every decoder or encoder;
#: - ``settings``: RFC 9113 demands it of an endpoint; the codec must know the settings;
#: - ``limits``: the RFC lets an implementation set its own limit;
#: - ``advice``: widely done, but the RFC does not demand it.
LEVELS: Final = ("must", "settings", "limits", "advice")


class UnusableError(ValueError):
    """Input that cannot be used at all: not JSON, or not a story."""


@dataclass(slots=True, kw_only=True)
class Case:
    """One header list, one header block, or both."""

    #: ``seqno``, or ``seq``, or the position in the story.
    number: int
    #: The field section in octets; ``None`` if the case has none.
    fields: tuple[Field, ...] | None
    #: Positions in ``fields`` that must never be indexed (RFC 7541 section 7.1.3).
    sensitive: frozenset[int]
    #: The header block; ``None`` if the case has none.
    wire: bytes | None
    #: Values of SETTINGS_HEADER_TABLE_SIZE (octets) that take effect just before this case, in
    #: order; empty if it does not change.
    table_sizes: tuple[int, ...]
    #: The case as JSON, as it was read.
    document: Object
    #: For a capture, the frame type that began the block and its stream; otherwise empty and 0.
    frame: str = ""
    stream_id: int = 0


@dataclass(slots=True, kw_only=True)
class Story:
    """The cases of one direction of one connection, in order."""

    #: Its origin, for messages.
    name: str
    description: str
    #: ``request`` or ``response`` if the story says so, otherwise empty.
    context: str
    cases: list[Case]
    #: One of :data:`LEVELS`.
    level: str = "must"
    #: What it requires of a codec beyond the RFC: ``settings``, ``several settings``,
    #: ``sensitive``, ``128 fields``.
    needs: tuple[str, ...] = ()

    @property
    def octets(self) -> int:
        """Octets of all names and values."""
        return sum(
            len(name) + len(value) for case in self.cases for name, value in case.fields or ()
        )


def read_case(document: JSON, position: int, kind: str = "story", root: str = "$.cases") -> Case:
    """Read a case of a document of ``kind`` (``story``, ``deflate-input``, ``inflate-input``).

    ``position`` is its index in the array ``root``.  Raises :class:`ShapeError`.
    """
    path = f"{root}[{position}]"
    if not _RECOGNISERS[kind](document):
        from .schemas import explain_case

        raise explain_case(kind, document, path)
    assert isinstance(document, dict)
    fields = None
    if kind != "inflate-input" and "headers" in document:
        headers = document["headers"]
        assert isinstance(headers, list)
        fields = fields_from_json(headers, document.get("octets"), path)
    wire = None
    if kind != "deflate-input" and "wire" in document:
        digits = digits_of_wire(str(document["wire"]))
        wire = bytes.fromhex(digits)
        if digits != document["wire"]:
            # Documents are written back in plain form.
            document = document | {"wire": digits}
    number = document.get("seqno", document.get("seq", position))
    return Case(
        number=_integer(number),
        fields=fields,
        sensitive=_sensitive(document, fields, path),
        wire=wire,
        table_sizes=_table_sizes(document),
        document=document,
    )


def _integer(value: JSON) -> int:
    assert isinstance(value, int)
    return value


def _table_sizes(document: Object) -> tuple[int, ...]:
    sizes = document.get("header_table_sizes")
    if sizes is not None:
        assert isinstance(sizes, list)
        return tuple(map(_integer, sizes))
    size = document.get("header_table_size")
    return () if size is None else (_integer(size),)


def _sensitive(document: Object, fields: tuple[Field, ...] | None, path: str) -> frozenset[int]:
    """The member ``sensitive``: positions, or names, each for every field with that name."""
    members = document.get("sensitive")
    if not members or fields is None:
        return frozenset()
    assert isinstance(members, list)
    positions: set[int] = set()
    for number, member in enumerate(members):
        if isinstance(member, str):
            name = member.encode()
            positions.update(place for place, field in enumerate(fields) if field[0] == name)
            continue
        place = _integer(member)
        if place >= len(fields):
            raise ShapeError(f"{path}.sensitive[{number}]", "there is no such header")
        positions.add(place)
    return frozenset(positions)


def cases_of(document: JSON) -> list[JSON]:
    """The array ``cases`` of a document, with its items still unread.

    Raises :class:`ShapeError` if there is none.
    """
    if not isinstance(document, dict):
        raise ShapeError("$", "the root is not an object")
    if isinstance(document, Repeated):
        raise ShapeError("$", f"the root object has the member {document.member!r} twice")
    cases = document.get("cases")
    if cases is None:
        raise ShapeError("$", "the root object has no member 'cases'")
    if not isinstance(cases, list):
        raise ShapeError("$.cases", "is not an array")
    return cases


def read_text(path: str | PathLike[str]) -> str:
    """The text of a file.  Raises ``OSError``, and :class:`UnusableError` as
    :func:`decode_text`."""
    with open(path, "rb") as file:
        return decode_text(file.read())


def decode_text(octets: bytes) -> str:
    """``octets`` as non-blank text; a byte order mark is skipped.

    Raises :class:`UnusableError`.
    """
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnusableError(f"not UTF-8 at octet {error.start}") from None
    if not text or text.isspace():
        raise UnusableError("is empty")
    return text


def load_story(path: str | PathLike[str]) -> Story:
    """Read a story from a file.

    Raises ``OSError`` if it cannot be read, :class:`UnusableError` if it is not JSON, and
    :class:`~hpacktools.jsonforms.ShapeError` with the JSON path if it has the wrong shape.
    """
    try:
        document = parse(read_text(path))
    except UnusableError:
        raise
    except ValueError as error:
        raise UnusableError(f"not JSON: {error}") from None
    return story_from_json(document, str(path))


def story_from_json(document: JSON, name: str) -> Story:
    """A story from its JSON.  Raises :class:`~hpacktools.jsonforms.ShapeError`."""
    cases = cases_of(document)
    assert isinstance(document, dict)
    texts = []
    for key in ("description", "context"):
        text = document.get(key, "")
        if not is_text(text):
            raise ShapeError(f"$.{key}", "is not a string of Unicode text")
        texts.append(str(text))
    level = document.get("level", LEVELS[0])
    if level not in LEVELS:
        raise ShapeError("$.level", f"is not one of {', '.join(LEVELS)}")
    needs = document.get("needs", [])
    if not isinstance(needs, list) or not all(map(is_text, needs)):
        raise ShapeError("$.needs", "is not an array of strings of Unicode text")
    return Story(
        name=name,
        description=texts[0],
        context=texts[1],
        cases=list(_read_all(cases)),
        level=str(level),
        needs=tuple(map(str, needs)),
    )


def _read_all(cases: list[JSON]) -> Iterator[Case]:
    for position, case in enumerate(cases):
        yield read_case(case, position)
