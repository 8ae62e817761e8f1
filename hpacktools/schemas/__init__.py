"""JSON Schemas (2020-12) of the documents that the tools read and write.

Importing this module loads ``jsonschema``, which takes as long as everything else in a tool.  So it
is imported only if input is malformed, to say what is wrong.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from importlib import resources
from typing import Final

from jsonschema import Draft202012Validator, validators
from jsonschema.exceptions import ValidationError, best_match

from hpacktools.jsonforms import ShapeError, find_repeated
from hpacktools.shapes import JSON, Object

#: The schemas by name; each is the file ``NAME.json`` next to this module.
SCHEMA_NAMES: Final = (
    "story",
    "deflate-input",
    "deflate-output",
    "inflate-input",
    "inflate-output",
    "report",
    "fuzz-report",
)
#: Maximum length of a value quoted in a message, in characters.
_QUOTED: Final = 80


def schema(name: str) -> Object:
    """The schema ``name``, one of :data:`SCHEMA_NAMES`."""
    text = (resources.files(__package__) / f"{name}.json").read_text("utf-8")
    document: Object = json.loads(text)
    return document


#: A number with a fraction is not an integer here, not even ``4096.0``, which JSON Schema accepts
#: as one: counts are never written that way, and nghttp2's tools do not read it.
_Validator: Final[type[Draft202012Validator]] = validators.extend(  # type: ignore[no-untyped-call]
    # (The stubs leave its types out.)
    Draft202012Validator,
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda checker, value: type(value) is int
    ),
)


@functools.cache
def _validator(name: str, definition: str | None) -> Draft202012Validator:
    document = schema(name)
    if definition is not None:
        document = {"$ref": f"#/$defs/{definition}", "$defs": document["$defs"]}
    return _Validator(document)


def problems(name: str, document: JSON, definition: str | None = None) -> list[ShapeError]:
    """All violations of the schema ``name`` in ``document``.

    ``definition`` names one of its ``$defs`` to validate against instead of the whole schema.
    """
    errors = _validator(name, definition).iter_errors(document)
    return [_shape_error(error, "$") for error in errors]


def explain_case(name: str, document: JSON, path: str) -> ShapeError:
    """The main error in a case of a document of the kind ``name``; ``path`` is its JSON path."""
    if repeated := find_repeated(document, path):
        # A schema cannot express this.
        return repeated
    error = best_match(_validator(name, "case").iter_errors(document))
    assert error is not None, "the recognizer and the schema disagree"
    return _shape_error(error, path)


def _shape_error(error: ValidationError, root: str) -> ShapeError:
    return ShapeError(root + error.json_path[1:], _reason(error))


def _reason(error: ValidationError) -> str:
    """The error as a sentence for people."""
    value = error.instance
    match error.validator:
        case "required":
            return error.message.replace(" is a required property", " is missing")
        case "type":
            return f"{_quote(value)} is not of type {error.validator_value}"
        case "minProperties" | "maxProperties":
            assert isinstance(value, dict)
            return f"a header must be an object with exactly one member, not {len(value)}"
        case "pattern":
            assert isinstance(error.schema, dict)
            expected = str(error.schema.get("description", "of the right form"))
            return f"{_quote(value)}: must be {expected[0].lower()}{expected[1:].rstrip('.')}"
        case "const":
            return f"{_quote(value)} is not {_quote(error.validator_value)}"
        case "anyOf" | "oneOf" if error.context:
            return _reason_of_all(error.context)
        case _:
            return error.message if len(error.message) < 300 else error.message[:300] + "…"


def _reason_of_all(errors: Iterable[ValidationError]) -> str:
    """Why none of several alternatives matches."""
    errors = list(errors)
    types = [str(error.validator_value) for error in errors if error.validator == "type"]
    if len(types) == len(errors):
        return f"{_quote(errors[0].instance)} is not of type {' or '.join(dict.fromkeys(types))}"
    return ", and ".join(dict.fromkeys(map(_reason, errors)))


def _quote(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _QUOTED else text[:_QUOTED] + "…"
