"""The options that the two commands share."""

from __future__ import annotations

import argparse
import sys

from hpacktools.cli.options import HelpFormatter, table_size

from .interop import Parameters, parameters_of


def qpack_parser(command: str, description: str, named: str) -> argparse.ArgumentParser:
    """The options of both commands; ``named`` is the file whose name contains the parameters."""
    options = argparse.ArgumentParser(
        prog=command,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description=description,
        epilog="Exit status: 0 success, 1 a field section failed, 2 unusable input or options.",
    )
    options.add_argument(
        "file", nargs="?", default="-", metavar="FILE", help="input file (default: standard input)"
    )
    options.add_argument(
        "-o", "--output", default="-", metavar="FILE", help="output file (default: standard output)"
    )
    source = f"default: taken from the name of {named}, which ends in .CAPACITY.BLOCKED.ACK"
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
        help="the decoder's SETTINGS_QPACK_BLOCKED_STREAMS (default: as for -s)",
    )
    options.add_argument(
        "-a",
        "--ack",
        type=int,
        choices=(0, 1),
        help="1: the decoder acknowledges immediately; 0: never (default: as for -s)",
    )
    options.add_argument(
        "--explain",
        action="store_true",
        help="instead of the usual output, explain every octet of the encoder stream and the "
        "field sections, and show what the decoder sends back",
    )
    options.add_argument(
        "--json", action="store_true", help="with --explain: write JSON instead of text"
    )
    options.add_argument(
        "--color", action="store_true", help="with --explain: use colors even without a terminal"
    )
    return options


def parameters(
    parser: argparse.ArgumentParser, options: argparse.Namespace, name: str
) -> Parameters:
    """The parameters from the options and the file name ``name``; exits if one is missing."""
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
        where = "standard input and output have no name" if name == "-" else f"not in {name!r}"
        parser.error(f"{', '.join(missing)}: not given, {where}")
    return Parameters(capacity=capacity, blocked_streams=blocked, acknowledges=bool(ack))


def check_explain(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with a usage error if an option needs ``--explain``."""
    if (options.json or options.color) and not options.explain:
        parser.error("--json and --color need --explain")


def coloured(options: argparse.Namespace) -> bool:
    """Whether to color the text."""
    return bool(options.color) or (options.output == "-" and sys.stdout.isatty())
