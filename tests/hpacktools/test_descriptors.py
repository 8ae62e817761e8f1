"""The standard descriptors of a program that is started without them."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: Prints, on descriptor 9, which descriptors were missing and whether a child has them.
PROGRAM = """
import os, subprocess, sys
from hpacktools.descriptors import open_missing
missing = sorted(open_missing())
again = sorted(open_missing())
code = "import os; [os.fstat(number) for number in range(3)]"
child = subprocess.run([sys.executable, "-c", code], check=False).returncode
first = os.open(os.devnull, os.O_RDONLY)
os.write(9, f"{missing} {again} {child} {first > 2}".encode())
"""


@pytest.mark.parametrize(
    ("closing", "missing"),
    [("", "[]"), ("<&-", "[0]"), (">&-", "[1]"), ("2>&-", "[2]"), ("<&- >&- 2>&-", "[0, 1, 2]")],
)
def test_what_is_missing_is_opened(closing: str, missing: str) -> None:
    script = f'exec "$@" 9>&1 {closing}'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-c", PROGRAM],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout == f"{missing} [] 0 True"
