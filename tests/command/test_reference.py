"""Files that are derived from the option table."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from docs import generate_configuration as configuration
from docs import generate_reference as reference
from h2static.command.commands import COMMANDS, COMPLETIONS, NEXT_WORDS
from h2static.command.options import COMMAND_NAMES, OPTIONS
from tests.support.tools import require_tool


@pytest.mark.parametrize("name", [reference.MANUAL, reference.SCHEMA])
def test_no_file_is_stale(name: str) -> None:
    assert kept(name) == reference.resources()[name], "run python -m docs.generate_reference"


def kept(name: str) -> str:
    return files("h2static").joinpath("resources", name).read_text(encoding="utf-8")


@pytest.mark.parametrize("shell", COMPLETIONS)
@pytest.mark.parametrize("new", [False, True])
def test_completions_know_every_option(shell: str, new: bool) -> None:
    # Not octet by octet: another version of the library that makes them writes other scripts.
    script = reference.completion(shell) if new else kept(COMPLETIONS[shell])
    written = r" -l ([a-z0-9-]+)" if shell == "fish" else r"--([a-z][a-z0-9-]+)"
    found = set(re.findall(written, script))
    assert found >= {option.name for option in OPTIONS}, "run python -m docs.generate_reference"
    for words in NEXT_WORDS:
        assert f"{words}'" in script, "run python -m docs.generate_reference"


def test_the_table_in_the_documentation_is_not_stale() -> None:
    kept = Path(__file__).parents[2].joinpath(reference.TABLE).read_text(encoding="utf-8")
    assert kept == reference.table(), "run python -m docs.generate_reference"


def test_the_page_of_keys_is_not_stale() -> None:
    kept = Path(__file__).parents[2].joinpath(configuration.PAGE).read_text(encoding="utf-8")
    assert kept == configuration.page(), "run python -m docs.generate_reference"


def test_the_names_of_the_commands_are_those_of_the_commands() -> None:
    assert tuple(COMMANDS) == COMMAND_NAMES


def test_completion_knows_what_comes_after_each_command() -> None:
    assert {words.split()[0] for words in NEXT_WORDS} == set(COMMANDS)


def test_the_schema_is_json() -> None:
    assert json.loads(reference.resources()[reference.SCHEMA])["type"] == "object"


#: What is typed after ``h2static``, and what stands there after the tabulator key.
TYPED = [
    ("--max-c", "--max-concurrent-streams"),
    ("--etag d", "--etag digest"),
    ("--push-mode h", "--push-mode hints"),
    ("con", "config"),
    ("--config FOLDER/some", "--config FOLDER/some.toml"),
    ("--header '*:A: b' --verb", "--header '*:A: b' --verbose"),
    ("-p /=/a.css --verb", "-p /=/a.css --verbose"),
    ("8080 FOLDER/s", "8080 FOLDER/subfolder/"),
    ("--access-log 8080 FOLDER/s", "--access-log 8080 FOLDER/subfolder/"),
    # A folder may have the name of a command.
    ("8080 config --verb", "8080 config --verbose"),
    ("config ", "config --"),
    ("config --c", "config --check"),
    ("config --s", "config --schema"),
    ("config --verb", "config --verb"),
    ("config --check FOLDER/some", "config --check FOLDER/some.toml"),
    ("config --schema FOLDER/some", "config --schema FOLDER/some"),
    ("push-rules FOLDER/s", "push-rules FOLDER/subfolder/"),
    ("push-rules FOLDER/subfolder FOLDER/s", "push-rules FOLDER/subfolder FOLDER/s"),
    ("install-ca --y", "install-ca --yes"),
    ("install-ca FOLDER/s", "install-ca FOLDER/s"),
    ("completion b", "completion bash"),
    ("completion z", "completion zsh"),
    ("completion FOLDER/s", "completion FOLDER/s"),
    ("completion fish > FOLDER/some", "completion fish > FOLDER/some.toml"),
]


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    (tmp_path / "some.toml").touch()
    (tmp_path / "subfolder").mkdir()
    return tmp_path


@pytest.mark.parametrize(("typed", "completed"), TYPED)
def test_fish_completes(filled: Path, typed: str, completed: str) -> None:
    fish = require_tool("fish", package="fish", optional=True)
    script = files("h2static").joinpath("resources", COMPLETIONS["fish"])
    line = f"h2static {typed.replace('FOLDER', str(filled))}"
    program = 'source "$argv[1]"; complete -C "$argv[2]"'
    done = subprocess.run(
        [fish, "--no-config", "-c", program, str(script), line],
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
        env={**os.environ, "HOME": str(filled)},
    )
    # What follows the tabulator is an explanation.
    candidates = [line.partition("\t")[0] for line in done.stdout.splitlines()]
    last = completed.replace("FOLDER", str(filled)).split()[-1]
    common = os.path.commonprefix(candidates)  # noqa: RUF071  # of words, not of paths
    assert (common or line.split()[-1]) == last


#: Makes an interactive shell ready: at each prompt it says so, and Ctrl-T shows what stands there.
BASH = """\
bind 'set enable-bracketed-paste off'; source {folder}/h2static.bash
show() {{ echo "<""$READLINE_LINE>"; READLINE_LINE=; }}; bind -x '"\\C-t": show'
PS1='re''ady: '
"""
ZSH = """\
unsetopt zle_bracketed_paste; fpath=({folder} $fpath); autoload -Uz compinit; compinit -D -u
show() {{ zle -I; print -r -- "<""$BUFFER>"; BUFFER= }}; zle -N show; bindkey '^T' show
PS1='re''ady: '
"""


class Shell:
    """An interactive shell behind a terminal."""

    def __init__(self, words: list[str], ready: str, home: Path) -> None:
        pid, self._terminal = pty.fork()
        if not pid:
            # The child of a process with threads: nothing but this.
            os.execve(words[0], words, {"HOME": str(home), "TERM": "dumb"})
        self._pid = pid
        folder = str(files("h2static").joinpath("resources"))
        self._type(ready.format(folder=folder))
        self._wait_for(b"ready: ")

    def complete(self, typed: str) -> str:
        """The line after the tabulator key was pressed behind ``typed``."""
        self._type(f"{typed}\t\x14")
        end = b">\r\n"
        return self._wait_for(end).rpartition(b"<")[2].partition(end)[0].decode().rstrip()

    def _type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def _wait_for(self, end: bytes) -> bytes:
        seen = b""
        while end not in seen:
            assert select.select([self._terminal], [], [], 20)[0], seen
            seen += os.read(self._terminal, 4096)
        return seen

    def close(self) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


@pytest.mark.parametrize(
    ("name", "options", "ready"), [("bash", ["--norc", "-i"], BASH), ("zsh", ["-f", "-i"], ZSH)]
)
def test_bash_and_zsh_complete(filled: Path, name: str, options: list[str], ready: str) -> None:
    program = require_tool(name, package=name, optional=name == "zsh")
    shell = Shell([program, *options], ready, filled)
    try:
        for typed, completed in TYPED:
            line = f"h2static {typed}".replace("FOLDER", str(filled))
            expected = f"h2static {completed}".replace("FOLDER", str(filled))
            assert shell.complete(line) == expected
    finally:
        shell.close()


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
