"""Push rules from JSON files: this project's rules, and push manifests.

Contract: :func:`read_push_rules` returns rules or raises :class:`PushFileError`, whose message is
complete: the file, the position in it, what was expected there and what was found.  The position is
a line and column if the text is not JSON, and a JSON path if the JSON has invalid content.

Strategy: text → JSON → JSON Schema (2020-12) → rules.  The schemas are in the package; the
validator is imported only when a file is read.  The format of a file is recognized by its shape:
rules have a ``rules`` member, a manifest for several pages has objects of objects, one for a single
page has objects of plain values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from h2static.site.hints.rules import ALWAYS, Condition, PushRule, decode_path
from h2static.site.hints.targets import (
    CrossOrigin,
    Destination,
    FetchPriority,
    PushTarget,
    Relation,
    make_target,
)
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.patterns import parse_pattern
from h2static.site.plain_files import TextFileError, read_text_file

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

#: A JSON value; the schema determines its type.
Json = Any

#: The page of a manifest that names none: a site's start page.
_FIRST_PAGE = "index.html"


class PushFileError(ValueError):
    """An unusable file of push rules; the message is one line."""


def load_push_rules(file: str | Path, limits: SiteLimits = DEFAULTS) -> tuple[PushRule, ...]:
    """Read the rules in ``file``.

    Raises :class:`PushFileError`, or ``OSError`` if the file cannot be read.
    """
    try:
        text = read_text_file(file, limits.rule_file)
    except TextFileError as error:
        raise PushFileError(str(error)) from None
    return read_push_rules(text, str(file), limits)


def read_push_rules(text: str, file: str, limits: SiteLimits = DEFAULTS) -> tuple[PushRule, ...]:
    """The rules in ``text``; ``file`` is its name in messages.

    Raises :class:`PushFileError`.
    """
    try:
        return _read_document(_read_json(text, file), file, limits)
    except RecursionError:
        raise PushFileError(f"{file}: cannot be parsed: nested too deeply") from None


def _read_document(document: Json, file: str, limits: SiteLimits) -> tuple[PushRule, ...]:
    """The rules in a JSON document.  Raises :class:`PushFileError`."""
    if not isinstance(document, dict) or "rules" in document:
        _validate(document, "push-rules", None, file)
        return tuple(_rules_of(document["rules"], file, limits))
    several = any(
        isinstance(value, dict) and any(isinstance(inner, dict) for inner in value.values())
        for value in document.values()
    )
    _validate(document, "push-manifest", "pages" if several else "page", file)
    pages = document if several else {_FIRST_PAGE: document} if document else {}
    return tuple(_rules_of_manifest(pages, file, limits))


def _read_json(text: str, file: str) -> Json:
    """Parse ``text`` as JSON (RFC 8259) without duplicate names in objects."""

    def unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        members = dict(pairs)
        if len(members) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in members if names.count(name) > 1)
            raise PushFileError(f"{file}: {json.dumps(twice)} is repeated in one object")
        return members

    def refuse(constant: str) -> Json:
        raise PushFileError(f"{file}: {constant} is not valid JSON")

    try:
        return json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except json.JSONDecodeError as error:
        place = f"{file}:{error.lineno}:{error.colno}"
        line = text.split("\n")[error.lineno - 1 : error.lineno]
        shown = f": {line[0].strip()[:60]}" if line and line[0].strip() else ""
        raise PushFileError(f"{place}: not JSON: {error.msg}{shown}") from None
    except PushFileError:
        raise
    except ValueError:
        # Python's text names the function that sets its limit.
        raise PushFileError(f"{file}: cannot be parsed: a number has too many digits") from None


def _validate(document: Json, schema_name: str, definition: str | None, file: str) -> None:
    """Raise :class:`PushFileError` for the place where ``document`` violates the schema."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import best_match

    source = resources.files("h2static.site").joinpath(f"schemas/{schema_name}.schema.json")
    schema = json.loads(source.read_text("utf-8"))
    if definition is not None:
        schema["$ref"] = f"#/$defs/{definition}"
    error = best_match(Draft202012Validator(schema).iter_errors(document))
    if error is not None:
        raise PushFileError(f"{file}: {error.json_path}: {_expectation(error)}")


#: JSON's names for the types of Python values.
_TYPES = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}


