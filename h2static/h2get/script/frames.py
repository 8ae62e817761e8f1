"""A frame's line: words into a frame to send or into a pattern of what is expected.

Contract: :func:`spec` and :func:`pattern` take the words of a line after its sign and the indented
lines below it; both raise ``ValueError`` with one line that says what is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from h2static.h2get.script import words
from h2static.h2get.script.model import (
    Compare,
    FieldPattern,
    FramePattern,
    FrameSpec,
    Representation,
    WrittenField,
)
from h2static.http2 import frames as f
from h2static.http2 import registry as r

#: Types whose frames carry fields.
_WITH_FIELDS: Final = frozenset((r.HEADERS, r.PUSH_PROMISE, r.CONTINUATION))
_METHOD: Final = re.compile(r"[A-Z]+")
_PAIR: Final = re.compile(r"([:a-zA-Z0-9_\-.]+?)(!=|<=|>=|=|<|>)(.*)", re.DOTALL)
_FIELD: Final = re.compile(r"(?:@(\w+) )?(:?[^:]*):(?: ?)(.*)", re.DOTALL)

#: How the value of a key is read, for what is sent and what is expected alike.
_VALUES: Final[Mapping[str, Callable[[str], object]]] = {
    "stream": words.number,
    "length": partial(words.number, most=2**24 - 1),
    "padding": partial(words.number, most=2**24 - 1),
    "promised": words.number,
    "last_stream": words.number,
    "prioritized": words.number,
    "increment": words.number,
    "dependency": words.number,
    "weight": words.number,
    "exclusive": partial(words.number, most=1),
    "code": words.code,
    "opaque": words.hexadecimal,
    "payload": words.hexadecimal,
    "block": words.hexadecimal,
    "data": words.unescape,
    "debug": words.unescape,
    "value": words.unescape,
    "size": partial(words.number, most=2**24 - 1),
    "flags": partial(words.number, most=0xFF),
    "type": partial(words.number, most=0xFF),
    "number": words.number,
    "reserved": partial(words.number, most=1),
    "resize": lambda text: tuple(map(words.number, text.split(","))),
}


def _type(word: str) -> int:
    if word in words.TYPES:
        return words.TYPES[word]
    try:
        return words.number(word, most=0xFF)
    except ValueError:
        raise ValueError(f"{word!r} is not a type of frame") from None


def _flag(word: str, frame_type: int) -> int:
    flags = words.flags_of(frame_type)
    if word not in flags:
        raise ValueError(f"{word!r} is not a flag of this frame type")
    return flags[word]


# ---------------------------------------------------------------------- to send


def spec(tokens: Sequence[str], below: Sequence[str], variables: Mapping[str, str]) -> FrameSpec:
    """The frame that a line describes.

    ``GET /path stream=1`` stands for HEADERS with the fields that a request needs; ``variables``
    has the ``scheme`` and the ``authority`` of those.
    """
    first, *rest = tokens
    fields: list[WrittenField] = []
    flags = 0
    if rest and _METHOD.fullmatch(first) and first not in words.TYPES:
        frame_type, path = r.HEADERS, rest.pop(0)
        flags = r.END_STREAM
        fields = [
            WrittenField(name=b":method", value=first.encode()),
            WrittenField(name=b":scheme", value=variables.get("scheme", "").encode()),
            WrittenField(name=b":authority", value=variables.get("authority", "").encode()),
            WrittenField(name=b":path", value=words.unescape(path)),
        ]
    else:
        frame_type = _type(first)
    if frame_type in (r.HEADERS, r.PUSH_PROMISE):
        flags |= r.END_HEADERS
    values: dict[str, object] = {}
    settings: list[tuple[int, int]] = []
    for word in rest:
        match = _PAIR.fullmatch(word)
        if match is None:
            if word.startswith("-"):
                flags &= ~_flag(word[1:], frame_type)
            else:
                flags |= _flag(word, frame_type)
        elif match[2] != "=":
            raise ValueError(f"{word!r}: a frame to send takes values, not comparisons")
        elif match[1] in _VALUES:
            values[match[1]] = _VALUES[match[1]](match[3])
        elif frame_type == r.SETTINGS:
            settings.append((_setting(match[1]), words.number(match[3])))
        elif frame_type in _WITH_FIELDS:
            fields.append(WrittenField(name=match[1].encode(), value=words.unescape(match[3])))
        else:
            raise ValueError(f"this frame type has no {match[1]!r}")
    for line in below:
        if frame_type == r.SETTINGS:
            name, _, value = line.partition(":")
            settings.append((_setting(name.strip()), words.number(value.strip())))
        elif frame_type in _WITH_FIELDS:
            fields.append(_written_field(line))
        else:
            raise ValueError("this frame type takes no indented lines")
    return _spec(frame_type, flags, values, settings, fields)


def _setting(name: str) -> int:
    if name in words.SETTINGS:
        return words.SETTINGS[name]
    try:
        return words.number(name, most=0xFFFF)
    except ValueError:
        raise ValueError(f"{name!r} is not a setting") from None


def _written_field(line: str) -> WrittenField:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise ValueError(f"{line!r} is not a field: expected 'name: value'")
    try:
        representation = Representation(match[1] or "indexed")
    except ValueError:
        raise ValueError(f"@{match[1]}: expected @indexed, @literal or @never") from None
    return WrittenField(
        name=words.unescape(match[2]),
        value=words.unescape(match[3].strip(" ")),
        representation=representation,
    )


def _spec(
    frame_type: int,
    flags: int,
    values: dict[str, object],
    settings: list[tuple[int, int]],
    fields: list[WrittenField],
) -> FrameSpec:
    def get(name: str, default: int = 0) -> int:
        value = values.pop(name, default)
        assert isinstance(value, int)
        return value

    def octets(name: str) -> bytes:
        value = values.pop(name, b"")
        assert isinstance(value, bytes)
        return value

    result = FrameSpec(type=get("type", frame_type), stream=get("stream"), flags=flags)
    result.reserved = bool(get("reserved"))
    if "flags" in values:
        result.flags = get("flags")
    if "length" in values:
        result.length = get("length")
    result.padding = get("padding")
    if result.padding:
        result.flags |= r.PADDED
    if "payload" in values:
        result.payload = octets("payload")
    elif frame_type == r.DATA:
        result.payload = octets("data") + bytes(get("size"))
    elif frame_type in _WITH_FIELDS:
        if frame_type == r.PUSH_PROMISE:
            result.prefix = get("promised").to_bytes(4, "big")
        elif "dependency" in values or "weight" in values:
            result.prefix = _priority(get)
            result.flags |= r.PRIORITY_FLAG
        if "block" in values:
            result.payload = result.prefix + octets("block")
        result.fields = tuple(fields)
        sizes = values.pop("resize", ())
        assert isinstance(sizes, tuple)
        result.resize = sizes
    else:
        result.payload = _payload(frame_type, get, octets, settings)
    if values:
        raise ValueError(f"this frame type has no {next(iter(values))!r}")
    return result


def _priority(get: Callable[..., int]) -> bytes:
    dependency = get("dependency") | get("exclusive") << 31
    return dependency.to_bytes(4, "big") + bytes((get("weight", 16) - 1 & 0xFF,))


def _payload(
    frame_type: int,
    get: Callable[..., int],
    octets: Callable[[str], bytes],
    settings: list[tuple[int, int]],
) -> bytes:
    """The payload of a frame without fields."""
    frame: f.Frame
    if frame_type == r.RST_STREAM:
        frame = f.RstStream(stream_id=0, code=get("code"))
    elif frame_type == r.SETTINGS:
        frame = f.Settings(entries=tuple(settings))
    elif frame_type == r.PING:
        frame = f.Ping(opaque=octets("opaque") or bytes(8))
    elif frame_type == r.GOAWAY:
        frame = f.GoAway(last_stream_id=get("last_stream"), code=get("code"), debug=octets("debug"))
    elif frame_type == r.WINDOW_UPDATE:
        frame = f.WindowUpdate(stream_id=0, increment=get("increment"))
    elif frame_type == r.PRIORITY_UPDATE:
        frame = f.PriorityUpdate(prioritized_stream_id=get("prioritized"), value=octets("value"))
    elif frame_type == r.PRIORITY:
        return _priority(get)
    else:
        return octets("data") + bytes(get("size"))
    return frame.serialize()[r.FRAME_HEADER_SIZE :]


# ---------------------------------------------------------------------- to expect


def pattern(tokens: Sequence[str], below: Sequence[str] = ()) -> FramePattern:
    """The pattern that a line describes; ``200 stream=1`` is HEADERS with that status."""
    text = " ".join([*tokens, *below])
    first, *rest = tokens
    if first == "closed":
        if rest or below:
            raise ValueError("'closed' takes no parameters")
        return FramePattern(type=None, text=text)
    status = re.fullmatch(r"(?:status=)?([1-5xX*][0-9xX*]{2}(?:\|[1-5xX*][0-9xX*]{2})*)", first)
    result = FramePattern(type=r.HEADERS if status else _type(first), text=text)
    if status is not None:
        expression = re.sub(r"[xX*]", "[0-9]", status[1])
        result.fields.append(FieldPattern(name=b":status", value=re.compile(expression.encode())))
    assert result.type is not None
    for word in rest:
        match = _PAIR.fullmatch(word)
        if match is not None:
            _add_comparison(result, match[1], match[2], match[3])
        elif word == "first":
            result.first = True
        elif word.startswith("-"):
            result.without_flags |= _flag(word[1:], result.type)
        else:
            result.flags |= _flag(word, result.type)
    for line in below:
        if result.type == r.SETTINGS:
            name, _, value = line.partition(":")
            _add_comparison(result, name.strip(), "=", value.strip())
        elif line.startswith("!"):
            result.fields.append(FieldPattern(name=words.unescape(line[1:].strip()), value=None))
        else:
            field = _FIELD.fullmatch(line)
            if field is None or field[1]:
                raise ValueError(f"{line!r} is not a field: expected 'name: value'")
            result.fields.append(_field_pattern(field[2], field[3].strip(" ")))
    if result.fields and result.type not in _WITH_FIELDS:
        raise ValueError("this frame type has no fields")
    return result


def _field_pattern(name: str, value: str) -> FieldPattern:
    if value.startswith("~"):
        try:
            expression = re.compile(value[1:].encode())
        except re.error as error:
            raise ValueError(f"{value[1:]!r} is not a regular expression: {error}") from None
        return FieldPattern(name=words.unescape(name), value=expression)
    return FieldPattern(name=words.unescape(name), value=words.unescape(value))


def _add_comparison(result: FramePattern, key: str, operator: str, value: str) -> None:
    if key in _VALUES and key not in ("type", "reserved", "size", "resize"):
        parse = _VALUES[key]
        values: tuple[object, ...]
        if value.startswith("~") and operator == "=" and key in ("debug", "data", "value"):
            values = (re.compile(value[1:].encode(), re.DOTALL),)
        else:
            values = tuple(parse(one) for one in value.split("|"))
        comparison: Compare = (operator, values)
        result.compare.setdefault(key, []).append(comparison)
    elif result.type == r.SETTINGS:
        settings = tuple(words.number(one) for one in value.split("|"))
        name = f"setting {_setting(key)}"
        result.compare.setdefault(name, []).append((operator, settings))
    elif result.type in _WITH_FIELDS and operator == "=":
        result.fields.append(_field_pattern(key, value))
    else:
        raise ValueError(f"this frame type has no {key!r}")
