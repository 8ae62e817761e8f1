"""Another implementation in the place of ours: a command that reads and writes the tools' JSON.

Contract: the command gets a document with ``cases`` on standard input and writes one to standard
output, as ``inflatehd`` and ``deflatehd`` do.  A decoder gets ``seqno``, ``header_table_size`` and
``wire``; an encoder ``header_table_size`` and ``headers``.  A case is refused when the output has
an ``error`` in its place, or ends before it while the exit code is not 0.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from typing import Final

from hpacktools.codec import Field
from hpacktools.jsonforms import fields_to_json, parse
from hpacktools.shapes import JSON, Object, is_headers, is_hex
from hpacktools.stories import Case

#: A command that takes longer for one story is stopped, in seconds.
TIMEOUT: Final = 60.0


class CommandError(Exception):
    """The command did not do what a decoder or encoder must do."""


class Refused(CommandError):
    """The command refused a case; ``number`` is its position."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(number, reason)
        self.number = number
        self.reason = reason

    def __str__(self) -> str:
        return f"refused: {self.reason}"


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


def decode(command: str, cases: Sequence[Case]) -> list[Object]:
    """The cases that the decoder ``command`` writes, one for each of ``cases``.

    Raises :class:`Refused` for the first that it refuses, :class:`CommandError` for anything else
    that goes wrong.
    """
    documents: list[JSON] = []
    for position, case in enumerate(cases):
        document: Object = {"seqno": position}
        if case.table_sizes:
            document["header_table_size"] = case.table_sizes[-1]
        assert case.wire is not None
        document["wire"] = case.wire.hex()
        documents.append(document)
    results = _run(command, documents)
    for result in results:
        if not is_headers(result.get("headers")):
            raise CommandError("a case of the output has no header list")
    return results


def encode(command: str, cases: Sequence[Case]) -> list[bytes]:
    """The blocks that the encoder ``command`` writes, one for each of ``cases``.

    Raises :class:`CommandError`.
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
    blocks = []
    for result in _run(command, documents):
        wire = result.get("wire")
        if not is_hex(wire):
            raise CommandError("a case of the output has no header block")
        blocks.append(bytes.fromhex(str(wire)))
    return blocks


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


def _run(command: str, cases: list[JSON]) -> list[Object]:
    try:
        done = subprocess.run(  # noqa: S603  # the user asks for this command
            shlex.split(command),
            input=json.dumps({"cases": cases}).encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"no answer within {TIMEOUT:.0f} s") from None
    except OSError as error:
        raise CommandError(f"cannot be run: {error.strerror or error}") from None
    except ValueError as error:
        raise CommandError(f"cannot be run: {error}") from None
    complaint = done.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = complaint[-1] if complaint else f"exit code {done.returncode}"
    try:
        document = parse(done.stdout.decode())
    except ValueError as error:
        if done.returncode:
            # inflatehd stops in the middle of its output: how far it came is not known.
            raise Refused(-1, reason) from None
        raise CommandError(f"its output is not JSON: {error}") from None
    results = document.get("cases") if isinstance(document, dict) else None
    if not isinstance(results, list):
        raise CommandError("its output has no cases")
    checked: list[Object] = []
    for position, result in enumerate(results):
        if not isinstance(result, dict):
            raise CommandError(f"case {position} of its output is not an object")
        if "error" in result:
            raise Refused(position, json.dumps(result["error"]))
        checked.append(result)
    if len(checked) < len(cases):
        if done.returncode:
            raise Refused(len(checked), reason)
        raise CommandError(f"it wrote {len(checked)} cases of {len(cases)} and exit code 0")
    if done.returncode:
        raise CommandError(f"exit code {done.returncode} though no case failed: {reason}")
    return checked
