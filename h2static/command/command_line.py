"""The command-line parser, built from the option table.

Contract: :func:`parse` returns the options and operands with their values parsed, or raises
:class:`UsageError` with a one-line message.  It prints nothing, never exits and reads no file.

Strategy: ``argparse`` splits the arguments (clusters of letters, ``--name=value``, unambiguous
abbreviations, options after operands), because people know its rules; values, errors and the help
text are our own, because an error should be one helpful line.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from h2static.command.options import UNSUPPORTED, Argument, Option
from h2static.errors import UsageError

#: Options that cannot be abbreviated: a typing error must not expose the server.
_IN_FULL = ("address", "allow-host", "cors", "trusted-proxy")
#: Messages of ``argparse`` that only those who know it understand, and better ones.
_WORDING = {
    "ignored explicit argument": "takes no value, got",
    "expected one argument": "needs a value",
}


@dataclass(slots=True, kw_only=True)
class CommandLine:
    """A parsed command line."""

    #: Options as written, by name: ``True`` for switches, text, or a list of texts.
    written: dict[str, object]
    #: The same, parsed; a tuple for repeatable options.
    values: dict[str, object]
    #: The operands, in order.
    operands: list[str]


class _Parser(argparse.ArgumentParser):
    """``argparse`` that raises exceptions instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`UsageError`; ``message`` begins with the name of an argument, if any."""
        for theirs, ours in _WORDING.items():
            message = message.replace(theirs, ours)
        raise UsageError(message.removeprefix("argument "))


def spelling(option: Option) -> str:
    """The name of ``option`` in error messages: ``-w/--window-bits``."""
    return f"-{option.letter}/--{option.name}" if option.letter else f"--{option.name}"


def build_parser(options: Iterable[Option]) -> argparse.ArgumentParser:
    """An ``argparse`` parser of ``options`` that leaves operands alone; values stay text."""
    parser = _Parser(prog="h2static", add_help=False, argument_default=argparse.SUPPRESS)
    for option in options:
        names = [f"--{option.name}"]
        if option.letter:
            names.insert(0, f"-{option.letter}")
        # ``argparse`` would treat a percentage as a placeholder.
        text = option.help.replace("%", "%%")
        if option.argument is Argument.NONE:
            parser.add_argument(*names, dest=option.name, action="store_true", help=text)
        else:
            action = "append" if option.argument is Argument.MANY else "store"
            parser.add_argument(
                *names, dest=option.name, metavar=option.metavar, action=action, help=text
            )
    return parser


def parse(words: Sequence[str], options: Sequence[Option]) -> CommandLine:
    """Parse ``words``, the command line without the program name.

    Raises :class:`UsageError`.
    """
    for name, reason in UNSUPPORTED.items():
        if f"--{name}" in words:
            raise UsageError(f"--{name}: not supported: {reason}")
    before, after = _split_at_double_dash(words)
    _refuse_abbreviations(before, options)
    found, rest = build_parser(options).parse_known_args(_write_out_bare(before, options))
    for word in rest:
        if word.startswith("-") and word != "-":
            raise UsageError(f"{word}: unknown option{_suggestion(word, options)}")
    by_name = {option.name: option for option in options}
    written = vars(found)
    values = {
        name: parse_value(by_name[name], what, spelling(by_name[name]))
        for name, what in written.items()
    }
    operands = [*rest, *after]
    return CommandLine(written=written, values=values, operands=operands)


def parse_value(option: Option, written: object, name: str) -> object:
    """Parse the value of ``option``: text, a number, a list of them or a switch.

    Raises :class:`UsageError` with a message that starts with ``name``.
    """
    if option.argument is Argument.NONE:
        return written
    if option.argument is Argument.MANY:
        texts = written if isinstance(written, list) else [written]
        return tuple(_parse_text(option.parse, str(text), name) for text in texts)
    return _parse_text(option.parse, str(written), name)


def _parse_text(parser: Callable[[str], object], text: str, name: str) -> object:
    try:
        return parser(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}") from None


def _split_at_double_dash(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before ``--`` and those after it."""
    place = words.index("--") if "--" in words else len(words)
    return list(words[:place]), list(words[place + 1 :])


def _write_out_bare(words: list[str], options: Sequence[Option]) -> list[str]:
    """``words`` with the default written out wherever an optional value is omitted.

    ``argparse`` would take the next word, which is an operand here.
    """
    names = [f"--{option.name}" for option in options]
    bare = {f"--{o.name}": o.bare for o in options if o.argument is Argument.OPTIONAL}
    result = []
    for word in words:
        matches = [name for name in names if name.startswith(word)] if len(word) > 2 else []
        if word in bare:
            matches = [word]
        if len(matches) == 1 and matches[0] in bare:
            result.append(f"{matches[0]}={bare[matches[0]]}")
        else:
            result.append(word)
    return result


def _suggestion(word: str, options: Sequence[Option]) -> str:
    """A hint what to write instead of ``word``, or where to look."""
    from h2static.command.intentions import option_meant

    meant = option_meant(word, [item.name for item in options])
    return f"; {meant}" if meant else "; see h2static --help-all"


def _refuse_abbreviations(words: Sequence[str], options: Sequence[Option]) -> None:
    """Raise ``UsageError`` for abbreviations of options that expose the server, and for words that
    look like abbreviations but mean something else in other servers."""
    names = [option.name for option in options]
    for word in words:
        name = word.removeprefix("--").partition("=")[0]
        if not word.startswith("--") or not name or name in names:
            continue
        meant = [one for one in names if one.startswith(name)]
        if len(meant) != 1:
            continue
        if meant[0] in _IN_FULL:
            raise UsageError(f"{word}: spell out --{meant[0]}: it opens the server to others")
        from h2static.command.intentions import intention

        text = intention(name)
        if text and f"--{meant[0]}" not in text:
            raise UsageError(f"{word}: unknown option; {text}")
