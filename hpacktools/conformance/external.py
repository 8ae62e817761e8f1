"""Another implementation in the place of ours: a command that reads and writes the tools' JSON.

Contract: the command gets a document with ``cases`` on standard input and writes one to standard
output, as ``inflatehd`` and ``deflatehd`` do.  A decoder gets ``seqno``, ``header_table_size`` and
``wire``; an encoder ``header_table_size`` and ``headers``.  It refuses a case

- by an ``error`` in the place of the case, whatever the exit code is; or
- by an exit code other than 0, whether its output ends before the case, in the middle of it, or has
  every case: such a code says that one of them was refused, a short output says which.

A decoder that has no text for a field that is not UTF-8 may write ``{}`` in the place of the field,
as ``inflatehd`` does.

A command that is killed by a signal has refused nothing: it has crashed.  Shells tell of that by an
exit code of 128 plus the signal, so these codes mean the same.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
from collections.abc import Sequence
from dataclasses import dataclass

from hpacktools.codec import Field
from hpacktools.jsonforms import fields_to_json, parse
from hpacktools.shapes import JSON, Object, is_headers, is_hex
from hpacktools.stories import Case

from .command import CommandError, run_command


@dataclass(slots=True, kw_only=True, frozen=True)
class Answer:
    """What a command wrote."""

    #: The cases of its output, up to the first that it refused.
    cases: list[Object]
    #: Why it refused a case; empty where it refused none.
    refusal: str = ""
    #: Position of the refused case; ``None`` where the command does not tell.
    refused: int | None = None


class UnusableCommandError(Exception):
    """A command that cannot be started at all; the text says which and why."""


def check_command(command: str) -> None:
    """Find out before anything is run whether ``command`` can be.

    Raises :class:`UnusableCommandError`.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise UnusableCommandError(f"{command}: {error}") from None
    if not words:
        raise UnusableCommandError(f"{command!r} names no command")
    if shutil.which(words[0]) is None:
        reason = "cannot be executed" if os.path.exists(words[0]) else "command not found"
        raise UnusableCommandError(f"{words[0]}: {reason}")


def decode(command: str, cases: Sequence[Case]) -> Answer:
    """What the decoder ``command`` makes of ``cases``; each case of the answer has ``headers``.

    Raises :class:`CommandError` when it does something else than decode or refuse.
    """
    documents: list[JSON] = []
    for position, case in enumerate(cases):
        document: Object = {"seqno": position}
        if case.table_sizes:
            document["header_table_size"] = case.table_sizes[-1]
        assert case.wire is not None
        document["wire"] = case.wire.hex()
        documents.append(document)
    answer = _run(command, documents)
    if not all(_is_header_list(result.get("headers")) for result in answer.cases):
        raise CommandError("a case of the output has no header list")
    return answer


def _is_header_list(value: JSON) -> bool:
    """A header list, in which ``{}`` may stand for a field that is not UTF-8."""
    return type(value) is list and is_headers([header for header in value if header != {}])


def encode(command: str, cases: Sequence[Case]) -> Answer:
    """What the encoder ``command`` makes of ``cases``; each case of the answer has ``wire``.

    Raises :class:`CommandError` when it does something else than encode or refuse.
    """
    documents: list[JSON] = []
    for case in cases:
        headers, octets = fields_to_json(case.fields or ())
        document: Object = {"headers": headers}
        if octets:
            document["octets"] = octets
        if case.table_sizes:
            document["header_table_size"] = case.table_sizes[-1]
        documents.append(document)
    answer = _run(command, documents)
    if not all(is_hex(result.get("wire")) for result in answer.cases):
        raise CommandError("a case of the output has no header block")
    return answer


