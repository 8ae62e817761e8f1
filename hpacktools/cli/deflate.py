"""``hpack-deflate``: header lists in, header blocks out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import BinaryIO

from hpacktools.codec import DEFAULT_TABLE_SIZE
from hpacktools.deflate import deflate_case, story_deflater
from hpacktools.stories import Case, UnusableError
from hpacktools.strategies import DEFAULT_EFFORT, STRATEGY_NAMES

from .options import codec_parser, count, table_size
from .reading import (
    BadCase,
    lines_of,
    open_input,
    read_connections,
    read_documents,
    read_http1,
    read_octets,
)
from .writing import Writer, bad_case, complain

COMMAND = "hpack-deflate"


def parser() -> argparse.ArgumentParser:
    """The options of ``hpack-deflate``."""
    options = codec_parser(
        COMMAND,
        "Encode the header lists of JSON cases as HPACK header blocks (RFC 7541).",
        "encoded",
    )
    options.add_argument(
        "-t",
        "--http1text",
        action="store_true",
        help="read HTTP/1 header text: 'name: value' lines, an empty line between header lists",
    )
    options.add_argument(
        "-s",
        "--table-size",
        type=table_size,
        default=DEFAULT_TABLE_SIZE,
        metavar="N",
        help="the peer's initial SETTINGS_HEADER_TABLE_SIZE (default: %(default)s); a case's own "
        "header_table_size takes precedence",
    )
    options.add_argument(
        "-S",
        "--deflate-table-size",
        type=table_size,
        default=DEFAULT_TABLE_SIZE,
        metavar="N",
        help="largest table the encoder uses (default: %(default)s)",
    )
    options.add_argument(
        "--strategy",
        choices=STRATEGY_NAMES,
        default="default",
        help="what to put into the dynamic table: default (learns which values recur), nghttp2 "
        "(the policy of that library), linear (everything), static (nothing), naive (uses no "
        "table at all), best (reads the whole story first and searches)",
    )
    options.add_argument(
        "--effort",
        type=count,
        metavar="N",
        help=f"annealing walks for --strategy best (default: {DEFAULT_EFFORT}; 0 takes a third of "
        "the time; 20 save another 0.2 to 0.3 %% and take minutes)",
    )
    options.add_argument(
        "--lookahead",
        type=count,
        default=0,
        metavar="N",
        help="with --strategy default: plan each case knowing the next N cases, as an encoder can "
        "for a burst of responses",
    )
    options.add_argument("--no-huffman", action="store_true", help="do not Huffman-code strings")
    return options


class _Run:
    """One run of the command: options, totals, exit code."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.number_key = "seqno" if options.seqno else "seq"
        self.writer = Writer(lines=options.jsonl)
        self.code = 0
        self.input_length = 0
        self.output_length = 0

    def source(self, name: str) -> None:
        """Encode the contents of the file ``name``."""
        with open_input(name) as stream:
            for connection in self._connections(stream):
                with self.writer.connection():
                    self._connection(name, connection)

    def _connections(self, stream: BinaryIO) -> Iterable[Iterator[Case | BadCase]]:
        if self.options.http1text:
            return [read_http1(lines_of(stream))]
        if self.options.jsonl:
            return read_connections(lines_of(stream), "deflate-input")
        return read_documents(read_octets(stream), "deflate-input")

    def _connection(self, name: str, cases: Iterator[Case | BadCase]) -> None:
        options = self.options
        cases = self._with_setting(cases)
        known: list[Case | BadCase] = []
        if options.strategy == "best" or options.lookahead:
            # These need to know the cases that follow; the others get one case at a time.
            known = list(cases)
            cases = iter(known)
        deflater = story_deflater(
            [case for case in known if isinstance(case, Case)],
            options.deflate_table_size,
            strategy=options.strategy,
            huffman=not options.no_huffman,
            effort=DEFAULT_EFFORT if options.effort is None else options.effort,
            lookahead=options.lookahead,
        )
        for case in cases:
            if isinstance(case, BadCase):
                self.code = max(self.code, 1)
                complain(COMMAND, name, f"case {case.number}: {case.path}: {case.reason}")
                self.writer.case(bad_case(case, self.number_key))
                continue
            result = deflate_case(
                case,
                deflater,
                dump_table=options.dump_header_table,
                number_key=self.number_key,
            )
            assert isinstance(result["input_length"], int)
            assert isinstance(result["output_length"], int)
            self.input_length += result["input_length"]
            self.output_length += result["output_length"]
            self.writer.case(result)

    def _with_setting(self, cases: Iterator[Case | BadCase]) -> Iterator[Case | BadCase]:
        """Give the first case the option's setting unless it has one of its own."""
        first = True
        for case in cases:
            if first and isinstance(case, Case):
                first = False
                if not case.table_sizes:
                    yield replace(case, table_sizes=(self.options.table_size,))
                    continue
            yield case

    def report(self) -> None:
        """Print the totals as nghttp2's ``deflatehd`` does."""
        ratio = self.output_length / self.input_length if self.input_length else 0.0
        print(
            f"Overall: input={self.input_length} output={self.output_length} ratio={ratio:.2f}",
            file=sys.stderr,
        )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options_parser = parser()
    options = options_parser.parse_args(arguments)
    if options.jsonl and options.strategy == "best":
        options_parser.error(
            "--strategy best needs the whole story, but --jsonl reads one case at a time"
        )
    if options.effort is not None and options.strategy != "best":
        options_parser.error("--effort needs --strategy best")
    if options.lookahead and options.strategy != "default":
        options_parser.error("--lookahead needs --strategy default")
    if options.lookahead and options.jsonl:
        options_parser.error(
            "--lookahead needs the cases that follow, but --jsonl reads one at a time"
        )
    encoding = _Run(options)
    for name in options.files:
        try:
            encoding.source(name)
        except UnusableError as error:
            complain(COMMAND, name, str(error))
            encoding.code = 2
    if encoding.code != 2 or encoding.input_length:
        encoding.report()
    return encoding.code
