"""What the compiled build takes for granted, without building it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.tools import BUILD

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.skipif(BUILD == "compiled", reason="it is there")
def test_it_needs_no_types_of_others(tmp_path: Path) -> None:
    """It is built in an environment of its own, which has not all that developers have."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    modules = {
        key: {str(path.relative_to(ROOT)) for pattern in hook[key] for path in ROOT.glob(pattern)}
        for key in ("compiled", "interpreted")
    }
    options = ("--config-file=", "--no-site-packages", f"--cache-dir={tmp_path}", *hook["mypy"])
    chosen = sorted(modules["compiled"] - modules["interpreted"])
    assert chosen
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, *chosen],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
