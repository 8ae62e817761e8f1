"""Makes untrusted text safe for terminals and log lines.

Contract: the result is printable and has no line breaks, and different inputs have different
results.  Text keeps its letters, whatever their script; octets are shown as ASCII.
"""

from __future__ import annotations

import re

_UNSAFE_OCTET = re.compile(rb"[^\x20-\x7e]|\\")


def escape(text: str) -> str:
    r"""``text`` with everything that is not printable, and the backslash, as Python escapes.

    What ``surrogateescape`` made of octets that are not UTF-8 is shown as those octets, ``\xNN``.
    """
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(one if one.isprintable() and one != "\\" else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")


def escape_octets(octets: bytes) -> str:
    """Octets as text: what is not printable ASCII, and the backslash, as ``\\xNN``."""
    return _UNSAFE_OCTET.sub(lambda match: b"\\x%02x" % match[0][0], octets).decode("ascii")


def escape_utf8(octets: bytes) -> str:
    """Octets that should be UTF-8, as :func:`escape` shows that text."""
    return escape(octets.decode("utf-8", "surrogateescape"))