def _expectation(error: ValidationError) -> str:
    """What was expected and what was found, in JSON terms."""
    # The values of the document and the schema at that place.
    value: Any = error.instance
    wanted: Any = error.validator_value
    found = _shown(value)
    match error.validator:
        case "type":
            article = "an" if str(wanted)[0] in "aeiou" else "a"
            return f"expected {article} {wanted}, found {found}"
        case "enum":
            return f"expected one of {', '.join(map(json.dumps, wanted))}, found {found}"
        case "required":
            missing = next(name for name in wanted if name not in value)
            return f"the member {json.dumps(missing)} is missing"
        case "additionalProperties":
            known: dict[str, Json] = error.schema["properties"]  # type: ignore[index]  # an object
            unknown = next(name for name in value if name not in known)
            return f"{json.dumps(unknown)} is not one of {', '.join(map(json.dumps, known))}"
        case "pattern":
            return f"expected {_PATTERNS.get(wanted, wanted)}, found {found}"
        case "anyOf":
            return f'expected a URL or an object with "href", found {found}'
        case "minItems" | "minLength" | "minProperties":
            return f"expected at least {wanted}, found {found}"
        case "maxItems" | "maxLength" | "maxProperties":
            return f"expected at most {wanted}, found {len(value)}"
        case "minimum":
            return f"expected at least {wanted}, found {found}"
        case "maximum":
            return f"expected at most {wanted}, found {found}"
        case _:
            return error.message


#: The patterns of the schemas, in words.
_PATTERNS = {
    "^[/*][^?#]*$": "a path that starts with / or * and has no query",
    "^(/|https?://)": "a path that starts with /, or an http or https URL",
    "^[^/\\s]+/[^/\\s]+$": "a media type",
    "^sha(256|384|512)-": "integrity metadata (sha256-..., sha384-... or sha512-...)",
}


def _shown(value: Json) -> str:
    """A JSON value for a message: in full if short, otherwise its type."""
    text = json.dumps(value)
    return text if len(text) <= 40 else _TYPES.get(type(value), "a number")


def _rules_of(
    rules: Iterable[Mapping[str, Json]], file: str, limits: SiteLimits
) -> Iterable[PushRule]:
    for number, rule in enumerate(rules):
        when = rule.get("when", {})
        place = f"$.rules[{number}]"
        targets = [
            _target_of(
                {"href": target} if isinstance(target, str) else target,
                when.get("media"),
                f"{file}: {place}.targets[{position}]",
                limits,
            )
            for position, target in enumerate(rule["targets"])
        ]
        path = decode_path(rule["path"])
        try:
            parse_pattern(path)
        except ValueError as error:
            raise PushFileError(f"{file}: {place}.path: {error}") from None
        yield PushRule(
            path=path,
            pattern=True,
            condition=Condition(
                navigation=when.get("navigation"), first_visit=when.get("firstVisit")
            ),
            targets=tuple(targets),
        )


def _target_of(
    target: Mapping[str, Json], media: str | None, place: str, limits: SiteLimits
) -> PushTarget:
    def chosen(name: str) -> str | None:
        value: str | None = target.get(name)
        return value or None

    destination, relation = chosen("as"), chosen("rel")
    crossorigin, priority = chosen("crossorigin"), chosen("fetchpriority")
    try:
        return make_target(
            target["href"],
            destination=Destination(destination) if destination else None,
            relation=Relation(relation) if relation else None,
            crossorigin=CrossOrigin(crossorigin) if crossorigin else None,
            fetchpriority=FetchPriority(priority) if priority else FetchPriority.AUTO,
            type=chosen("type"),
            media=chosen("media") or media,
            integrity=chosen("integrity"),
            limits=limits,
        )
    except ValueError as error:
        raise PushFileError(f"{place}: {error}") from None


def _rules_of_manifest(
    pages: Mapping[str, Mapping[str, Mapping[str, Json]]], file: str, limits: SiteLimits
) -> Iterable[PushRule]:
    for page, members in pages.items():
        targets = []
        for url, properties in members.items():
            # http2-push-manifest writes paths, polymer-build names relative to the root.
            href = url if url.startswith(("/", "http:", "https:")) else f"/{url}"
            given = {"href": href, "as": properties.get("type")}
            given["crossorigin"] = properties.get("crossorigin")
            place = f"{file}: $[{json.dumps(page)}][{json.dumps(url)}]"
            targets.append(_target_of(given, None, place, limits))
        for path, pattern in _paths_of_page(page):
            yield PushRule(path=path, pattern=pattern, condition=ALWAYS, targets=tuple(targets))


def _paths_of_page(page: str) -> list[tuple[str, bool]]:
    """The paths of a page in a manifest, each with whether it is a pattern.

    ``index.html`` is also the folder it is in; ``/list/.*`` is how polymer-build writes "below".
    """
    path = decode_path("/" + page.lstrip("/"))
    if path.endswith("/.*"):
        return [(path[:-2] + "*", True)]
    if path.endswith("/index.html"):
        return [(path, False), (path.removesuffix("index.html"), False)]
    return [(path, False)]
