"""``hpack-inflate``: header blocks in, header lists out."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO

from hpacktools.codec import HPACKError
from hpacktools.inflate import Inflater, error_to_json, inflate_case
from hpacktools.shapes import Object
from hpacktools.stories import Case, UnusableError

from .options import codec_parser, named
from .reading import BadCase, lines_of, open_input, read_connections, read_documents, read_octets
from .writing import Writer, bad_case, complain

if TYPE_CHECKING:
    from hpacktools.explanation import Explanation
    from hpacktools.explanation_text import Renderer
    from hpacktools.table_life import ExplainedStory

COMMAND = "hpack-inflate"
#: The forms of ``--from``, which :data:`hpacktools.capture.FORMS` describes.
_FORMS = ("json", "frames", "hex", "nghttp", "hexdump", "tshark")


def parser() -> argparse.ArgumentParser:
    """The options of ``hpack-inflate``."""
    options = codec_parser(
        COMMAND,
        "Decode the HPACK header blocks (RFC 7541) of JSON cases or of captures.",
        "decoded",
    )
    options.add_argument(
        "--from",
        dest="form",
        choices=_FORMS,
        default="json",
        help="input format: json (cases; the default), frames (raw HTTP/2 octets of one "
        "direction), hex (blocks or frames in hexadecimal, or a hex dump), nghttp (log of "
        "nghttp -v --hexdump), hexdump (log of h2static --hexdump), tshark (tshark -T json -x)",
    )
    options.add_argument(
        "--peer",
        type=named,
        metavar="FILE",
        help="with --from frames: the octets the other side sent; its settings apply",
    )
    options.add_argument(
        "--from-the-middle",
        action="store_true",
        help="the input starts in the middle of a connection: treat references to earlier entries "
        "as unknown, not as errors",
    )
    options.add_argument(
        "--explain",
        action="store_true",
        help="show each representation of every block with its octets, as text",
    )
    options.add_argument(
        "--json", action="store_true", help="with --explain: write JSON instead of text"
    )
    options.add_argument(
        "--html",
        action="store_true",
        help="with --explain: write an HTML page that also draws the life of the dynamic table",
    )
    options.add_argument(
        "--color", action="store_true", help="with --explain: use colors even without a terminal"
    )
    return options


class _Connection:
    """The cases of one direction and, where the input says so, who sent them."""

    def __init__(self, cases: Iterator[Case | BadCase], name: str = "", context: str = "") -> None:
        self.cases = cases
        self.name = name
        self.context = context

    def head(self) -> Object:
        """The JSON members that precede the cases."""
        members: Object = {"description": self.name, "context": self.context}
        return {key: text for key, text in members.items() if text}


class _Run:
    """One run of the command: options and exit code."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.number_key = "seqno" if options.seqno else "seq"
        self.writer = Writer(lines=options.jsonl)
        self.renderer: Renderer | None = None
        #: The stories to show on the page.
        self.stories: list[ExplainedStory] = []
        if options.explain and not options.json:
            from hpacktools.explanation_text import Renderer

            terminal = sys.stdout.isatty() and "NO_COLOR" not in os.environ
            self.renderer = Renderer(colour=options.color or terminal)
        self.code = 0

    def source(self, name: str) -> None:
        """Decode the contents of the file ``name``."""
        with open_input(name) as stream:
            for connection in self._connections(stream):
                if self.options.html:
                    self._explain_on_page(name, connection)
                elif self.renderer is not None:
                    self._explain_as_text(name, connection)
                else:
                    with self.writer.connection(connection.head()):
                        for result in self._results(name, connection.cases):
                            self.writer.case(result)

    def _connections(self, stream: BinaryIO) -> Iterable[_Connection]:
        options = self.options
        if options.jsonl:
            return map(_Connection, read_connections(lines_of(stream), "inflate-input"))
        octets = read_octets(stream)
        if options.form == "json":
            return map(_Connection, read_documents(octets, "inflate-input"))
        from .reading_captures import read_directions

        peer = None
        if options.peer is not None:
            with open_input(options.peer) as other:
                peer = read_octets(other)
        directions = read_directions(
            octets, options.form, peer=peer, from_the_middle=options.from_the_middle
        )
        return [_Connection(cases, each.name, each.context) for each, cases in directions]

    def _inflater(self) -> Inflater:
        return Inflater(from_the_middle=self.options.from_the_middle)

    def _results(self, name: str, cases: Iterator[Case | BadCase]) -> Iterator[Object]:
        """The output case for each input case."""
        inflater = self._inflater()
        failed: int | None = None
        for case in cases:
            if isinstance(case, BadCase):
                self._fail(name, case.number, f"{case.path}: {case.reason}")
                failed = case.number if failed is None else failed
                yield bad_case(case, self.number_key)
                continue
            result: Object = {self.number_key: case.number}
            if case.frame:
                result |= {"frame": case.frame, "stream": case.stream_id}
            result["wire"] = case.document["wire"]
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
                    yield result | inflate_case(
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

    def _explained(
        self, name: str, cases: Iterator[Case | BadCase]
    ) -> Iterator[tuple[str, Explanation | str]]:
        """The title of each case with its explanation, or the reason why there is none."""
        inflater = self._inflater()
        failed: int | None = None
        for case in cases:
            title = f"case {case.number}"
            if isinstance(case, BadCase):
                reason = f"{case.path}: {case.reason}"
                self._fail(name, case.number, reason)
                failed = case.number if failed is None else failed
                yield title, reason
                continue
            if case.frame:
                title += f", {case.frame} on stream {case.stream_id}"
            if failed is not None:
                yield title, self._lost(name, case, failed)
                continue
            explanation = self._explanation(case, inflater)
            if explanation.error is not None:
                self._fail(name, case.number, str(explanation.error))
                failed = case.number
            else:
                inflater.inflate(explanation.block)
            yield title, explanation

    def _explain_as_text(self, name: str, connection: _Connection) -> None:
        assert self.renderer is not None
        if connection.name:
            sys.stdout.write(self.renderer.render_heading(connection.name, connection.context))
        for title, explanation in self._explained(name, connection.cases):
            if isinstance(explanation, str):
                text = self.renderer.render_undecoded(title, explanation)
            else:
                text = self.renderer.render(title, explanation)
            sys.stdout.write(text)
            sys.stdout.flush()

    def _explain_on_page(self, name: str, connection: _Connection) -> None:
        from hpacktools.table_life import ExplainedStory

        story = ExplainedStory(connection.name or ("" if name == "-" else name), connection.context)
        for title, explanation in self._explained(name, connection.cases):
            story.add(title, explanation)
        self.stories.append(story)

    def write_page(self) -> None:
        """Write the page, once all sources have been read."""
        from hpacktools.bound import NoSolverError, lower_bound
        from hpacktools.explanation_html import render

        shown: list[tuple[ExplainedStory, int | None]] = []
        for story in self.stories:
            bound = None
            if not self.options.from_the_middle:
                with suppress(NoSolverError):
                    bound = lower_bound(story.as_cases(), limit=story.largest_maximum())
            shown.append((story, bound))
        # Only file names can contain lone surrogates, which have no UTF-8 form.
        sys.stdout.buffer.write(render(shown).encode("utf-8", "replace"))

    def _lost(self, name: str, case: Case, failed: int) -> str:
        reason = f"not decoded: the table was lost in case {failed}"
        self._fail(name, case.number, reason)
        return reason

    def _fail(self, name: str, number: int, reason: str) -> None:
        self.code = max(self.code, 1)
        complain(COMMAND, name, f"case {number}: {reason}")


def _refuse(options_parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Exit with a usage error if options conflict."""
    if (options.json or options.color or options.html) and not options.explain:
        options_parser.error("--json, --html and --color need --explain")
    if options.json and options.html:
        options_parser.error("--json and --html cannot be combined")
    if options.explain and options.dump_header_table:
        options_parser.error("--explain already shows the table after each block; leave out -d")
    if options.explain and options.jsonl and not options.json:
        options_parser.error("--explain --jsonl needs --json")
    if options.jsonl and options.form != "json":
        options_parser.error("--jsonl reads JSON cases and cannot be combined with --from")
    if options.peer is not None and options.form != "frames":
        options_parser.error("--peer needs --from frames")


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options_parser = parser()
    options = options_parser.parse_args(arguments)
    _refuse(options_parser, options)
    decoding = _Run(options)
    for name in options.files:
        try:
            decoding.source(name)
        except UnusableError as error:
            complain(COMMAND, name, str(error))
            decoding.code = 2
    if options.html and decoding.stories:
        decoding.write_page()
    return decoding.code
