"""What the commands' option parsers have in common."""

from __future__ import annotations

import argparse
import os

from hpacktools.shapes import MAX_SETTING


class HelpFormatter(argparse.HelpFormatter):
    """argparse's, without asking ``shutil`` for the width, whose import takes 4 ms."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        super().__init__(prog, width=(int(columns) if columns.isdecimal() else 80) - 2)


def table_size(text: str) -> int:
    """The argument of an option: octets, digits only."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_SETTING:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MAX_SETTING}")
    return int(text)


def count(text: str) -> int:
    """The argument of an option: a small number, digits only."""
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 999999")
    return int(text)
