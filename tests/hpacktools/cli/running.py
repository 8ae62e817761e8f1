"""Running a command in this process, with its standard streams in memory."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest


@dataclass(slots=True, kw_only=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def cases(self) -> list[Any]:
        """The cases of the JSON document on standard output."""
        cases: list[Any] = json.loads(self.out)["cases"]
        return cases

    @property
    def lines(self) -> list[Any]:
        """The cases written one a line."""
        return [json.loads(line) for line in self.out.splitlines()]


class _Standard(io.TextIOWrapper):
    def __init__(self, octets: bytes = b"") -> None:
        super().__init__(io.BytesIO(octets), encoding="utf-8", write_through=True)

    def text(self) -> str:
        self.flush()
        buffer = self.buffer
        assert isinstance(buffer, io.BytesIO)
        return buffer.getvalue().decode()


def run(
    main: Callable[[Sequence[str] | None], int], *arguments: str, stdin: str | bytes = b""
) -> Result:
    """Run ``main`` with ``arguments``; a wrong option's SystemExit is its exit code."""
    octets = stdin if isinstance(stdin, bytes) else stdin.encode()
    out, err = _Standard(), _Standard()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", _Standard(octets))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        try:
            code = main(arguments)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
    return Result(code=code, out=out.text(), err=err.text())
