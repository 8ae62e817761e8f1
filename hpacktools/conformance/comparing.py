"""Differences between a command's answer and the expected result.

Contract: every function returns a sentence, or an empty string if nothing differs.  Fields are
octets: the text that a command writes for a field that is not UTF-8 is not compared.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from hpacktools.codec import Field
from hpacktools.jsonforms import fields_to_json, is_utf8
from hpacktools.shapes import JSON, Object


def difference(found: Sequence[Field], expected: Sequence[Field]) -> str:
    """The first difference between two header lists."""
    for position, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"field {position} is {one!r}, not {other!r}"
    return "" if len(found) == len(expected) else f"{len(found)} fields, not {len(expected)}"


def same_fields(result: Object, expected: Sequence[Field]) -> str:
    """The first difference between the header list of ``result`` and ``expected``.

    Fields that are not UTF-8 cannot be compared if the command writes neither ``octets`` nor
    ``fields``; if it writes ``octets`` for a position, its text there is not compared.
    """
    pairs = result.get("fields")
    if isinstance(pairs, list):
        return difference([_field(pair) for pair in pairs], expected)
    headers = result["headers"]
    assert isinstance(headers, list)
    wanted, _ = fields_to_json(expected)
    if len(headers) != len(wanted):
        return f"{len(headers)} fields, not {len(wanted)}"
    octets = result.get("octets")
    for position, (found, header, field) in enumerate(zip(headers, wanted, expected, strict=True)):
        if isinstance(octets, dict):
            told = octets.get(str(position))
            if told is not None:
                if not _is_field(told, field):
                    return f"the octets of field {position} are {json.dumps(told)}, not {field!r}"
                continue
        elif not all(map(is_utf8, field)):
            continue
        if found != header:
            return f"field {position} is {json.dumps(found)}, not {json.dumps(header)}"
    return ""


def _field(pair: JSON) -> Field:
    assert isinstance(pair, list)
    name, value = pair
    return bytes.fromhex(str(name)), bytes.fromhex(str(value))


def _is_field(told: JSON, field: Field) -> bool:
    """Whether a member of ``octets`` matches the octets of ``field``."""
    if not isinstance(told, dict):
        return False
    found = (told.get("name"), told.get("value"))
    return all(
        isinstance(digits, str) and digits.lower() == octets.hex()
        for digits, octets in zip(found, field, strict=True)
    )


def same_sensitive(result: Object, expected: frozenset[int]) -> str:
    """The difference in the never-indexed fields, which a command need not report."""
    found = result.get("sensitive")
    if found is None or found == sorted(expected):
        return ""
    return f"never-indexed fields are {json.dumps(found)}, not {sorted(expected)}"


def same_table(result: Object, expected: Object) -> str:
    """The difference between the dumped table of ``result`` and ``expected``.

    A command need not dump its table, and octets that are not UTF-8 cannot be compared if it does
    not write ``name_hex`` and ``value_hex``.
    """
    found = result.get("header_table", expected)
    if isinstance(found, dict):
        wanted, entries = expected["entries"], found.get("entries")
        assert isinstance(wanted, list)
        if (
            isinstance(entries, list)
            and len(entries) == len(wanted)
            and all(map(_is_entry, entries, wanted))
            and all(found.get(key) == expected[key] for key in ("size", "max_size"))
        ):
            return ""
    return f"the table is {json.dumps(found)}"


def _is_entry(found: JSON, wanted: JSON) -> bool:
    """Whether an entry of a dumped table is the ``wanted`` one, as far as the dump shows."""
    assert isinstance(wanted, dict)
    if not isinstance(found, dict):
        return False
    told = {key for key in ("name", "value") if isinstance(found.get(f"{key}_hex"), str)}
    skipped = told | {key for key in ("name", "value") if f"{key}_hex" in wanted}
    # Text represents UTF-8 only; the octets of an entry are compared where they are given.
    for key in told:
        octets = str(wanted.get(f"{key}_hex", str(wanted[key]).encode().hex()))
        if str(found[f"{key}_hex"]).lower() != octets:
            return False
    return all(
        found.get(key) == value
        for key, value in wanted.items()
        if key not in skipped and not key.endswith("_hex")
    )
