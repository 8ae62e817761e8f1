"""Escaping text for a terminal, so that files, commands and peers cannot send control
characters."""

from __future__ import annotations


def printable(text: str) -> str:
    """``text`` on one line, with unprintable characters as ``\\n``, ``\\xNN`` or ``\\uNNNN``.

    Backslashes are not escaped: the result is for people and cannot be parsed back.
    """
    if text.isprintable():
        return text
    return "".join(
        one if one.isprintable() else one.encode("unicode_escape").decode() for one in text
    )
