"""Reading cases: JSON documents, one case per line, or HTTP/1 header text.

Contract: a connection is an iterator of :class:`~hpacktools.stories.Case` and :class:`BadCase`, in
order.  A malformed case becomes a ``BadCase`` and does not affect the others; input that cannot be
used at all raises :class:`~hpacktools.stories.UnusableError`.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from hpacktools.codec import Field
from hpacktools.jsonforms import ShapeError, fields_to_json, parse, parse_all
from hpacktools.shapes import JSON, Object
from hpacktools.stories import Case, UnusableError, cases_of, decode_text, read_case


@dataclass(slots=True, kw_only=True)
class BadCase:
    """A case that does not have the right shape."""

    #: Its position, from 0.
    number: int
    #: JSON path, or the line in a text.
    path: str
    reason: str


def open_input(name: str) -> AbstractContextManager[BinaryIO]:
    """Open the file ``name``, or standard input for ``-``.  Raises :class:`UnusableError`."""
    if name == "-":
        if sys.stdin is None:
            raise UnusableError("is closed")
        return nullcontext(sys.stdin.buffer)
    try:
        return open(name, "rb")
    except OSError as error:
        raise UnusableError(error.strerror or str(error)) from None


def read_octets(stream: BinaryIO) -> bytes:
    """Read all of ``stream``.  Raises :class:`UnusableError`."""
    try:
        return stream.read()
    except OSError as error:
        raise UnusableError(error.strerror or str(error)) from None


def lines_of(stream: BinaryIO) -> Iterator[bytes]:
    """The lines of ``stream``, each as soon as it arrives.  Raises :class:`UnusableError`."""
    try:
        yield from stream
    except OSError as error:
        raise UnusableError(error.strerror or str(error)) from None


def read_documents(octets: bytes, kind: str) -> list[Iterator[Case | BadCase]]:
    """The connections in a sequence of JSON documents.

    ``kind`` is ``deflate-input`` or ``inflate-input``.  Raises
    :class:`~hpacktools.stories.UnusableError`.
    """
    text = decode_text(octets)
    try:
        documents = parse_all(text)
    except ValueError as error:
        raise UnusableError(f"not JSON: {error}") from None
    try:
        return [_cases(cases_of(document), kind) for document in documents]
    except ShapeError as error:
        raise UnusableError(str(error)) from None


def _cases(cases: list[JSON], kind: str) -> Iterator[Case | BadCase]:
    for position, case in enumerate(cases):
        try:
            yield read_case(case, position, kind)
        except ShapeError as error:
            yield BadCase(number=position, path=error.path, reason=error.reason)


def read_connections(stream: Iterable[bytes], kind: str) -> Iterator[Iterator[Case | BadCase]]:
    """Connections, one JSON object per line: ``{"reset": true}`` ends one and begins the next.

    Read each connection to its end before asking for the next.  Empty lines are ignored.
    """
    lines = enumerate(stream, 1)
    ended = False

    def until_reset() -> Iterator[tuple[int, bytes]]:
        nonlocal ended
        for number, line in lines:
            if _is_reset(line):
                return
            yield number, line
        ended = True

    while not ended:
        yield _read_lines(until_reset(), kind)


def _is_reset(line: bytes) -> bool:
    if b'"reset"' not in line:
        return False
    try:
        return parse(decode_text(line)) == {"reset": True}
    except ValueError:
        return False


def _read_lines(lines: Iterable[tuple[int, bytes]], kind: str) -> Iterator[Case | BadCase]:
    """One connection, from numbered lines."""
    position = 0
    for number, line in lines:
        if not line.strip():
            continue
        try:
            document = parse(decode_text(line.rstrip(b"\r\n")), first_line=number)
        except UnusableError as error:
            reason = f"not JSON: {error}: line {number}"
            yield BadCase(number=position, path=f"$[{position}]", reason=reason)
        except ValueError as error:
            yield BadCase(number=position, path=f"$[{position}]", reason=f"not JSON: {error}")
        else:
            try:
                yield read_case(document, position, kind, "$")
            except ShapeError as error:
                yield BadCase(number=position, path=error.path, reason=error.reason)
        position += 1


def read_http1(lines: Iterable[bytes]) -> Iterator[Case | BadCase]:
    """One connection as HTTP/1 header text: ``name: value`` lines, an empty line between lists.

    Lines end with LF or CRLF.  The search for the colon that ends the name starts at the second
    octet, so that pseudo-header fields work.  Blanks after the colon are skipped, and so is a byte
    order mark before the first line.
    """
    number = 0
    fields: list[Field] = []
    bad: BadCase | None = None
    for line_number, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\r\n")
        if line_number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        if not line:
            if fields or bad:
                yield bad or _text_case(number, fields)
                number += 1
            fields, bad = [], None
            continue
        colon = line.find(b":", 1)
        if colon < 0:
            bad = bad or BadCase(
                number=number, path=f"line {line_number}", reason="missing colon after the name"
            )
            continue
        fields.append((line[:colon], line[colon + 1 :].lstrip(b" \t")))
    if fields or bad:
        yield bad or _text_case(number, fields)


def _text_case(number: int, fields: list[Field]) -> Case:
    headers, octets = fields_to_json(fields)
    document: Object = {"headers": headers}
    if octets:
        document["octets"] = octets
    return Case(
        number=number,
        fields=tuple(fields),
        sensitive=frozenset(),
        wire=None,
        table_sizes=(),
        document=document,
    )
