"""Frames as lines of a script.

Contract: what :func:`render` writes of a legal frame is read back as the same frame.
"""

from __future__ import annotations

from h2static.h2get.script import words
from h2static.h2get.script.model import Received
from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.logs.escape import escape

_INDENT = "    "


def type_name(number: int | None) -> str:
    """How a script calls a type of frame."""
    if number is None:
        return "closed"
    return r.FRAME_NAMES.get(number, f"0x{number:02x}")


def render(frame: Received, *, fields_below: bool = True, most: int | None = None) -> str:
    """The line of a frame, and those below it; ``most``: octets of content to show."""
    if frame.type is None:
        return f"closed{f' ({escape(frame.problem)})' if frame.problem else ''}"
    parts = [type_name(frame.type)]
    if frame.stream or frame.type in (r.DATA, r.HEADERS, r.RST_STREAM):
        parts.append(f"stream={frame.stream}")
    parts += _flags(frame)
    below: list[str] = []
    for key, value in frame.values.items():
        if key.startswith("setting "):
            continue
        if key == "entries":
            assert isinstance(value, tuple)
            parts += [f"{_setting_name(number)}={one}" for number, one in value]
        elif key == "code":
            assert isinstance(value, int)
            name = r.error_name(value)
            parts.append(f"code={name if name != 'UNKNOWN' else hex(value)}")
        elif isinstance(value, bytes):
            parts += _octets(key, value, most)
        elif value or key != "padding":
            parts.append(f"{key}={value}")
    if frame.fields is not None:
        below = list(map(_field, frame.fields))
    elif frame.type not in r.FRAME_NAMES and frame.payload:
        parts.append(f"payload={frame.payload.hex()}")
    if frame.problem:
        parts.append(f"({escape(frame.problem)})")
    head = " ".join(parts)
    if not below:
        return head
    if not fields_below:
        return " ".join([head, *(one.replace(": ", "=", 1) for one in below)])
    return "\n".join([head, *(_INDENT + one for one in below)])


def _setting_name(number: int) -> str:
    return r.SETTING_NAMES.get(number, f"0x{number:x}").removeprefix("SETTINGS_")


def _flags(frame: Received) -> list[str]:
    assert frame.type is not None
    names = words.flags_of(frame.type)
    rest = frame.flags
    parts = []
    for name, bit in names.items():
        rest &= ~bit
        if name == "END_HEADERS" and frame.type in (r.HEADERS, r.PUSH_PROMISE):
            if not frame.flags & bit:
                parts.append("-END_HEADERS")
        elif frame.flags & bit and name not in ("PADDED", "PRIORITY"):
            parts.append(name)
    return [f"flags=0x{frame.flags:02x}"] if rest else parts


def _octets(key: str, value: bytes, most: int | None) -> list[str]:
    if key == "opaque":
        return [f"opaque={value.hex()}"]
    if not value:
        return []
    if key == "data" and most is not None and len(value) > most:
        shown = [f'{key}="{_text(value[:most])}…"'] if most else []
        return [f"length={len(value)}", *shown]
    return [f'{key}="{_text(value)}"']


def _text(value: bytes) -> str:
    return words.escape(value).replace('"', "\\x22")


def _field(field: Field) -> str:
    return f"{words.escape_name(field[0])}: {words.escape(field[1])}"
