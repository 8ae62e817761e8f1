"""Testing another implementation: a command that reads and writes the tools' JSON.

Contract: a command runs in one of two ways.

Once per story, it gets a document with ``cases`` on standard input and writes one to standard
output, as ``inflatehd`` and ``deflatehd`` do.  As a co-process it gets one object per line and
answers each with one line: ``{"reset": true}``, which has no answer, begins a connection, and every
other line is a case.  Lines are compact and have their members in the order of :func:`_line`, so
that a program without a JSON library can find them.

A decoder gets ``header_table_size`` or ``header_table_sizes``, and ``wire``; an encoder the sizes,
``headers`` (with ``octets``) and ``sensitive``, as a co-process also ``fields``: pairs of
hexadecimal digits.  A decoder answers with ``headers`` (and ``octets``) or with ``fields``, an
encoder with ``wire``.  It may answer instead with

- ``error``: it refuses the block or the list;
- ``crash``: something went wrong that is not a verdict on the block: a failure;
- ``skip``: the codec cannot do what the case asks; the story is not counted.

A command that runs once per story can also refuse by an exit code other than 0, whether its output
ends before the case, in the middle of it, or includes every case: the code says that it refused one
of them, a short output says which.  A command killed by a signal has not refused anything: it has
crashed.  Shells report that as exit code 128 plus the signal, so these codes mean the same.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hpacktools.jsonforms import fields_to_json, parse
from hpacktools.shapes import JSON, Object, is_headers, is_hex
from hpacktools.stories import Case

from .command import TIMEOUT, CommandError, Finished, killer, run_command, uninterrupted
from .coprocess import CoProcess

#: Error output of programs that an uncaught exception ended: Python, Java, Node.js, Ruby, Go, Rust,
#: Perl and Erlang.
_UNCAUGHT: Final = re.compile(
    r'^Traceback \(most recent call last\)|^Exception in thread "|^    at \S.*:\d+|'
    r"\((?:\w|::)+(?:Error|Exception)\)$|^panic: |^goroutine \d+|^thread '.*' panicked|"
    r" at \S+ line \d+\.$|^escript: exception|^\s+from \S+:\d+:in ",
    re.MULTILINE,
)
#: Octets of a command's output quoted in messages.
_QUOTED: Final = 60
#: After this many failures in a row a co-process is not restarted.
TRIES: Final = 3


class By(StrEnum):
    """How a command refused a case."""

    ERROR = "error"
    EXIT_CODE = "exit code"
    #: An exit code with the error output of an uncaught exception: perhaps the program's way to
    #: refuse, perhaps a bug.
    EXCEPTION = "exception"


@dataclass(slots=True, kw_only=True, frozen=True)
class Answer:
    """A command's answer to the cases of one story."""

    #: The cases in its output, up to the first that it refused.
    cases: list[Object]
    #: Why it refused a case; empty if it refused none.
    refusal: str = ""
    by: By = By.ERROR
    #: Position of the refused case; ``None`` if the command does not say.
    refused: int | None = None
    #: Why the command cannot run the story; empty if it ran it.
    skipped: str = ""


class UnusableCommandError(Exception):
    """A command that cannot be started at all; the message says which and why."""


