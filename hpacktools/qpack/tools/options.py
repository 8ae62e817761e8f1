"""What the two commands' option parsers have in common."""

from __future__ import annotations

import argparse
import sys

from hpacktools.cli.options import HelpFormatter, table_size

from .interop import Parameters, parameters_of


def qpack_parser(command: str, description: str, named: str) -> argparse.ArgumentParser:
    """The options that both commands have; ``named`` is the file whose name has the parameters."""
    options = argparse.ArgumentParser(
        prog=command,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description=description,
        epilog="Exit status: 0 all is well, 1 a field section failed, 2 unusable input or options.",
    )
    options.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="input; standard input by default"
    )
    options.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="standard output by default"
    )
    source = f"default: from the name of {named}, which ends in .CAPACITY.BLOCKED.ACK"
    options.add_argument(
        "-s",
        "--table-capacity",
        type=table_size,
        metavar="N",
        help=f"the decoder's SETTINGS_QPACK_MAX_TABLE_CAPACITY, in octets ({source})",
    )
    options.add_argument(
        "-b",
        "--blocked-streams",
        type=table_size,
        metavar="N",
        help="the decoder's SETTINGS_QPACK_BLOCKED_STREAMS (default: likewise)",
    )
    options.add_argument(
        "-a",
        "--ack",
        type=int,
        choices=(0, 1),
        help="1: the decoder acknowledges at once; 0: never (default: likewise)",
    )
    options.add_argument(
        "--explain",
        action="store_true",
        help="in the place of the usual output, write what every octet of the encoder stream and "
        "of the field sections does, and what the decoder answers",
    )
    options.add_argument("--json", action="store_true", help="with --explain: for programs")
    options.add_argument(
        "--color", action="store_true", help="with --explain: colours also outside a terminal"
    )
    return options


def parameters(
    parser: argparse.ArgumentParser, options: argparse.Namespace, name: str
) -> Parameters:
    """The parameters, from the options and the file name ``name``; ends where one is missing."""
    found = parameters_of(name)
    capacity, blocked, ack = options.table_capacity, options.blocked_streams, options.ack
    if found is not None:
        capacity = found.capacity if capacity is None else capacity
        blocked = found.blocked_streams if blocked is None else blocked
        ack = found.acknowledges if ack is None else ack
    missing = [
        option
        for option, value in (
            ("--table-capacity", capacity),
            ("--blocked-streams", blocked),
            ("--ack", ack),
        )
        if value is None
    ]
    if missing:
        where = "standard input or output has no name" if name == "-" else f"{name!r} tells nothing"
        parser.error(f"{', '.join(missing)}: not given, and {where}")
    return Parameters(capacity=capacity, blocked_streams=blocked, acknowledges=bool(ack))


def check_explain(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End where an option needs ``--explain``."""
    if (options.json or options.color) and not options.explain:
        parser.error("--json and --color go with --explain")


def coloured(options: argparse.Namespace) -> bool:
    """Whether the text is coloured."""
    return bool(options.color) or (options.output == "-" and sys.stdout.isatty())
