"""The examples of docs/qpack.md are what the tools do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stories import REPOSITORY, VECTORS

PAGE = (REPOSITORY / "docs/qpack.md").read_text()


def sessions() -> list[list[tuple[str, str]]]:
    """Commands and what they print, block by block."""
    found = []
    for block in re.findall(r"(?:^    .*\n|^\n)+", PAGE, re.MULTILINE):
        text = re.sub("^    ", "", block, flags=re.MULTILINE).strip("\n")
        if text.startswith("$ "):
            parts = re.split(r"^\$ (.*)\n", text + "\n", flags=re.MULTILINE)[1:]
            found.append(list(zip(parts[::2], parts[1::2], strict=True)))
    return found


def test_commands(tmp_path: Path) -> None:
    """In one folder, in the order of the page; "…" ends what is shown."""
    (tmp_path / "demo.qif").write_text(sessions()[0][0][1])
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    commands = [pair for session in sessions()[1:] for pair in session]
    assert len(commands) == 6
    for command, shown in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=os.environ | {"PATH": path},
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        expected, more, _ = shown.rstrip("\n").partition("\n…")
        printed = f"{done.stdout.rstrip()}\n{done.stderr.rstrip()}".strip()
        if more:
            assert printed.startswith(expected)
        else:
            # The two streams come in no certain order.
            assert sorted(printed.splitlines()) == sorted(expected.splitlines())


def test_python() -> None:
    (source,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    subprocess.run([sys.executable, "-c", source], check=True, timeout=60)


@pytest.mark.parametrize("folder", ["malformed", "unusual"])
def test_numbers_of_vectors(folder: str) -> None:
    readme = (VECTORS / "qpack/README.md").read_text()
    count = len(list((VECTORS / "qpack" / folder).glob("*.json")))
    assert f"| `{folder}/` | {count} |" in readme
