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


def codec_parser(command: str, description: str, done: str) -> argparse.ArgumentParser:
    """The options that ``hpack-deflate`` and ``hpack-inflate`` share.

    ``done`` is what has been done to all cases when the exit status is 0.
    """
    options = argparse.ArgumentParser(
        prog=command,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description=description,
        epilog=f"Exit status: 0 all cases {done}, 1 a case failed, 2 unusable input or options.",
    )
    options.add_argument(
        "files", nargs="*", default=["-"], metavar="FILE", help="input; standard input by default"
    )
    options.add_argument(
        "-d",
        "--dump-header-table",
        action="store_true",
        help="write the dynamic table after each case",
    )
    options.add_argument(
        "--jsonl", action="store_true", help="read and write one case a line, flushed at once"
    )
    options.add_argument("--seqno", action="store_true", help="write seqno in the place of seq")
    return options


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


def named(text: str) -> str:
    """The argument of an option: a command or a file.

    An empty one is not taken for none: a variable that is not set would test, without a word,
    something else than what its user means.
    """
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return text