def check_command(command: str) -> None:
    """Check that ``command`` can be started, before any story runs.

    Raises :class:`UnusableCommandError`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UnusableCommandError(f"{command}: {error}") from None
    if not words:
        raise UnusableCommandError(f"{command!r} does not name a command")
    if shutil.which(words[0]) is None:
        reason = "cannot be executed" if os.path.exists(words[0]) else "command not found"
        raise UnusableCommandError(f"{words[0]}: {reason}")


class Commands:
    """The commands under test.  Co-processes are kept running until the block is left."""

    def __init__(
        self, *, co_process: bool = False, timeout: float = TIMEOUT, tries: float = TRIES
    ) -> None:
        """``timeout``: time limit of a co-process for one exchange, in seconds.

        ``tries``: number of failures in a row after which a co-process is not restarted.
        """
        self._co_process = co_process
        self._tries = tries
        self._timeout = timeout
        self._running: dict[str, CoProcess] = {}
        self._failures: dict[str, int] = {}

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        # After an interruption, do not wait for them.
        self.close(at_once=kind is not None)

    def close(self, *, at_once: bool = False) -> None:
        """End all co-processes; ``at_once``: kill them without waiting."""
        while self._running:
            # Removed only after it has ended: an interruption may come in between.
            command, process = next(iter(self._running.items()))
            process.close(at_once=at_once)
            del self._running[command]

    def decode(self, command: str, cases: Sequence[Case]) -> Answer:
        """Have the decoder ``command`` decode ``cases``, one connection; each case of the answer
        has ``headers`` or ``fields``.

        Raises :class:`CommandError` if the command neither decodes nor refuses.
        """
        (answer,) = self.decode_all(command, [cases])
        return answer

    def decode_all(self, command: str, stories: Sequence[Sequence[Case]]) -> list[Answer]:
        """:meth:`decode` for several connections, sent to a co-process together."""
        return self._run(command, stories, _decode_document, _is_decoded, "header list")

    def encode(self, command: str, cases: Sequence[Case]) -> Answer:
        """Have the encoder ``command`` encode ``cases``; each case of the answer has ``wire``.

        Raises :class:`CommandError` if the command neither encodes nor refuses.
        """
        (answer,) = self._run(command, [cases], self._encode_document, _is_encoded, "header block")
        return answer

    def _encode_document(self, position: int, case: Case) -> Object:
        headers, octets = fields_to_json(case.fields or ())
        document: Object = _sizes(case) | {"headers": headers}
        if octets:
            document["octets"] = octets
        if self._co_process:
            document["fields"] = [[name.hex(), value.hex()] for name, value in case.fields or ()]
        if case.sensitive:
            document["sensitive"] = list[JSON](sorted(case.sensitive))
        return document

    def _run(
        self,
        command: str,
        stories: Sequence[Sequence[Case]],
        document_of: Callable[[int, Case], Object],
        is_done: Callable[[Object], bool],
        what: str,
    ) -> list[Answer]:
        documents = [
            [document_of(position, case) for position, case in enumerate(cases)]
            for cases in stories
        ]
        if self._co_process:
            answers = self._exchange(command, documents)
        else:
            answers = [_run_once(command, each) for each in documents]
        for answer in answers:
            if not all(map(is_done, answer.cases)):
                raise CommandError(f"a case in the output has no {what}")
        return answers

    def _exchange(self, command: str, stories: Sequence[Sequence[Object]]) -> list[Answer]:
        failures = self._failures.get(command, 0)
        if failures >= self._tries:
            raise CommandError(f"not restarted: failed {failures} times in a row")
        lines = []
        for documents in stories:
            lines.append('{"reset":true}\n')
            lines += map(_line, documents)
        try:
            process = self._process(command)
            count = sum(map(len, stories))
            answers = iter(process.exchange("".join(lines).encode(), count, timeout=self._timeout))
        except CommandError:
            self._failures[command] = failures + 1
            raise
        self._failures[command] = 0
        return [_read_lines([next(answers) for _ in documents]) for documents in stories]

    def _process(self, command: str) -> CoProcess:
        process = self._running.get(command)
        if process is None or not process.running:
            try:
                with uninterrupted() as before:
                    process = CoProcess(shlex.split(command), before)
                    self._running[command] = process
            except OSError as error:
                raise CommandError(f"cannot run: {error.strerror or error}") from None
            except ValueError as error:
                raise CommandError(f"cannot run: {error}") from None
        return process


def _decode_document(position: int, case: Case) -> Object:
    assert case.wire is not None
    return {"seqno": position} | _sizes(case) | {"wire": case.wire.hex()}


def _sizes(case: Case) -> Object:
    """The settings before a case.  Several settings go into ``header_table_sizes``, next to the
    last one in the corpus format's member; commands that cannot read it never get such a case."""
    if not case.table_sizes:
        return {}
    sizes: Object = {"header_table_size": case.table_sizes[-1]}
    if len(case.table_sizes) > 1:
        sizes["header_table_sizes"] = list[JSON](case.table_sizes)
    return sizes


def _line(document: Object) -> str:
    """A case for a co-process: settings come first and are always a list."""
    case = {key: value for key, value in document.items() if key not in ("seqno", *_SIZES)}
    sizes = document.get("header_table_sizes") or document.get("header_table_size")
    if sizes is not None:
        first: Object = {"header_table_sizes": sizes if isinstance(sizes, list) else [sizes]}
        case = first | case
    return json.dumps(case, separators=(",", ":")) + "\n"


_SIZES: Final = ("header_table_size", "header_table_sizes")


