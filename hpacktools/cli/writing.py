"""Writing cases to standard output: in the JSON document of nghttp2's tools, or one per line."""

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
    """Writes the cases of connections.  The output is valid JSON whatever the cases are."""

    def __init__(self, *, lines: bool, output: BinaryIO | None = None) -> None:
        """``lines``: write each case as one flushed line, without a surrounding document."""
        self._output = output or sys.stdout.buffer
        self._lines = lines
        self._first = True

    @contextmanager
    def connection(self, head: Object | None = None) -> Iterator[None]:
        """The JSON document around one connection's cases; the members of ``head`` come first."""
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
    """The object written in place of a case with the wrong shape."""
    return {number_key: case.number, "error": {"message": case.reason, "path": case.path}}


def complain(command: str, source: str, text: str) -> None:
    """Write one line to standard error: which command, which file, what is wrong.

    Any part may come from the input, so the whole line is escaped.
    """
    name = "standard input" if source == "-" else source
    print(printable(f"{command}: {name}: {text}"), file=sys.stderr)
