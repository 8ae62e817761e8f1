"""From the words of a command line to values: the parser that the option table describes.

Contract: :func:`parse` returns what was written, each value parsed, or raises :class:`UsageError`
with one line.  It prints nothing, exits nowhere and reads no file.

Strategy: ``argparse`` splits the words (clusters of letters, ``--name=value``, unambiguous
abbreviations, options after operands), because its rules are what people know; the values, the
errors and the help text are ours, because an error has to be one line that helps.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from h2static.command.options import UNSUPPORTED, Argument, Option
from h2static.errors import UsageError

#: Written in full or not at all: an abbreviation must not let others in by mistake.
_IN_FULL = ("address", "allow-host", "cors", "trusted-proxy")
#: What ``argparse`` says in words that only those understand who know it.
_WORDING = {
    "ignored explicit argument": "takes no value, but there is",
    "expected one argument": "needs a value",
}


@dataclass(slots=True, kw_only=True)
class CommandLine:
    """What was written on a command line."""

    #: What was written, by option name: ``True`` for switches, text, or a list of texts.
    written: dict[str, object]
    #: The same, parsed; a tuple for repeatable options.
    values: dict[str, object]
    #: The words that are no options, in their order.
    operands: list[str]


class _Parser(argparse.ArgumentParser):
    """``argparse`` with errors as exceptions."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`UsageError`; ``message`` begins with the name of an argument, if any."""
        for theirs, ours in _WORDING.items():
            message = message.replace(theirs, ours)
        raise UsageError(message.removeprefix("argument "))


def spelling(option: Option) -> str:
    """How an error names ``option``: ``-w/--window-bits``."""
    return f"-{option.letter}/--{option.name}" if option.letter else f"--{option.name}"


def build_parser(options: Iterable[Option]) -> argparse.ArgumentParser:
    """An ``argparse`` parser of ``options`` that leaves operands alone; values stay text."""
    parser = _Parser(prog="h2static", add_help=False, argument_default=argparse.SUPPRESS)
    for option in options:
        names = [f"--{option.name}"]
        if option.letter:
            names.insert(0, f"-{option.letter}")
        # ``argparse`` would take a percentage for a place to fill in.
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
    """Parse ``words``, a command line without the program's name.

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
    """The value of ``option`` from what was written: text, a number, a list of them or a switch.

    Raises :class:`UsageError` that begins with ``name``.
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
    """``words`` with the value written out wherever an optional one was left out.

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
    """What to write instead of ``word``, or where to look."""
    from h2static.command.intentions import option_meant

    meant = option_meant(word, [item.name for item in options])
    return f"; {meant}" if meant else "; see h2static --help-all"


def _refuse_abbreviations(words: Sequence[str], options: Sequence[Option]) -> None:
    """Raise ``UsageError`` for an abbreviation of what lets others in, and for what looks like one
    and is another server's word for something else."""
    names = [option.name for option in options]
    for word in words:
        name = word.removeprefix("--").partition("=")[0]
        if not word.startswith("--") or not name or name in names:
            continue
        meant = [one for one in names if one.startswith(name)]
        if len(meant) != 1:
            continue
        if meant[0] in _IN_FULL:
            raise UsageError(f"{word}: write --{meant[0]} in full: it lets others in")
        from h2static.command.intentions import intention

        text = intention(name)
        if text and f"--{meant[0]}" not in text:
            raise UsageError(f"{word}: unknown option; {text}")
