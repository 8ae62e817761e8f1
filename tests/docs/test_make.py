"""``make test``, the other command of README, with its arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.markdown import README, REPOSITORY
from tests.support.tools import require_tool


@pytest.mark.slow
@pytest.mark.parametrize(("test", "code"), [("test_fine", 0), ("test_broken", 2)])
def test_make_test(tmp_path: Path, test: str, code: int) -> None:
    """It runs what ARGS says, and fails when a test does.  The environment is the one there is."""
    make = require_tool("make", package="make")
    assert "make test" in README.read_text()
    (tmp_path / "test_two.py").write_text(
        "def test_fine() -> None:\n    pass\n\n\ndef test_broken() -> None:\n    raise ValueError\n"
    )
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/python"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)
    for marker in (".pip", ".project", ".tools"):
        (tmp_path / marker).touch()
    done = subprocess.run(
        [make, "test", f"VENV={tmp_path}", f"ARGS=-n 0 {tmp_path}/test_two.py::{test}"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert f"1 {'failed' if code else 'passed'}" in done.stdout
