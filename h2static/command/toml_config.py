"""Configuration files: TOML, every option under its long name.

Contract: :func:`read_file` returns the contents of a file, checked against the JSON Schema that the
option table yields and parsed by the same parsers as the command line, or raises
:class:`~h2static.errors.UsageError` with a one-line message that names the file and the key, or the
line where the file is not TOML.  Paths in a file are relative to its folder.
"""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from h2static.command.command_line import parse_value
from h2static.command.host_tables import OF_PORT, read_tables
from h2static.command.options import OPERANDS, OPTIONS, Argument, Option, Schema
from h2static.command.options.upstreams import read_proxies
from h2static.errors import StartError, UsageError
from h2static.site.plain_files import TextFileError, read_text_file

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

#: Maximum size of a configuration file in octets.
MAX_LENGTH = 1024 * 1024

_IN_FILE = {option.name: option for option in OPTIONS if option.in_file}
_OPERANDS = {operand.key: operand for operand in OPERANDS if operand.key not in _IN_FILE}


@dataclass(slots=True, kw_only=True)
class FileConfig:
    """The contents of a configuration file."""

    #: Values as written, by option or operand name.
    written: dict[str, object]
    #: The same, parsed.
    values: dict[str, object]
    #: The folder that paths are relative to.
    folder: str = ""


def schema() -> Schema:
    """The JSON Schema (2020-12) of a configuration file."""
    properties: dict[str, Schema] = {
        name: {**operand.schema, "description": operand.help} for name, operand in _OPERANDS.items()
    }
    properties.update((name, option.file_schema()) for name, option in _IN_FILE.items())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of h2static",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def read_file(path: str) -> FileConfig:
    """Read the configuration file ``path``.

    Raises ``UsageError``, or ``StartError`` when the file cannot be read.
    """
    try:
        text = read_text_file(path, MAX_LENGTH)
    except OSError as error:
        raise StartError(f"cannot read the configuration: {path}: {error.strerror}") from error
    except TextFileError as error:
        raise UsageError(str(error)) from None
    try:
        written = tomllib.loads(text)
        _check(path, written)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not TOML: {error}") from None
    except RecursionError:
        raise UsageError(f"{path}: cannot be parsed: nested too deeply") from None
    folder = os.path.dirname(os.path.abspath(path))
    values = {name: _value(name, what, path, folder) for name, what in written.items()}
    return FileConfig(written=written, values=values, folder=folder)


def _check(path: str, written: Mapping[str, object]) -> None:
    """Validate ``written`` against the schema.  Raises ``UsageError``."""
    # Imported here: a start without a configuration file need not wait for it.
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    error = best_match(Draft202012Validator(schema()).iter_errors(written))
    if error is not None:
        raise UsageError(f"{path}: {_explain(error)}")


def _explain(error: ValidationError) -> str:
    """A one-line description of the error and its place."""
    where = _place(list(error.absolute_path))
    known = _known_keys(error)
    if known is not None:
        assert isinstance(error.instance, dict)
        unknown = min(error.instance.keys() - set(known))
        key = f"{where}: {unknown}" if where else unknown
        if unknown in OF_PORT and where.startswith("[[host]]"):
            return (
                f"{key}: applies to a whole port, because Python cannot select it by host name"
                " during a handshake: set it in [[listen]] or at the top level"
            )
        return _unknown(where, unknown, known)
    if error.validator == "required" and isinstance(error.validator_value, list):
        assert isinstance(error.instance, dict)
        assert isinstance(error.schema, dict)
        known = list(error.schema.get("properties", ()))
        unknown = min(error.instance.keys() - set(known), default=None)
        if unknown is not None:
            # Most likely it is a misspelling of the missing one.
            return _unknown(where, unknown, known)
        missing = min(set(error.validator_value) - error.instance.keys())
        return f"{where}: {missing} is missing" if where else f"{missing} is missing"
    if error.validator in ("anyOf", "oneOf"):
        meant = _meant(error)
        if meant is not None:
            return _explain(meant)
        assert isinstance(error.validator_value, list)
        expected = " or ".join(map(_expectation, error.validator_value))
    elif error.validator in ("type", "pattern"):
        assert isinstance(error.schema, dict)
        expected = _expectation(error.schema)
    else:
        return f"{where}: {_shorten(error.message)}"
    return f"{where}: expected {expected}, not {_shown(error.instance)}"


