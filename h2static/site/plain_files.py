"""Reading the owner's files: configurations and rules, which are text of a modest size.

Contract: :func:`read_text_file` reads a regular file and waits for nobody: a FIFO under the name of
a file, which another program may never write to, is an error like any other.  Every text that an
owner writes goes through :func:`decode_text`, wherever it was read from: UTF-8, with or without the
byte order mark that some editors write, lines ending with ``\\n``, ``\\r\\n`` or ``\\r``.  What is
no such text is refused with one line that says where.
"""

from __future__ import annotations

import codecs
import os

from h2static.descriptors import open_regular_file

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class TextFileError(ValueError):
    """A file is not text that can be used; the message is one line."""


def read_text_file(path: str | os.PathLike[str], limit: int) -> str:
    """The text of a file of at most ``limit`` octets; lines end with ``\\n``.

    Raises :class:`TextFileError`, and ``OSError``, also for what is no regular file.
    """
    with open_regular_file(path) as file:
        octets = file.read(limit + 1)
    return decode_text(octets, os.fspath(path), limit)


def decode_text(octets: bytes, source: str, limit: int) -> str:
    """The text that ``octets`` are; lines end with ``\\n``.

    Whoever read them read one octet more than ``limit`` if there was one; ``source`` is what
    messages call them.  Raises :class:`TextFileError`.
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
    """The number of the line that stands after ``before``."""
    return _with_line_ends(before).count("\n") + 1
