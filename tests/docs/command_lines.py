"""Command lines in pages, taken apart and given to the parsers of the programs.

Contract: :func:`check` raises what the program's own parser raises; nothing is run.  Programs that
are not this project's are passed over.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from h2static.command.command_line import parse
from h2static.command.commands import COMMANDS
from h2static.command.configure import configure
from h2static.command.options import OPTIONS
from h2static.errors import StartError
from h2static.h2get import arguments as h2get
from hpacktools.cli import conformance, deflate, inflate
from hpacktools.qpack.tools import decode, encode
from tests.docs.markdown import REPOSITORY

PARSERS = {
    "hpack-conformance": conformance.parser,
    "hpack-deflate": deflate.parser,
    "hpack-inflate": inflate.parser,
    "qpack-decode": decode.parser,
    "qpack-encode": encode.parser,
}
#: Folders that pages speak of.
FOLDERS = ("dist", "docs", "mocks", "node_modules", "out", "site", "www", "docs/.vitepress/dist")
_ENDS = {"|", "||", "&&", ";", "&", "(", ")"}
_NAMES_OF_H2GET = ("record", "replay", "conformance", "completion")


def commands_in(text: str) -> Iterator[list[str]]:
    """The words of each command in the shell text ``text``."""
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.shlex(line, posix=True, punctuation_chars=";|&()<>")
        words.whitespace_split = True
        words.commenters = "#"
        command: list[str] = []
        skip = False
        for word in words:
            if skip:
                skip = False
            elif word in _ENDS:
                yield command
                command = []
            elif word and set(word) <= set("<>&"):
                # A redirection, and before it the number of a descriptor.
                skip = True
                if command and command[-1].isdigit() and f"{command[-1]}{word}" in line:
                    command.pop()
            else:
                command.append(word)
        yield command


def check(words: Sequence[str], folder: Path) -> bool:
    """Whether this knows the program; raises what is wrong.  ``folder`` is the working folder."""
    words = [word.rstrip("…") for word in words if word.strip("…")]
    while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
        del words[0]
    if not words:
        return False
    name, *rest = words
    name = name.removeprefix(".venv/bin/")
    if name == "h2static":
        _check_h2static(rest, folder)
    elif name == "h2get":
        _check_h2get(rest)
    elif name in PARSERS:
        with _errors_as_exceptions(words):
            PARSERS[name]().parse_args(rest)
    elif name == "make":
        for target in rest:
            assert "=" in target or target in make_targets(), target
    elif name in ("python", "python3") and rest[:1] == ["-m"]:
        assert importlib.util.find_spec(rest[1]) is not None, rest[1]
    elif name == "pip":
        _check_pip(rest)
    else:
        return False
    return True


def make_targets() -> set[str]:
    """What ``make`` makes."""
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
    return set(phony.split())


def _check_h2static(words: list[str], folder: Path) -> None:
    if words and words[0] in COMMANDS:
        written = COMMANDS[words[0]][1]
        for word in words[1:]:
            assert not word.startswith("-") or word in written, (word, written)
        return
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        line = parse(words, OPTIONS)
        if {"help", "help-all", "version", "config"} & line.values.keys():
            return
        # A start fails for what this machine lacks; the words were understood.
        with contextlib.suppress(StartError):
            configure(line.operands, line.values, {})


def _check_h2get(words: list[str]) -> None:
    if words and words[0] in _NAMES_OF_H2GET:
        known = (REPOSITORY / "h2static/h2get" / f"{words[0]}.py").read_text()
        known += h2get.build_parser().format_help()
        for word in words[1:]:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, word
        return
    h2get.parse(["https://example.org/" if word == "URI" else word for word in words])


def _check_pip(words: list[str]) -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    for word in words[1:]:
        if found := re.fullmatch(r"(?:h2static|\.)\[(.*)\]", word):
            extras = settings["project"]["optional-dependencies"]
            assert set(found[1].split(",")) <= set(extras), word
    if "--group" in words:
        assert words[words.index("--group") + 1] in settings["dependency-groups"]


@contextlib.contextmanager
def _errors_as_exceptions(words: Sequence[str]) -> Iterator[None]:
    try:
        yield
    except SystemExit as error:
        raise ValueError(f"refused: {shlex.join(words)}") from error
