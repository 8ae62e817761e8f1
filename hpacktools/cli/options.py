"""Parts that the commands' option parsers share."""

from __future__ import annotations

import argparse
import os

from hpacktools.shapes import MAX_SETTING


class HelpFormatter(argparse.HelpFormatter):
    """argparse's formatter without importing ``shutil``, which takes 4 ms."""

    def __init__(self, prog: str) -> None:
        columns = os.environ.get("COLUMNS", "")
        super().__init__(prog, width=(int(columns) if columns.isdecimal() else 80) - 2)


def codec_parser(command: str, description: str, done: str) -> argparse.ArgumentParser:
    """The options that ``hpack-deflate`` and ``hpack-inflate`` share.

    ``done`` is the participle for the help text: exit status 0 means that all cases were ``done``.
    """
    options = argparse.ArgumentParser(
        prog=command,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description=description,
        epilog=f"Exit status: 0 all cases {done}, 1 a case failed, 2 unusable input or options.",
    )
    options.add_argument(
        "files",
        nargs="*",
        default=["-"],
        metavar="FILE",
        help="input file (default: standard input)",
    )
    options.add_argument(
        "-d",
        "--dump-header-table",
        action="store_true",
        help="also write the dynamic table after each case",
    )
    options.add_argument(
        "--jsonl", action="store_true", help="read and write one case per line, without buffering"
    )
    options.add_argument("--seqno", action="store_true", help="write seqno instead of seq")
    return options


def table_size(text: str) -> int:
    """Parse an option's argument: a size in octets, digits only."""
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > MAX_SETTING:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to {MAX_SETTING}")
    return int(text)


def count(text: str) -> int:
    """Parse an option's argument: a small number, digits only."""
    if not (text.isascii() and text.isdigit()) or len(text) > 6:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 999999")
    return int(text)


def named(text: str) -> str:
    """Parse an option's argument: a command or a file.

    An empty argument is an error, not the same as none: with an unset shell variable the command
    would otherwise silently test something other than what the user meant.
    """
    if not text:
        raise argparse.ArgumentTypeError("must not be empty")
    return text
