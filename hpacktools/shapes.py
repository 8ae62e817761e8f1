"""Recognizing well-formed JSON with plain code.

Contract: every function here accepts exactly what the JSON Schema of the same name in
:mod:`hpacktools.schemas` accepts (a property test keeps them in step).  Well-formed input, which is
nearly all input, therefore never pays for ``jsonschema``; if a function says no, the schema
explains why.

Quirks of the http2jp corpus are well-formed: ``header_table_size`` and ``seqno`` may be ``null`` or
absent, and unknown members are ignored.
"""

from __future__ import annotations

import re
from typing import TypeAlias, TypeGuard

#: A value as ``json`` returns it.
JSON: TypeAlias = "dict[str, JSON] | list[JSON] | str | int | float | bool | None"
#: A JSON object.
Object: TypeAlias = dict[str, JSON]


class Repeated(dict[str, "JSON"]):
    """An object with a duplicate member, so that it is unclear which of the two is meant.

    No function here accepts it as an object.
    """

    __slots__ = ("member",)

    def __init__(self, members: Object, member: str) -> None:
        super().__init__(members)
        #: The name of the first duplicate member.
        self.member = member


#: SETTINGS values have 32 bits (RFC 9113 section 6.5.1).
MAX_SETTING = 2**32 - 1


def is_integer(value: JSON, maximum: float = float("inf")) -> bool:
    """An integer from 0 to ``maximum``, written as one: ``4096.0`` is not accepted."""
    return type(value) is int and 0 <= value <= maximum


def is_text(value: JSON) -> bool:
    """A string without lone surrogates, so that it has a UTF-8 form."""
    if type(value) is not str:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_hex(value: JSON) -> bool:
    """An even number of hexadecimal digits, and nothing else."""
    if type(value) is not str:
        return False
    try:
        octets = bytes.fromhex(value)
    except ValueError:
        return False
    # fromhex skips spaces.
    return len(value) == 2 * len(octets)


#: The octets of a block as dumps show them.
_DUMPED = re.compile(r"[ \t\r\n:]*(?:(?:0[xX])?[0-9a-fA-F]{2}[ \t\r\n:]*)*")
_BETWEEN_OCTETS = re.compile(r"[ \t\r\n:]+|0[xX]")


def is_wire(value: JSON) -> bool:
    """A header block: hexadecimal digits; spaces, line feeds and colons may separate octets, and
    ``0x`` may precede them."""
    return is_hex(value) or (isinstance(value, str) and _DUMPED.fullmatch(value) is not None)


def digits_of_wire(text: str) -> str:
    """Only the digits of a header block that :func:`is_wire` accepts."""
    # "0x" cannot begin inside an octet: "x" is not a digit.
    return text if is_hex(text) else _BETWEEN_OCTETS.sub("", text)


def is_headers(value: JSON) -> bool:
    """A header list: objects with exactly one member, whose value is text."""
    if type(value) is not list:
        return False
    for header in value:
        if type(header) is not dict or len(header) != 1:
            return False
        ((name, text),) = header.items()
        if type(text) is not str:
            return False
        if not (name.isascii() and text.isascii()) and not (is_text(name) and is_text(text)):
            return False
    return True


def _is_octets(value: JSON) -> bool:
    if type(value) is not dict:
        return False
    for position, field in value.items():
        if not _is_position(position):
            return False
        if type(field) is not dict or len(field) != 2:
            return False
        if not ("name" in field and "value" in field):
            return False
        if not (is_hex(field["name"]) and is_hex(field["value"])):
            return False
    return True


def _is_position(text: str) -> bool:
    return text.isascii() and text.isdigit() and (text == "0" or text[0] != "0")


def _has_optional_members(case: Object) -> bool:
    """Whether the members that any kind of case may have are valid, if present."""
    if "header_table_size" in case:
        size = case["header_table_size"]
        if size is not None and not is_integer(size, MAX_SETTING):
            return False
    if "header_table_sizes" in case:
        sizes = case["header_table_sizes"]
        if type(sizes) is not list or not sizes:
            return False
        if not all(is_integer(size, MAX_SETTING) for size in sizes):
            return False
    for key in ("seq", "seqno"):
        if key in case and not is_integer(case[key]):
            return False
    if "sensitive" in case:
        sensitive = case["sensitive"]
        if type(sensitive) is not list:
            return False
        if not all(is_integer(item) or is_text(item) for item in sensitive):
            return False
    return "octets" not in case or _is_octets(case["octets"])


def is_deflate_case(case: JSON) -> TypeGuard[Object]:
    """A case that can be encoded: it has ``headers``."""
    return (
        type(case) is dict
        and "headers" in case
        and is_headers(case["headers"])
        and _has_optional_members(case)
    )


def is_inflate_case(case: JSON) -> TypeGuard[Object]:
    """A case that can be decoded: it has ``wire``."""
    return (
        type(case) is dict
        and "wire" in case
        and is_wire(case["wire"])
        and _has_optional_members(case)
    )


def is_story_case(case: JSON) -> TypeGuard[Object]:
    """A case of a story: it has ``headers``, or ``wire``, or both."""
    return (
        type(case) is dict
        and ("headers" in case or "wire" in case)
        and ("headers" not in case or is_headers(case["headers"]))
        and ("wire" not in case or is_wire(case["wire"]))
        and ("expect" not in case or _is_expectation(case["expect"]))
        and _has_optional_members(case)
    )


def _is_expectation(value: JSON) -> bool:
    if type(value) is not dict:
        return False
    result = value.get("result")
    if result == "refuse":
        return (
            is_text(value.get("section"))
            and ("offset" not in value or is_integer(value["offset"]))
            and ("error" not in value or is_text(value["error"]))
            and type(value.get("may_accept", False)) is bool
        )
    if result != "accept" or type(value.get("may_refuse", False)) is not bool:
        return False
    return "header_table" not in value or is_header_table(value["header_table"])


def is_header_table(value: JSON) -> bool:
    """A dumped dynamic table."""
    if type(value) is not dict or type(value.get("entries")) is not list:
        return False
    if not (is_integer(value.get("size")) and is_integer(value.get("max_size"))):
        return False
    entries = value["entries"]
    assert isinstance(entries, list)
    for entry in entries:
        if type(entry) is not dict:
            return False
        if not (is_text(entry.get("name")) and is_text(entry.get("value"))):
            return False
        if not (is_integer(entry.get("index")) and is_integer(entry.get("size"))):
            return False
        for key in ("name_hex", "value_hex"):
            if key in entry and not is_hex(entry[key]):
                return False
    return True
