"""What is derived from the option table and kept in files: manual page, completions, schema, and a
table for the documentation.

Contract: :func:`resources` gives the text of every such file; ``python -m docs.generate_reference``
writes them, run in a checkout.  A test compares the files with what this module gives, so that they
cannot go stale.

Strategy: completions come from ``shtab``, a small library that turns an ``argparse`` parser into
scripts; it is needed by developers only, because the scripts are part of the package.  A command
stands in the place of an operand, which ``shtab`` does not know; so what comes after a command is
completed by lines of ours, in front of those in its functions.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from docs import generate_configuration as configuration
from docs import generate_h2get_reference as h2get
from docs.roff import item, roff
from h2static.command.command_line import build_parser
from h2static.command.commands import COMMANDS, COMPLETIONS, NEXT_WORDS
from h2static.command.help_text import explanation, head
from h2static.command.options import OPERANDS, OPTIONS, UNSUPPORTED, Argument, Group, Option
from h2static.command.toml_config import schema
from h2static.version import __version__

#: Files of the package, by name.
MANUAL = "h2static.1"
SCHEMA = "config.schema.json"
#: The tables, in a checkout.
TABLE = "docs/options.md"

_DESCRIPTION = """\
.B h2static
serves a folder, applications or both over HTTP/2, with TLS or, with
.BR \\-\\-no\\-tls ,
in cleartext. It accepts nghttpd's options.
Without KEY and CERT, it creates a certificate for this machine.
"""


class _Hook(NamedTuple):
    """How a script gets lines of ours."""

    #: Line of ``shtab`` with which the function begins that completes; in fish, that says whether
    #: its completions apply.
    function: str
    #: What is put behind that line.  ARMS become one for each entry of ``NEXT_WORDS``, MORE a
    #: pattern of all longer lines with a command, NAMES the commands.
    lines: str
    #: A function that this needs, or nothing.
    helper: str
    #: What completes a path, by ``Option.completes``, and in the place of ``{}`` words.
    actions: dict[str, str]


_HOOKS = {
    "bash": _Hook(
        function="\n_shtab_h2static() {\n",
        # First: bash leaves the name of a file to redirect to to what follows, others do it.
        lines="""\
  local IFS=$' \\t\\n'
  case "${COMP_WORDS[*]:1:COMP_CWORD-1}" in
    *[\\<\\>]) ;;
ARMS
    MORE) COMPREPLY=(); return ;;
  esac
""",
        # Version 3 of bash has no compopt.
        helper="""\
# reply as compgen with these arguments does
_h2static_reply() {
  local line
  COMPREPLY=()
  [ "$1" = -W ] || compopt -o filenames 2>/dev/null
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
    compgen "$@" -- "${COMP_WORDS[COMP_CWORD]}")
}""",
        actions={
            "file": "_h2static_reply -f",
            "directory": "_h2static_reply -d",
            "words": "_h2static_reply -W '{}'",
        },
    ),
    "zsh": _Hook(
        function="\n_shtab_h2static() {\n",
        lines="""\
  case "${words[2,CURRENT-1]}" in
ARMS
    MORE) return 1 ;;
  esac
""",
        helper="",
        actions={"file": "_files", "directory": "_files -/", "words": "compadd -- {}"},
    ),
    "fish": _Hook(
        function="\nfunction _shtab_h2static_using\n",
        lines="""\
  set -l words (commandline -opc)
  contains -- "$words[2]" NAMES; and return 1
""",
        helper="""\
# Condition helper: true if these words are all that stands before the one to complete.
function _h2static_after
  set -l words (commandline -opc)
  set -e words[1]
  test "$words" = "$argv"
