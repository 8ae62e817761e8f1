"""Reading the owner's files: configurations and rules, which are short text files.

Contract: :func:`read_text_file` reads a regular file and never blocks: a FIFO in place of a file,
to which another program may never write, is an error.  All text that an owner writes goes through
:func:`decode_text`, whatever its source: UTF-8, with or without the byte order mark that some
editors write, with lines ending in ``\\n``, ``\\r\\n`` or ``\\r``.  Anything else is refused with a
one-line message that includes the position.
"""

from __future__ import annotations

import codecs
import os

from h2static.descriptors import open_regular_file

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextFileError(ValueError):
    """A file is not usable text; the message is one line."""


def read_text_file(path: str | os.PathLike[str], limit: int) -> str:
    """The text of a file of at most ``limit`` octets; lines end with ``\\n``.

    Raises :class:`TextFileError`, and ``OSError``, also if it is not a regular file.
    """
    with open_regular_file(path) as file:
        octets = file.read(limit + 1)
    return decode_text(octets, os.fspath(path), limit)


def decode_text(octets: bytes, source: str, limit: int) -> str:
    """Decode ``octets`` as text; lines end with ``\\n``.

    To detect a file that is too long, the caller must read up to ``limit`` + 1 octets.  ``source``
    is the file's name in messages.  Raises :class:`TextFileError`.
    """
    if len(octets) > limit:
        raise TextFileError(f"{source}: longer than {limit} octets")
    if octets.startswith(_UTF_16):
        raise TextFileError(f"{source}: UTF-16; save it as UTF-8")
    try:
        text = _with_line_ends(octets.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = _line(octets[: error.start].decode("utf-8"))
        raise TextFileError(f"{source}:{line}: not UTF-8 at octet {error.start}") from None
    if "\0" in text:
        line = _line(text[: text.index("\0")])
        raise TextFileError(f"{source}:{line}: not text: contains NUL")
    return text.removeprefix("\ufeff")


def _with_line_ends(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _line(before: str) -> int:
    """The number of the line that follows ``before``."""
    return _with_line_ends(before).count("\n") + 1
