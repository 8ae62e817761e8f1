"""``hpack-conformance fuzz``: its options, and what it writes."""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from pathlib import Path
from typing import Final

from hpacktools.conformance.external import Commands, check_command
from hpacktools.jsonforms import pretty

from .options import count, named

#: Time limit for a decoder, in seconds: for a batch of connections, and for a single one.
_TIMEOUT: Final = 10.0


def add_options(options: argparse.ArgumentParser) -> None:
    """The options of ``fuzz``."""
    options.add_argument(
        "--decoder",
        action="append",
        required=True,
        type=named,
        metavar="CMD",
        help="decoder to compare, a co-process (see docs/hpack-conformance.md); can be repeated",
    )
    options.add_argument(
        "--seed", type=count, default=0, metavar="N", help="seed of the generator (default: 0)"
    )
    options.add_argument(
        "--blocks",
        type=count,
        default=10_000,
        metavar="N",
        help="minimum number of blocks (default: 10000)",
    )
    options.add_argument(
        "--stories",
        type=named,
        metavar="DIR",
        help="write the smallest case of each difference to this folder, as a story",
    )
    options.add_argument("--json", action="store_true", help="write the report as JSON")


def run(options: argparse.Namespace) -> tuple[int, str]:
    """Search for differences; returns the exit code and the text for standard output."""
    from hpacktools.conformance.fuzz import report
    from hpacktools.conformance.fuzz.search import search

    for command in options.decoder:
        check_command(command)
    shown = sys.stderr.isatty()
    start = time.monotonic()

    def progress(done: int) -> None:
        if shown:
            sys.stderr.write(f"\r{done} of {options.blocks} blocks\x1b[K")
            sys.stderr.flush()

    # Restarted however often it fails: many different blocks may crash it.
    with Commands(co_process=True, timeout=_TIMEOUT, tries=math.inf) as commands:
        found = search(
            commands,
            list(dict.fromkeys(options.decoder)),
            seed=options.seed,
            blocks=options.blocks,
            progress=progress,
        )
    if shown:
        sys.stderr.write("\r\x1b[K")
    seconds = time.monotonic() - start
    if options.stories:
        written = report.write_stories(found, Path(options.stories))
        print(f"{len(written)} stories written to {options.stories}", file=sys.stderr)
    failed = any(report.counts(group, options.level) for group in found.groups)
    if options.json:
        document = report.to_json(found, level=options.level, seconds=seconds)
        return int(failed), pretty(document) + "\n"
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    return int(failed), report.render(found, level=options.level, seconds=seconds, colour=colour)
