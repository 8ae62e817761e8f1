"""Writing cases to standard output: in the frame of nghttp2's tools, or one a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hpacktools.jsonforms import pretty
from hpacktools.shapes import Object
from hpacktools.terminal import printable

from .reading import BadCase


class Writer:
    """Writes the cases of connections; what it wrote is valid JSON whatever a case is."""

    def __init__(self, *, lines: bool, output: BinaryIO | None = None) -> None:
        """``lines``: each case is one line, flushed, without a frame around."""
        self._output = output or sys.stdout.buffer
        self._lines = lines
        self._first = True

    @contextmanager
    def connection(self, head: Object | None = None) -> Iterator[None]:
        """The frame around the cases of one connection, with the members of ``head`` first."""
        if self._lines:
            yield
            return
        members = "".join(
            f"  {pretty(key)}: {pretty(each)},\n" for key, each in (head or {}).items()
        )
        self._output.write(b"{\n" + members.encode() + b'  "cases":\n  [\n')
        self._first = True
        try:
            yield
        finally:
            self._output.write(b"  ]\n}\n")
            self._output.flush()

    def case(self, case: Object) -> None:
        """Write one case."""
        if self._lines:
            text = json.dumps(case, ensure_ascii=False, separators=(",", ":"))
            self._output.write(text.encode() + b"\n")
            self._output.flush()
            return
        if not self._first:
            self._output.write(b",\n")
        self._first = False
        self._output.write(pretty(case).encode() + b"\n")


def bad_case(case: BadCase, number_key: str) -> Object:
    """What is written in the place of a case of the wrong shape."""
    return {number_key: case.number, "error": {"message": case.reason, "path": case.path}}


def complain(command: str, source: str, text: str) -> None:
    """One line on standard error: which command, which file, what is wrong.

    All of it may be made of what the input holds, and is escaped.
    """
    name = "standard input" if source == "-" else source
    print(printable(f"{command}: {name}: {text}"), file=sys.stderr)
