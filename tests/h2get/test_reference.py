"""The manual page and the completions of ``h2get``."""

from __future__ import annotations

import re
import subprocess
from importlib.resources import files

import pytest

from docs import generate_h2get_reference as reference
from h2static.h2get.arguments import build_parser
from h2static.h2get.cli import COMMANDS
from h2static.h2get.completion import COMPLETIONS
from tests.support.h2get import h2get
from tests.support.tools import require_tool

OPTIONS = {
    name
    for action in build_parser()._actions
    for name in action.option_strings
    if name.startswith("--")
}


def kept(name: str) -> str:
    return files("h2static").joinpath("resources", name).read_text(encoding="utf-8")


def test_the_manual_page_is_not_stale() -> None:
    text = reference.resources()[reference.MANUAL]
    assert kept(reference.MANUAL) == text, "run python -m docs.generate_reference"
    assert set(re.findall(r"--[a-z][a-z0-9.-]+", text.replace("\\-", "-"))) >= OPTIONS


@pytest.mark.parametrize("shell", COMPLETIONS)
@pytest.mark.parametrize("new", [False, True])
def test_completions_know_every_option(shell: str, new: bool) -> None:
    # Not octet by octet: another version of the library that makes them writes other scripts.
    script = reference.completion(shell) if new else kept(COMPLETIONS[shell])
    written = r" -l ([a-z0-9.-]+)" if shell == "fish" else r"--([a-z][a-z0-9.-]+)"
    found = {f"--{name}" for name in re.findall(written, script)}
    assert found >= OPTIONS, "run python -m docs.generate_reference"
    for name in COMMANDS:
        assert name in script


@pytest.mark.parametrize("shell", COMPLETIONS)
def test_the_command_prints_a_script_that_the_shell_can_read(shell: str) -> None:
    done = h2get("completion", shell)
    assert (done.code, done.errors) == (0, "")
    program = require_tool(shell, package=shell)
    subprocess.run([program, "-n"], input=done.octets, check=True)


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("--max-c", "--max-concurrent-streams"), ("conf", "conformance"), ("--no-p", "--no-push")],
)
def test_bash_completes(typed: str, completed: str) -> None:
    program = f"""{h2get("completion", "bash").output}
COMP_WORDS=(h2get {typed}); COMP_CWORD=1; _shtab_h2get; echo "${{COMPREPLY[@]}}"
"""
    command = [require_tool("bash", package="bash"), "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{completed}\n"


def test_what_is_wrong_is_one_line() -> None:
    for words in ((), ("tcsh",), ("bash", "zsh")):
        done = h2get("completion", *words)
        assert (done.code, done.output) == (2, "")
        assert done.errors == "h2get: completion: expected one of bash, zsh, fish\n"