end""",
        actions={
            "file": "(__fish_complete_path (commandline -ct))",
            "directory": "(__fish_complete_directories)",
            "words": "{}",
        },
    ),
}

_SIGNALS = (
    (
        "SIGTERM, SIGINT",
        (
            "Stop: the health check turns 503; after --drain-delay, no more connections are"
            " accepted, clients get GOAWAY, and accepted requests finish within --grace. A"
            " second signal stops immediately."
        ),
    ),
    (
        "SIGHUP",
        (
            "Reload certificates, configuration and rules. New workers take over, and old"
            " ones finish; no request is lost. On an error, the old configuration stays in"
            " use."
        ),
    ),
    ("SIGUSR1", "Reopen the log files."),
    ("SIGUSR2", "Write one JSON line with counters to the error log."),
)
_EXIT_CODES = (
    ("0", "Stopped on request."),
    ("1", "Could not start."),
    ("2", "Usage error."),
)


def resources() -> dict[str, str]:
    """The text of each file."""
    texts = {MANUAL: manual(), SCHEMA: json.dumps(schema(), indent=2) + "\n"}
    texts.update((name, completion(shell)) for shell, name in COMPLETIONS.items())
    return {**texts, **h2get.resources()}


def table() -> str:
    """The options as tables in Markdown."""
    parts = ["# Options of h2static\n\nGenerated by `python -m docs.generate_reference`.\n"]
    for group in Group:
        parts.append(f"## {group.value}\n\n| option | meaning | default |\n|---|---|---|")
        for option in OPTIONS:
            if option.group is group:
                cells = (f"`{head(option).strip()}`", option.help, option.default)
                row = " | ".join(cell.replace("|", "\\|").replace("*", "\\*") for cell in cells)
                parts.append(f"| {row} |")
        parts.append("")
    parts.append("## nghttpd options that are not supported\n\n| option | why |\n|---|---|")
    parts.extend(f"| `--{name}` | {reason} |" for name, reason in UNSUPPORTED.items())
    return "\n".join(parts) + "\n"


def completion(shell: str) -> str:
    """The completion script for ``shell``."""
    import shtab

    parser = build_parser(OPTIONS)
    kinds = {"file": shtab.FILE, "directory": shtab.DIRECTORY}
    by_name = {option.name: option for option in OPTIONS}
    for action in parser._actions:
        option = by_name[action.dest]
        if option.argument is Argument.OPTIONAL:
            # The next word is no value of it.
            action.nargs = 0
        else:
            _complete(action, kinds.get(option.completes))
        action.choices = (option.schema or {}).get("enum")  # type: ignore[assignment]  # JSON
        # Brackets and colons have a meaning in zsh's scripts.
        action.help = option.help.replace("[", "(").replace("]", ")").replace("%", "%%")
        if isinstance(action.metavar, str):
            action.metavar = action.metavar.replace(":", " ")
    for operand in OPERANDS:
        added = parser.add_argument(operand.name, nargs="?", help=operand.help)
        _complete(added, kinds.get(operand.completes))
        if operand.key == "port":
            # Any number is right; what can be completed in its place are the commands.
            added.choices = list(COMMANDS)
    script: str = shtab.complete(parser, shell=shell, preamble=_HOOKS[shell].helper)
    script = _with_commands(script, shell)
    return "\n".join(line.rstrip() for line in script.splitlines()) + "\n"


def _complete(action: argparse.Action, kind: object) -> None:
    """Have ``action`` completed as ``kind`` in the way that ``shtab`` looks for it."""
    if kind is not None:
        action.complete = kind  # type: ignore[attr-defined]  # shtab's own attribute


def _with_commands(script: str, shell: str) -> str:
    """``script`` for ``shell``, which then completes also what comes after a command.

    Raises :class:`ValueError` when ``shtab`` writes other functions than it did.
    """
    hook = _HOOKS[shell]
    by_words = {
        words: hook.actions[what]
        if isinstance(what, str)
        else hook.actions["words"].format(" ".join(what))
        for words, what in NEXT_WORDS.items()
    }
    if shell == "fish":
        for words, action in by_words.items():
            script += f"complete -c h2static -n '_h2static_after {words}' -xka '{action}'\n"
    lines = hook.lines.replace("NAMES", " ".join(COMMANDS))
    arms = (f"    '{words}') {action}; return ;;" for words, action in by_words.items())
    lines = lines.replace("ARMS", "\n".join(arms))
    lines = lines.replace("MORE", "|".join(f"'{name} '*" for name in COMMANDS))
    end = script.index(hook.function) + len(hook.function)
    return script[:end] + lines + script[end:]


def manual() -> str:
    """The manual page in the language of man(7)."""
    return "\n".join(_manual_lines()) + "\n"


def _manual_lines() -> Iterator[str]:
    yield f'.TH H2STATIC 1 "" "h2static {__version__}"'
    yield ".SH NAME"
    yield r"h2static \- serve a folder over HTTP/2"
    yield ".SH SYNOPSIS"
    yield ".B h2static\n[\\fIOPTION\\fR]... \\fIPORT\\fR [\\fIDOCROOT\\fR]\n.br"
    yield ".B h2static\n[\\fIOPTION\\fR]... \\fIPORT\\fR [\\fIDOCROOT\\fR] \\fIKEY CERT\\fR"
    for _, written, _ in COMMANDS.values():
        yield f".br\n.B h2static\n{roff(written)}"
    yield ".SH DESCRIPTION"
    yield _DESCRIPTION.rstrip("\n")
    for operand in OPERANDS:
        yield from item(rf"\fI{operand.name}\fR", operand.help)
    yield ".SH COMMANDS"
    for _, written, text in COMMANDS.values():
        yield from item(rf"\fB{roff(written)}\fR", text)
    yield ".SH OPTIONS"
    for group in Group:
        yield f'.SS "{group.value}"'
        for option in OPTIONS:
            if option.group is group:
                yield from item(_written(option), explanation(option))
    yield ".SH UNSUPPORTED NGHTTPD OPTIONS"
    for name, reason in UNSUPPORTED.items():
        yield from item(rf"\fB{roff('--' + name)}\fR", reason.capitalize() + ".")
    yield ".SH CONFIGURATION FILE"
    yield roff(
        "TOML, with every option under its long name, and port, key and cert. Repeatable"
        " options with a pattern may be sections. Paths are relative to the file's folder."
        " The command line takes precedence."
    )
    yield ".SH SIGNALS"
    for name, text in _SIGNALS:
        yield from item(rf"\fB{name}\fR", text)
    yield ".SH EXIT STATUS"
    for code, text in _EXIT_CODES:
        yield from item(rf"\fB{code}\fR", text)
    yield ".SH ENVIRONMENT"
    yield from item(r"\fBNO_COLOR\fR", "Disables colors in the frame log.")
    yield from item(r"\fBSSLKEYLOGFILE\fR", "File to which TLS secrets are appended.")


def _written(option: Option) -> str:
    """How ``option`` is written, names in bold, values in italics."""
    names = [f"--{option.name}"]
    if option.letter:
        names.insert(0, f"-{option.letter}")
    bold = ", ".join(rf"\fB{roff(name)}\fR" for name in names)
    if option.argument is Argument.NONE:
        return bold
    value = rf"\fI{roff(option.metavar)}\fR"
    return f"{bold}[={value}]" if option.argument is Argument.OPTIONAL else f"{bold} {value}"


def main() -> None:
    """Write the files."""
    folder = Path(__file__).parent.parent / "h2static" / "resources"
    folder.mkdir(exist_ok=True)
    for name, text in resources().items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    Path(TABLE).write_text(table(), encoding="utf-8")
    Path(configuration.PAGE).write_text(configuration.page(), encoding="utf-8")


if __name__ == "__main__":
    main()
