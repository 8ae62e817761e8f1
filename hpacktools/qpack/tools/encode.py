"""``qpack-encode``: QIF text in, a file of records out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import BinaryIO

from hpacktools.cli.reading import lines_of, open_input
from hpacktools.cli.writing import complain
from hpacktools.codec import Representation
from hpacktools.qpack.encoder import Encoder
from hpacktools.stories import UnusableError
from hpacktools.strategies import STRATEGIES, never_indexed

from .interop import ENCODER_STREAM, BadSection, Parameters, Record, Section, read_qif
from .options import check_explain, parameters, qpack_parser
from .output import Explanations, open_output
from .session import Session

COMMAND = "qpack-encode"


def parser() -> argparse.ArgumentParser:
    """The options of ``qpack-encode``."""
    options = qpack_parser(
        COMMAND,
        "Encode the field sections of QIF text with QPACK (RFC 9204). The output is a QPACK "
        "offline interop file with the sections on streams 1, 2, 3, …",
        "the output",
    )
    options.add_argument(
        "--strategy",
        choices=tuple(STRATEGIES),
        default="default",
        help="what to put into the dynamic table: default (learns which values recur), nghttp2 "
        "(the HPACK policy of that library), linear (everything), static (nothing)",
    )
    options.add_argument("--no-huffman", action="store_true", help="do not Huffman-code strings")
    options.add_argument(
        "--sections-first",
        action="store_true",
        help="write each field section before the instructions it needs, so that its stream "
        "blocks where that is allowed",
    )
    return options


class _Run:
    """One run of the command: encoder, simulated decoder, totals, exit code."""

    def __init__(self, options: argparse.Namespace, parameters: Parameters) -> None:
        self.options = options
        self.parameters = parameters
        self.encoder = Encoder(limit=parameters.capacity, huffman=not options.no_huffman)
        self.encoder.apply_settings(
            max_table_capacity=parameters.capacity, blocked_streams=parameters.blocked_streams
        )
        self.session = Session(parameters)
        self.choose = STRATEGIES[options.strategy]()
        self.code = 0
        self.input_length = 0
        self.output_length = 0

    def section(self, section: Section) -> list[Record]:
        """The records of one field section, in writing order."""
        secrets = never_indexed(section.fields, strategy=self.options.strategy)
        capacity, used = self.parameters.capacity, self.encoder.table.size
        lines = [
            (
                name,
                value,
                Representation.NEVER_INDEXED
                if position in secrets
                else self.choose(name, value, capacity, used),
            )
            for position, (name, value) in enumerate(section.fields)
        ]
        encoded = self.encoder.encode(section.number, lines)
        records = [Record(stream_id=section.number, payload=encoded)]
        instructions = self.encoder.take_encoder_stream()
        if instructions:
            place = 1 if self.options.sections_first else 0
            records.insert(place, Record(stream_id=ENCODER_STREAM, payload=instructions))
        self.input_length += sum(len(name) + len(value) for name, value in section.fields)
        self.output_length += sum(len(record.payload) for record in records)
        return records

    def run(self, stream: BinaryIO, output: BinaryIO) -> None:
        """Encode all sections.  Raises :class:`~hpacktools.stories.UnusableError`."""
        explanations = None
        if self.options.explain:
            explanations = Explanations(self.options, self.parameters, output)
        for section in read_qif(lines_of(stream)):
            if isinstance(section, BadSection):
                self.code = 1
                reason = f"section {section.number}: line {section.line}: {section.reason}"
                complain(COMMAND, self.options.file, reason)
                continue
            for record in self.section(section):
                steps = self.session.feed(record)
                assert not steps.errors, steps.errors
                assert not steps.violations, steps.violations
                if explanations is not None:
                    explanations.record(steps)
                else:
                    output.write(record.octets())
            self.encoder.feed_decoder_stream(bytes(self.session.answers))
            self.session.answers.clear()
        if explanations is not None:
            explanations.finish()

    def report(self) -> None:
        """Print the totals as ``hpack-deflate`` does."""
        ratio = self.output_length / self.input_length if self.input_length else 0.0
        print(
            f"Overall: input={self.input_length} output={self.output_length} ratio={ratio:.2f}",
            file=sys.stderr,
        )


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options_parser = parser()
    options = options_parser.parse_args(arguments)
    check_explain(options_parser, options)
    encoding = _Run(options, parameters(options_parser, options, options.output))
    try:
        with open_input(options.file) as stream, open_output(options.output) as output:
            encoding.run(stream, output)
    except UnusableError as error:
        complain(COMMAND, options.file, str(error))
        return 2
    encoding.report()
    return encoding.code
