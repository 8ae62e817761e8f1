"""``hpack-inflate``: header blocks in, header lists out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, BinaryIO

from hpacktools.codec import HPACKError
from hpacktools.inflate import Inflater, error_to_json, inflate_case
from hpacktools.shapes import Object
from hpacktools.stories import Case, UnusableError

from .options import codec_parser
from .reading import BadCase, lines_of, open_input, read_connections, read_documents, read_octets
from .writing import Writer, bad_case, complain

if TYPE_CHECKING:
    from hpacktools.explanation import Explanation
    from hpacktools.explanation_text import Renderer

COMMAND = "hpack-inflate"


def parser() -> argparse.ArgumentParser:
    """The options of ``hpack-inflate``."""
    options = codec_parser(
        COMMAND, "Decode the HPACK header blocks (RFC 7541) of JSON cases.", "decoded"
    )
    options.add_argument(
        "--explain",
        action="store_true",
        help="show every representation of each block with its octets, as text",
    )
    options.add_argument(
        "--json", action="store_true", help="with --explain: as JSON instead of text"
    )
    options.add_argument(
        "--color", action="store_true", help="with --explain: colours also without a terminal"
    )
    return options


class _Run:
    """One run: options and exit code."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.number_key = "seqno" if options.seqno else "seq"
        self.writer = Writer(lines=options.jsonl)
        self.renderer: Renderer | None = None
        if options.explain and not options.json:
            from hpacktools.explanation_text import Renderer

            terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
            self.renderer = Renderer(colour=options.color or terminal)
        self.code = 0

    def source(self, name: str) -> None:
        """Decode what the file ``name`` holds."""
        with open_input(name) as stream:
            for connection in self._connections(stream):
                if self.renderer is not None:
                    self._explain_as_text(name, connection)
                    continue
                with self.writer.connection():
                    for result in self._results(name, connection):
                        self.writer.case(result)

    def _connections(self, stream: BinaryIO) -> Iterable[Iterator[Case | BadCase]]:
        if self.options.jsonl:
            return read_connections(lines_of(stream), "inflate-input")
        return read_documents(read_octets(stream), "inflate-input")

    def _results(self, name: str, cases: Iterator[Case | BadCase]) -> Iterator[Object]:
        """The case to write for each case."""
        inflater = Inflater()
        failed: int | None = None
        for case in cases:
            if isinstance(case, BadCase):
                self._fail(name, case.number, f"{case.path}: {case.reason}")
                failed = case.number if failed is None else failed
                yield bad_case(case, self.number_key)
                continue
            result: Object = {self.number_key: case.number, "wire": case.document["wire"]}
            if failed is not None:
                message = self._lost(name, case, failed)
                yield result | {"error": {"message": message, "after": failed}}
                continue
            try:
                if self.options.explain:
                    from hpacktools.explanation import explanation_to_json

                    yield result | explanation_to_json(self._explanation(case, inflater))
                    assert case.wire is not None
                    inflater.inflate(case.wire)
                else:
                    yield inflate_case(
                        case,
                        inflater,
                        dump_table=self.options.dump_header_table,
                        number_key=self.number_key,
                    )
            except HPACKError as error:
                failed = case.number
                self._fail(name, case.number, str(error))
                if not self.options.explain:
                    yield result | {"error": error_to_json(error)}

    def _explanation(self, case: Case, inflater: Inflater) -> Explanation:
        from hpacktools.explanation import explain

        assert case.wire is not None
        for size in case.table_sizes:
            inflater.change_table_size(size)
        return explain(
            case.wire, inflater.table, allowed=inflater.allowed, required=inflater.required
        )

    def _explain_as_text(self, name: str, cases: Iterator[Case | BadCase]) -> None:
        assert self.renderer is not None
        inflater = Inflater()
        failed: int | None = None
        for case in cases:
            if isinstance(case, BadCase):
                reason = f"{case.path}: {case.reason}"
                self._fail(name, case.number, reason)
                failed = case.number if failed is None else failed
                text = self.renderer.render_undecoded(f"case {case.number}", reason)
            elif failed is not None:
                reason = self._lost(name, case, failed)
                text = self.renderer.render_undecoded(f"case {case.number}", reason)
            else:
                explanation = self._explanation(case, inflater)
                text = self.renderer.render(f"case {case.number}", explanation)
                if explanation.error is not None:
                    self._fail(name, case.number, str(explanation.error))
                    failed = case.number
                else:
                    inflater.inflate(explanation.block)
            sys.stdout.write(text)
            sys.stdout.flush()

    def _lost(self, name: str, case: Case, failed: int) -> str:
        reason = f"not decoded: the table is lost since case {failed}"
        self._fail(name, case.number, reason)
        return reason

    def _fail(self, name: str, number: int, reason: str) -> None:
        self.code = max(self.code, 1)
        complain(COMMAND, name, f"case {number}: {reason}")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options_parser = parser()
    options = options_parser.parse_args(arguments)
    if (options.json or options.color) and not options.explain:
        options_parser.error("--json and --color go with --explain")
    if options.explain and options.dump_header_table:
        options_parser.error("--explain shows what each block does to the table; leave out -d")
    if options.explain and options.jsonl and not options.json:
        options_parser.error("--explain --jsonl needs --json")
    decoding = _Run(options)
    for name in options.files:
        try:
            decoding.source(name)
        except UnusableError as error:
            complain(COMMAND, name, str(error))
            decoding.code = 2
    return decoding.code
