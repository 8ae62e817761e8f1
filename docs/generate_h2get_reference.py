"""The manual page and the completions of ``h2get``, made of its parser.

Contract: :func:`resources` gives the text of each; :mod:`docs.generate_reference` writes them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from docs.roff import item, roff
from h2static.h2get.arguments import build_parser
from h2static.h2get.cli import COMMANDS
from h2static.h2get.completion import COMPLETIONS
from h2static.version import __version__

MANUAL = "h2get.1"
#: What values are called that name files.
_FILES = frozenset(("FILE", "PATH"))
_COMMANDS = {
    "h2get record [OPTION]... URI...": "Print a script that repeats the requests.",
    "h2get replay [OPTION]... SCRIPT [URI] [--against URI]": (
        "Run a script, and show where the responses differ from it, or between two servers."
    ),
    "h2get conformance [OPTION]... URI": "Check a server against the RFCs.",
    "h2get completion bash|zsh|fish": "Print a shell completion script.",
}
_EXIT_CODES = {
    "0": "Success.",
    "1": "A response or an expectation failed.",
    "2": "Usage error.",
    "3": "Could not connect.",
}


def resources() -> dict[str, str]:
    """The text of each file."""
    texts = {MANUAL: "\n".join(_manual()) + "\n"}
    texts.update((name, completion(shell)) for shell, name in COMPLETIONS.items())
    return texts


def completion(shell: str) -> str:
    """The completion script for ``shell``."""
    import shtab

    parser = build_parser()
    for action in parser._actions:
        # Brackets and colons have a meaning in zsh's scripts.
        action.help = (action.help or "").replace("[", "(").replace("]", ")")
        if action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own attribute
        if isinstance(action.metavar, str):
            action.metavar = action.metavar.replace(":", " ")
        if not action.option_strings:
            # Any URI is right; what can be completed in its place are the commands.
            action.choices = list(COMMANDS)
    script: str = shtab.complete(parser, shell=shell)
    return "\n".join(line.rstrip() for line in script.splitlines()) + "\n"


def _manual() -> Iterator[str]:
    """The lines of the manual page."""
    parser = build_parser()
    yield f'.TH H2GET 1 "" "h2static {__version__}"'
    yield ".SH NAME"
    yield r"h2get \- send requests over HTTP/2 and show every frame"
    yield ".SH SYNOPSIS"
    yield ".B h2get\n[\\fIOPTION\\fR]... \\fIURI\\fR..."
    for written in _COMMANDS:
        yield f".br\n.B {roff(written)}"
    yield ".SH DESCRIPTION"
    yield roff(parser.description or "")
    yield roff((parser.epilog or "").replace("\n", " "))
    yield ".SH COMMANDS"
    for written, text in _COMMANDS.items():
        yield from item(rf"\fB{roff(written)}\fR", text)
    yield ".SH OPTIONS"
    for group in parser._action_groups:
        options = [action for action in group._group_actions if action.option_strings]
        if options:
            yield f'.SS "{group.title}"'
        for action in options:
            yield from item(_written(action), action.help or "")
    yield ".SH EXIT STATUS"
    for code, text in _EXIT_CODES.items():
        yield from item(rf"\fB{code}\fR", text)
    yield ".SH ENVIRONMENT"
    yield from item(r"\fBNO_COLOR\fR", "Disables colors in the frame log.")
    yield from item(r"\fBSSLKEYLOGFILE\fR", "File to which TLS secrets are appended.")


def _written(action: argparse.Action) -> str:
    """How an option is written, names in bold, values in italics."""
    names = ", ".join(rf"\fB{roff(name)}\fR" for name in action.option_strings)
    return f"{names} \\fI{roff(str(action.metavar))}\\fR" if action.metavar else names
