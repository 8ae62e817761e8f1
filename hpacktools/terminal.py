"""Text for a terminal: what files, commands and peers say cannot write to it."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` in one line: what is not printable as ``\\n``, ``\\xNN`` or ``\\uNNNN``.

    The backslash stays as it is: the result is for people, not to be read back.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
