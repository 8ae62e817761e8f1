"""The vocabulary of scripts: names of frames, flags, settings, codes; octets as text.

Contract: what :func:`unescape` reads is what :func:`escape` writes.
"""

from __future__ import annotations

import re
from typing import Final

from h2static.http2 import registry as r
from h2static.logs.frames import FLAG_NAMES

TYPES: Final = {name: number for number, name in r.FRAME_NAMES.items()}
CODES: Final = {code.name: int(code) for code in r.ErrorCode}
#: With and without the prefix that all of them have.
SETTINGS: Final = {
    **{name: number for number, name in r.SETTING_NAMES.items()},
    **{name.removeprefix("SETTINGS_"): number for number, name in r.SETTING_NAMES.items()},
}
_ESCAPE: Final = re.compile(rb"\\x([0-9A-Fa-f]{2})|\\([nrt0\\\"])|\\")
_SHORT: Final = {
    b"n": b"\n", b"r": b"\r", b"t": b"\t", b"0": b"\0", b"\\": b"\\", b'"': b'"',
}  # fmt: skip


def flags_of(frame_type: int) -> dict[str, int]:
    """The flags that frames of a type have, by name."""
    return {name: bit for bit, name in FLAG_NAMES.get(frame_type, ())}


def number(text: str, most: int = 2**32 - 1) -> int:
    """A number of 32 bits, or up to ``most``; decimal or as ``0x…``.  Raises ``ValueError``."""
    if re.fullmatch(r"[0-9]{1,12}", text, re.ASCII):
        value = int(text)
    elif re.fullmatch(r"0[xX][0-9a-fA-F]{1,10}", text, re.ASCII):
        value = int(text, 16)
    else:
        raise ValueError(f"{text!r} is not a number")
    if value > most:
        raise ValueError(f"{text!r} is more than {most}")
    return value


def code(text: str) -> int:
    """An error code by name or number.  Raises ``ValueError``."""
    return CODES[text] if text in CODES else number(text)


def seconds(text: str) -> float:
    """A time: ``0.5``, ``0.5s``, ``500ms``.  Raises ``ValueError``."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)(s|ms|)", text, re.ASCII)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    return float(match[1]) / (1000 if match[2] == "ms" else 1)


def hexadecimal(text: str) -> bytes:
    """Octets in hexadecimal, with spaces where wanted.  Raises ``ValueError``."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise ValueError(f"{text!r} is not hexadecimal") from None


def unescape(text: str) -> bytes:
    r"""The octets that ``text`` stands for: UTF-8, and ``\xNN``, ``\r``, ``\n``, ``\t``, ``\\``.

    Raises ``ValueError``.
    """

    def octets(match: re.Match[bytes]) -> bytes:
        if match[1] is not None:
            return bytes((int(match[1], 16),))
        if match[2] is None:
            raise ValueError(f"{text!r}: a backslash that starts no escape sequence")
        return _SHORT[match[2]]

    return _ESCAPE.sub(octets, text.encode("utf-8", "surrogateescape"))


def escape(octets: bytes) -> str:
    """Octets as a script has them; white space at the ends would be lost otherwise."""
    from h2static.logs.escape import escape_octets

    text = escape_octets(octets)
    stripped = text.strip(" ")
    if stripped == text:
        return text
    if not stripped:
        return "\\x20" * len(text)
    left = len(text) - len(text.lstrip(" "))
    right = len(text) - len(text.rstrip(" "))
    return "\\x20" * left + stripped + "\\x20" * right


def escape_name(name: bytes) -> str:
    """A field name as a script has it: a sign in front would mean something else, and a colon
    behind its first octet would end it."""
    text = escape(name)
    text = text[:1] + text[1:].replace(":", "\\x3a")
    return f"\\x{ord(text[0]):02x}{text[1:]}" if text[:1] in ("#", "!", "@") else text
