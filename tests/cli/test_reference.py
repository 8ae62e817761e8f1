"""Files that are derived from the option table."""

from __future__ import annotations

import json
import re
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from h2static import reference
from h2static.commands import COMMANDS, COMPLETIONS
from h2static.options import OPTIONS
from tests.support.tools import require_tool


@pytest.mark.parametrize("name", [reference.MANUAL, reference.SCHEMA])
def test_no_file_is_stale(name: str) -> None:
    assert kept(name) == reference.resources()[name], "run python -m h2static.reference"


def kept(name: str) -> str:
    return files("h2static").joinpath("resources", name).read_text(encoding="utf-8")


@pytest.mark.parametrize("shell", COMPLETIONS)
@pytest.mark.parametrize("new", [False, True])
def test_completions_know_every_option(shell: str, new: bool) -> None:
    # Not octet by octet: another version of the library that makes them writes other scripts.
    script = reference.completion(shell) if new else kept(COMPLETIONS[shell])
    written = r" -l ([a-z0-9-]+)" if shell == "fish" else r"--([a-z][a-z0-9-]+)"
    found = set(re.findall(written, script))
    assert found >= {option.name for option in OPTIONS}, "run python -m h2static.reference"


def test_the_table_in_the_documentation_is_not_stale() -> None:
    kept = Path(__file__).parents[2].joinpath(reference.TABLE).read_text(encoding="utf-8")
    assert kept == reference.table(), "run python -m h2static.reference"


def test_the_schema_is_json() -> None:
    assert json.loads(reference.resources()[reference.SCHEMA])["type"] == "object"


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("--max-c", ["--max-concurrent-streams"]),
        ("--etag d", ["digest"]),
        ("--push-mode h", ["hints"]),
        ("con", ["config"]),
    ],
)
def test_bash_completes(words: str, completions: list[str]) -> None:
    bash = require_tool("bash", package="bash")
    script = kept("h2static.bash") + (
        f"COMP_WORDS=(h2static {words}); COMP_CWORD={len(words.split())};"
        f" COMP_LINE='h2static {words}'; _shtab_h2static; echo ${{COMPREPLY[*]}}"
    )
    done = subprocess.run(
        [bash, "--norc", "-c", script], capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stdout.split() == completions


def test_the_manual_page_has_everything_and_no_accidental_request() -> None:
    text = reference.manual()
    for option in OPTIONS:
        assert f"\\-\\-{option.name}".replace("-", "\\-").replace("\\\\-", "\\-") in text, (
            option.name
        )
    for name in COMMANDS:
        assert name.replace("-", "\\-") in text
    for line in text.splitlines():
        if line.startswith("."):
            assert line.split()[0] in (".TH", ".SH", ".SS", ".TP", ".B", ".BR", ".br")
        assert not line.startswith("'")