def _is_decoded(result: Object) -> bool:
    """Whether a case has a header list; ``{}`` may represent a field that is not UTF-8."""
    headers, fields = result.get("headers"), result.get("fields")
    if type(headers) is list:
        return is_headers([header for header in headers if header != {}])
    return type(fields) is list and all(
        type(pair) is list and len(pair) == 2 and all(map(is_hex, pair)) for pair in fields
    )


def _is_encoded(result: Object) -> bool:
    return is_hex(result.get("wire"))


def _run_once(command: str, cases: Sequence[Object]) -> Answer:
    document: Object = {"cases": list[JSON](cases)}
    try:
        done = run_command(shlex.split(command), json.dumps(document).encode())
    except OSError as error:
        raise CommandError(f"cannot run: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(f"cannot run: {error}") from None
    if by := killer(done.code):
        raise CommandError(f"killed by {by}")
    return _read(done, len(cases))


def _read(done: Finished, count: int) -> Answer:
    """Parse the output for ``count`` cases into an answer."""
    errors = done.errors.decode("utf-8", "replace").strip()
    refusal, by = "", By.ERROR
    if done.code:
        refusal = errors.splitlines()[-1] if errors else f"exit code {done.code}"
        by = By.EXCEPTION if _UNCAUGHT.search(errors) else By.EXIT_CODE
    try:
        document = parse(done.output.decode())
    except ValueError as error:
        if refusal:
            # inflatehd stops in the middle of its output: how far it got is unknown.
            return Answer(cases=[], refusal=refusal, by=by)
        raise CommandError(f"its output is not JSON: {error}{_quoted(done)}") from None
    if type(document) is dict and "skip" in document:
        return Answer(cases=[], skipped=_reason(document["skip"]))
    results = document.get("cases") if type(document) is dict else None
    if not isinstance(results, list):
        raise CommandError(f"its output has no cases{_quoted(done)}")
    if len(results) > count:
        raise CommandError(f"it wrote {len(results)} cases instead of {count}")
    answer = _up_to_the_first_refusal(results)
    if answer.refusal or answer.skipped:
        return answer
    if len(answer.cases) == count:
        return Answer(cases=answer.cases, refusal=refusal, by=by)
    if not refusal:
        raise CommandError(f"it wrote {len(answer.cases)} of {count} cases but exited with 0")
    return Answer(cases=answer.cases, refusal=refusal, by=by, refused=len(answer.cases))


def _read_lines(lines: Sequence[bytes]) -> Answer:
    """Parse the lines that a co-process wrote for one connection into an answer."""
    results: list[JSON] = []
    for line in lines:
        try:
            # Plain parsing: duplicate members are not detected.
            results.append(json.loads(line))
        except ValueError as error:
            quoted = line[:_QUOTED].decode("utf-8", "backslashreplace")
            raise CommandError(f"a line of its output is not JSON: {error}: {quoted}") from None
    return _up_to_the_first_refusal(results)


def _up_to_the_first_refusal(results: Sequence[JSON]) -> Answer:
    """The answer up to its first refusal.

    Raises :class:`CommandError` for a crash, and for anything that is not a case.
    """
    written: list[Object] = []
    for position, result in enumerate(results):
        # An object with a duplicate member is not one either.
        if type(result) is not dict:
            raise CommandError(f"case {position} of its output is not an object")
        if "crash" in result:
            raise CommandError(f"crashed: {_reason(result['crash'])}")
        if "skip" in result:
            return Answer(cases=written, skipped=_reason(result["skip"]))
        if "error" in result:
            return Answer(cases=written, refusal=_reason(result["error"]), refused=position)
        written.append(result)
    return Answer(cases=written)


def _reason(value: JSON) -> str:
    """The text of ``error``, ``crash`` or ``skip``: a string, or an object with ``message``."""
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        section = value.get("section")
        return f"{value['message']}" + (f" ({section})" if isinstance(section, str) else "")
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(done: Finished) -> str:
    """The first octets of a command's output, for a message."""
    parts = []
    for name, octets in (("standard output", done.output), ("standard error", done.errors)):
        if octets:
            text = octets[:_QUOTED].decode("utf-8", "backslashreplace")
            parts.append(f"{name} begins with {text + ('…' if len(octets) > _QUOTED else '')!r}")
        else:
            parts.append(f"{name} is empty")
    return f"; {', '.join(parts)}"