def same_fields(result: Object, expected: Sequence[Field]) -> str:
    """What differs between the header list of ``result`` and ``expected``; empty if nothing.

    Fields that are not UTF-8 cannot be compared where the command does not write ``octets``.
    """
    headers = result["headers"]
    assert isinstance(headers, list)
    wanted, octets = fields_to_json(expected)
    if len(headers) != len(wanted):
        return f"{len(headers)} fields, not {len(wanted)}"
    found_octets = result.get("octets")
    for position, (found, header) in enumerate(zip(headers, wanted, strict=True)):
        if str(position) in octets and not isinstance(found_octets, dict):
            continue
        if found != header:
            return f"field {position} is {json.dumps(found)}, not {json.dumps(header)}"
    if isinstance(found_octets, dict) and found_octets != octets:
        return "the octets of fields that are not UTF-8 differ"
    return ""


def same_table(result: Object, expected: Object) -> str:
    """What differs between the dumped table of ``result`` and ``expected``; empty if nothing.

    A command need not dump its table, and octets that are not UTF-8 cannot be compared where it
    does not write ``name_hex`` and ``value_hex``.
    """
    found = result.get("header_table", expected)
    if isinstance(found, dict):
        wanted, entries = expected["entries"], found.get("entries")
        assert isinstance(wanted, list)
        if (
            isinstance(entries, list)
            and len(entries) == len(wanted)
            and all(map(_is_entry, entries, wanted))
            and all(found.get(key) == expected[key] for key in ("size", "max_size"))
        ):
            return ""
    return f"the table is {json.dumps(found)}"


def _is_entry(found: JSON, wanted: JSON) -> bool:
    """Whether an entry of a dumped table is the one that is ``wanted``, as far as it tells."""
    assert isinstance(wanted, dict)
    if not isinstance(found, dict):
        return False
    untold = {
        key for key in ("name", "value") if f"{key}_hex" in wanted and f"{key}_hex" not in found
    }
    untold |= {f"{key}_hex" for key in untold}
    return all(found.get(key) == value for key, value in wanted.items() if key not in untold)


def _run(command: str, cases: list[JSON]) -> Answer:
    try:
        done = run_command(shlex.split(command), json.dumps({"cases": cases}).encode())
    except OSError as error:
        raise CommandError(f"cannot be run: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(f"cannot be run: {error}") from None
    if killer := _killer(done.code):
        raise CommandError(f"killed by {killer}")
    complaint = done.errors.decode("utf-8", "replace").strip().splitlines()
    refusal = ""
    if done.code:
        refusal = complaint[-1] if complaint else f"exit code {done.code}"
    return _read(done.output, len(cases), refusal)


def _killer(code: int) -> str:
    """The signal that ended a process, by its return code or by the exit code of a shell around
    it; empty where none did."""
    number = -code if code < 0 else code - 128
    if code >= 0 and number not in signal.valid_signals():
        return ""
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        # A real-time signal.
        return f"signal {number}"


def _read(output: bytes, count: int, refusal: str) -> Answer:
    """The answer in ``output`` to ``count`` cases; ``refusal`` is empty when the exit code is 0."""
    try:
        document = parse(output.decode())
    except ValueError as error:
        if refusal:
            # inflatehd stops in the middle of its output: how far it came is not known.
            return Answer(cases=[], refusal=refusal)
        raise CommandError(f"its output is not JSON: {error}") from None
    results = document.get("cases") if type(document) is dict else None
    if not isinstance(results, list):
        raise CommandError("its output has no cases")
    if len(results) > count:
        raise CommandError(f"it wrote {len(results)} cases for {count}")
    written: list[Object] = []
    for position, result in enumerate(results):
        # Nor is one with a member twice.
        if type(result) is not dict:
            raise CommandError(f"case {position} of its output is not an object")
        if "error" in result:
            reason = json.dumps(result["error"])
            return Answer(cases=written, refusal=reason, refused=position)
        written.append(result)
    if len(written) == count:
        return Answer(cases=written, refusal=refusal)
    if not refusal:
        raise CommandError(f"it wrote {len(written)} cases of {count} and exit code 0")
    return Answer(cases=written, refusal=refusal, refused=len(written))