def _unknown(where: str, key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{where}: {key}: unknown key{hint}" if where else f"{key}: unknown key{hint}"


def _place(path: list[str | int]) -> str:
    """The place in the file that ``path`` leads to: ``cache.*``, ``[[host]] 2: names``."""
    parts: list[str] = []
    while path[:1] in (["host"], ["listen"]) and len(path) > 1 and isinstance(path[1], int):
        parts.append(f"[[{path[0]}]] {path[1] + 1}")
        path = path[2:]
    if path[:1] in (["mount"], ["proxy"]) and len(path) > 1 and isinstance(path[1], str):
        parts.append(f'[{path[0]}."{path[1]}"]')
        path = path[2:]
    if path:
        parts.append(".".join(map(str, path)))
    return ": ".join(parts)


def _known_keys(error: ValidationError) -> list[str] | None:
    """The valid keys of the table with an unknown one; ``None``: that is not the error."""
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return None
    if not error.absolute_path:
        return [*_IN_FILE, *_OPERANDS]
    assert isinstance(error.schema, dict)
    of_table = error.absolute_path[0] in ("host", "listen", "mount", "proxy")
    return list(error.schema["properties"]) if of_table else None


def _meant(error: ValidationError) -> ValidationError | None:
    """The error in the form that a value was meant to have, if there are several forms."""
    from jsonschema.exceptions import best_match

    forms: dict[object, list[ValidationError]] = {}
    for inner in error.context or ():
        forms.setdefault(inner.schema_path[0], []).append(inner)
    meant = [
        form
        for form in forms.values()
        if not any(one.validator in ("type", "const") and not one.path for one in form)
    ]
    return best_match(meant[0]) if len(meant) == 1 else None


#: The patterns of the schema in words.
_PATTERNS = {
    "^[0-9]+[KMGkmg]?$": "digits, optionally followed by K, M or G",
    "^[^=]+$": "a pattern without '='",
    "^[^:]+$": "a pattern without ':'",
    "^/[^=]*$": "a path that starts with / and has no '='",
    "^[^,]+$": "a target without ','",
    "^/": "a path that starts with /",
}
_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "a table",
    "string": "text",
}


def _expectation(one: Mapping[str, object]) -> str:
    """The expected kind of value, in words."""
    if "const" in one:
        return _shown(one["const"])
    if "pattern" in one:
        return _PATTERNS[str(one["pattern"])]
    return _TYPES.get(str(one.get("type")), "another value")


def _shown(value: object) -> str:
    """``value`` as it is written in a file."""
    try:
        return _shorten(_toml(value))
    except TypeError:
        # A date, which no option takes.
        return _shorten(str(value))


def _shorten(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[:limit] + "..."


def _value(name: str, written: object, path: str, folder: str) -> object:
    """The parsed value of the key ``name``."""
    option = _IN_FILE.get(name)
    if option is None:
        return written if name == "port" else os.path.join(folder, str(written))
    if name == "proxy":
        return read_proxies(written, path, folder)
    if option.tables is not None:
        return tuple(read_tables(name, written, path, folder, _parse))
    value = _parse(name, written, f"{path}: {name}")
    if option.completes and isinstance(value, tuple):
        return tuple(os.path.join(folder, one) for one in value)
    if option.completes and value != "-":
        return os.path.join(folder, str(value))
    return value


def _parse(name: str, written: object, where: str) -> object:
    """Parse the value of the option ``name`` in a file; paths stay as written."""
    option = _IN_FILE[name]
    if isinstance(written, dict):
        assert option.section is not None
        written = option.section.texts(written)
    return parse_value(option, written, where)


def from_words(written: Mapping[str, object]) -> dict[str, object]:
    """Command-line values by option name, in the form of a file, where numbers are not strings."""
    said: dict[str, object] = {}
    for name, value in written.items():
        option = _IN_FILE.get(name)
        numbers = option is not None and _takes_numbers(option.schema or {})
        said[name] = _number(value) if numbers and isinstance(value, str) else value
    return said


def _takes_numbers(one: Schema) -> bool:
    forms = one.get("anyOf", [])
    assert isinstance(forms, list)
    return one.get("type") in ("integer", "number") or any(map(_takes_numbers, forms))


def _number(text: str) -> object:
    """``text`` as a number, or ``text`` itself if it is not one, such as ``auto``."""
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def render(written: Mapping[str, object]) -> str:
    """A configuration file with ``written``, and the defaults of the rest in comments."""
    lines = [f"{name} = {_toml(written[name])}" for name in _OPERANDS if name in written]
    sections = []
    for name, option in _IN_FILE.items():
        if name not in written:
            lines.append(f"# {name}: {_default(option)}")
        elif isinstance(written[name], dict):
            sections.append(f"{name} = {_toml(written[name])}")
        else:
            lines.append(f"{name} = {_toml(written[name])}")
    return "\n".join([*lines, *sections]) + "\n"


def _default(option: Option) -> str:
    if option.default:
        return option.default
    return "false" if option.argument is Argument.NONE else "none"


#: Octets that are not UTF-8, as Python represents them in text.
_NO_TEXT = re.compile("[\ud800-\udfff]")
_NOT_ASCII = re.compile("[\x7f-\U0010ffff]")


def _toml(value: object) -> str:
    """``value`` in TOML; tables are written in one line."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str) and _NO_TEXT.search(value):
        raise UsageError(f"{value!r} is not UTF-8, so it cannot be written in a configuration file")
    # A basic string of TOML is written like a string of JSON; so are numbers and truth values.
    # But TOML has no escapes for surrogate pairs, and requires one for DEL.
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_ASCII.sub(lambda match: f"\\U{ord(match[0]):08x}", text)
