"""``qpack-decode``: a file of records in, QIF text out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from hpacktools.cli.reading import open_input, read_octets
from hpacktools.cli.writing import complain
from hpacktools.qpack.errors import QPACKConnectionError
from hpacktools.qpack.sections import DecodedSection
from hpacktools.stories import UnusableError

from .interop import ENCODER_STREAM, Parameters, Record, qif_of, read_records
from .options import check_explain, parameters, qpack_parser
from .output import Explanations, open_output
from .session import RecordSteps, Session

COMMAND = "qpack-decode"


def parser() -> argparse.ArgumentParser:
    """The options of ``qpack-decode``."""
    options = qpack_parser(
        COMMAND,
        "Decode the field sections of a QPACK offline interop file (RFC 9204). The output is QIF "
        "text, in stream order.",
        "the input",
    )
    options.add_argument(
        "--check-encoder",
        action="store_true",
        help="also fail if the encoder evicts an entry it must keep or risks more blocked streams "
        "than allowed (RFC 9204 sections 2.1.1 and 2.1.2)",
    )
    return options


class _Run:
    """One run of the command: the session, its results, the exit code."""

    def __init__(self, options: argparse.Namespace, parameters: Parameters) -> None:
        self.options = options
        self.session = Session(parameters)
        self.sections: list[DecodedSection] = []
        self.code = 0

    def records(self, octets: bytes, explanations: Explanations | None) -> None:
        """Read all records, or those up to an error that ends the connection."""
        for record in read_records(octets):
            steps = self.session.feed(record)
            self.sections += steps.decoded
            if explanations is not None:
                explanations.record(steps)
            self._report(steps, record)
            if any(isinstance(error, QPACKConnectionError) for error in steps.errors):
                return
        for stream_id, needed in self.session.decoder.blocked.items():
            self.fail(f"stream {stream_id} stays blocked: insertion {needed} never arrives")
        if self.session.unfinished:
            self.fail("the encoder stream ends inside an instruction")

    def qif(self) -> list[bytes]:
        """The decoded sections as text, in stream order."""
        texts = []
        for section in sorted(self.sections, key=lambda section: section.stream_id):
            try:
                texts.append(qif_of(section.stream_id, section.fields))
            except ValueError as error:
                self.fail(f"stream {section.stream_id}: {error}")
        return texts

    def _report(self, steps: RecordSteps, record: Record) -> None:
        for error in steps.errors:
            stream_id = getattr(error, "stream_id", record.stream_id)
            where = "encoder stream" if stream_id == ENCODER_STREAM else f"stream {stream_id}"
            self.fail(f"record {steps.number}: {where}: {error}")
        if self.options.check_encoder:
            for violation in steps.violations:
                self.fail(f"record {steps.number}: {violation}")

    def fail(self, reason: str) -> None:
        """Report what is wrong with a section, and make the exit code 1."""
        self.code = 1
        complain(COMMAND, self.options.file, reason)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options_parser = parser()
    options = options_parser.parse_args(arguments)
    check_explain(options_parser, options)
    decoding = _Run(options, parameters(options_parser, options, options.file))
    try:
        with open_input(options.file) as stream:
            octets = read_octets(stream)
    except UnusableError as error:
        complain(COMMAND, options.file, str(error))
        return 2
    try:
        with open_output(options.output) as output:
            explanations = None
            if options.explain:
                explanations = Explanations(options, decoding.session.parameters, output)
            try:
                decoding.records(octets, explanations)
            except UnusableError as error:
                complain(COMMAND, options.file, str(error))
                decoding.code = 2
            if explanations is not None:
                explanations.finish()
            else:
                output.writelines(decoding.qif())
    except UnusableError as error:
        complain(COMMAND, options.file, str(error))
        return 2
    return decoding.code
