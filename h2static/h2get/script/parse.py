"""Scripts as text: lines into cases.

Contract: :func:`parse_script` reads a whole file, :func:`parse_expectation` one expectation as
``--expect`` has it.  Both raise :class:`~h2static.h2get.script.model.ScriptError` with the line.

Strategy: a line at the margin is a step, indented lines belong to the step above.  ``#`` begins a
comment, except in indented lines, where a value may have it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from h2static.h2get.script import frames, words
from h2static.h2get.script.model import (
    Alive,
    Auto,
    Case,
    Connect,
    EndOutput,
    ExceedStreams,
    Expect,
    FramePattern,
    FrameSpec,
    Handshake,
    May,
    Never,
    Pause,
    ScriptError,
    Send,
    Step,
)
from h2static.http2 import registry as r

#: The connection that is there without being named.
MAIN: Final = "main"
_META: Final = re.compile(r"(case|section|text|level|needs|content): *(.*)")
#: The connection that is opened before the connection under test.
_WITNESS: Final = "other"
_LEVELS: Final = frozenset(("MUST", "SHOULD", "MAY"))
_VARIABLE: Final = re.compile(r"\$([a-z]+)")


@dataclass(slots=True)
class _Line:
    """A line at the margin with what belongs to it."""

    number: int
    text: str
    below: list[str] = field(default_factory=list)


def parse_script(text: str, name: str, variables: Mapping[str, str]) -> list[Case]:
    """The cases of a script; steps before the first ``case:`` are one that is called ``name``.

    ``variables`` stand for ``$scheme``, ``$authority`` and ``$path``.
    """
    cases: list[Case] = []
    held: list[FrameSpec | bytes] | None = None
    for line in _lines(text, variables):
        try:
            meta = _META.fullmatch(line.text)
            if meta is not None:
                _describe(cases, meta[1], meta[2].strip(), line)
                continue
            if not cases:
                cases.append(Case(name=name))
            steps = cases[-1].steps
            if line.text in ("hold", "flush"):
                if (held is None) != (line.text == "hold"):
                    raise ValueError("'hold' and 'flush' come in pairs")
                if held is not None:
                    steps.append(Send(line=line.number, what=held, text="flush"))
                held = [] if held is None else None
                continue
            expanded = _expand(line, steps)
            if expanded is not None:
                steps += expanded
                continue
            step = _step(line, variables)
            if held is not None and isinstance(step, Send):
                held += step.what
            else:
                steps.append(step)
        except ValueError as error:
            raise ScriptError(f"{name}:{line.number}: {error}") from error
    if held is not None:
        raise ScriptError(f"{name}: 'hold' without 'flush'")
    if not any(case.steps for case in cases):
        raise ScriptError(f"{name}: no steps")
    return cases


def parse_expectation(text: str) -> Expect | Never:
    """One expectation; an exclamation mark in front means that nothing like it may come."""
    try:
        if text.lstrip().startswith("!"):
            return Never(line=0, pattern=frames.pattern(_tokens(text.lstrip()[1:])))
        return _expect(_Line(0, text), text)
    except ValueError as error:
        raise ScriptError(f"{text!r}: {error}") from error


def parse_expectations(text: str, name: str) -> list[Expect | Never]:
    """A file of expectations: the lines of a script that begin with ``<`` or ``!``."""
    found: list[Expect | Never] = []
    for case in parse_script(text, name, {}):
        for step in case.steps:
            if not isinstance(step, Expect | Never):
                raise ScriptError(f"{name}:{step.line}: only '<' and '!' lines are expectations")
            found.append(step)
    return found


def _lines(text: str, variables: Mapping[str, str]) -> Iterator[_Line]:
    current: _Line | None = None
    for number, raw in enumerate(text.splitlines(), 1):
        stripped = raw.strip()
        if not stripped or stripped.startswith("#"):
            continue
        filled = _VARIABLE.sub(lambda match: variables.get(match[1], match[0]), raw.rstrip())
        if raw[0] in " \t" and current is not None:
            current.below.append(filled.lstrip(" \t"))
            continue
        if current is not None:
            yield current
        current = _Line(number, filled.strip())
    if current is not None:
        yield current


def _describe(cases: list[Case], key: str, value: str, line: _Line) -> None:
    if line.below:
        # Long sentences go on in the next lines.
        value = " ".join([value, *line.below])
    if key == "case":
        if not value:
            raise ValueError("a case without a name")
        cases.append(Case(name=value))
    elif not cases:
        raise ValueError(f"'{key}:' before the first case")
    elif key == "section":
        cases[-1].section = value
    elif key == "text":
        cases[-1].text = value
    elif key == "needs":
        cases[-1].needs = _settings(value.split())
    elif key == "content":
        cases[-1].content = words.number(value)
    elif value in _LEVELS:
        cases[-1].level = value
    else:
        raise ValueError(f"{value!r}: expected MUST, SHOULD or MAY")


def _tokens(text: str) -> list[str]:
    reader = shlex.shlex(text, posix=True, punctuation_chars=False)
    reader.whitespace_split = True
    # Backslashes are the values' own.
    reader.escape = ""
    tokens = list(reader)
    if not tokens:
        raise ValueError("unexpected end of line")
    return tokens


def _expand(line: _Line, before: list[Step]) -> list[Step] | None:
    """The steps that a word stands for; ``None`` when it is a step itself.

    ``connection-error`` is GOAWAY with a code, the end, and another connection that lives on, which
    is opened at the beginning of the case; ``stream-error`` is RST_STREAM, and ``malformed``
    RST_STREAM or 400, on a connection that lives on; ``ended`` is the end of a response, whichever
    frame has it.  Raises ``ValueError``.
    """
    keyword, *arguments = _tokens(line.text)
    number = line.number

    def expect(text: str) -> Expect:
        return _expect(_Line(number, text), text)

    if keyword == "connection-error" and arguments:
        code, *rest = arguments
        if not any(isinstance(step, Connect) and step.name == _WITNESS for step in before):
            before[:0] = [
                Connect(line=number, name=_WITNESS),
                Handshake(line=number, settings=()),
                Connect(line=number, name=MAIN),
            ]
        return [
            expect(" ".join([f"GOAWAY code={code}", *rest])),
            expect("closed"),
            Alive(line=number, name=_WITNESS),
        ]
    if keyword == "stream-error" and len(arguments) == 2:
        stream, code = arguments
        return [expect(f"RST_STREAM stream={stream} code={code}"), Alive(line=number, name=None)]
    if keyword == "ended" and len(arguments) == 1:
        (stream,) = arguments
        may = frames.pattern(["HEADERS", f"stream={stream}", "-END_STREAM"])
        text = f"HEADERS stream={stream} END_STREAM | DATA stream={stream} END_STREAM"
        return [May(line=number, pattern=may), expect(text)]
    if keyword == "malformed" and len(arguments) == 1:
        (stream,) = arguments
        text = f"RST_STREAM stream={stream} code=PROTOCOL_ERROR | 400 stream={stream}"
        return [expect(text), Alive(line=number, name=None)]
    return None


def _step(line: _Line, variables: Mapping[str, str]) -> Step:
    """The step of a line.  Raises ``ValueError``."""
    sign, rest = line.text[0], line.text[1:]
    if sign == ">":
        return _send(line, rest, variables)
    if sign == "<":
        return _expect(line, rest)
    if sign == "?":
        return May(line=line.number, pattern=frames.pattern(_tokens(rest), line.below))
    if sign == "!":
        return Never(line=line.number, pattern=frames.pattern(_tokens(rest), line.below))
    keyword, *arguments = _tokens(line.text)
    if keyword == "handshake":
        settings = [*arguments, *(one.replace(":", "=", 1) for one in line.below)]
        return Handshake(line=line.number, settings=_settings(settings))
    if line.below:
        raise ValueError(f"{keyword!r} takes no indented lines")
    if keyword == "connect" and len(arguments) <= 1:
        return Connect(line=line.number, name=arguments[0] if arguments else MAIN)
    if keyword == "alive" and len(arguments) <= 1:
        return Alive(line=line.number, name=arguments[0] if arguments else None)
    if keyword == "pause" and len(arguments) == 1:
        return Pause(line=line.number, seconds=words.seconds(arguments[0]))
    if keyword == "exceed-streams" and not arguments:
        return ExceedStreams(line=line.number)
    if keyword == "end" and not arguments:
        return EndOutput(line=line.number)
    if keyword == "auto" and arguments in (["on"], ["off"]):
        return Auto(line=line.number, on=arguments == ["on"])
    raise ValueError(f"{line.text!r} is not a step")


def _settings(tokens: list[str]) -> tuple[tuple[int, int], ...]:
    spec = frames.spec(["SETTINGS", *tokens], [], {})
    assert spec.payload is not None
    payload = spec.payload
    return tuple(
        (
            int.from_bytes(payload[at : at + 2], "big"),
            int.from_bytes(payload[at + 2 : at + 6], "big"),
        )
        for at in range(0, len(payload), 6)
    )


def _send(line: _Line, rest: str, variables: Mapping[str, str]) -> Send:
    tokens = _tokens(rest)
    split = 0
    for token in [one for one in tokens if one.startswith("split=")]:
        tokens.remove(token)
        split = words.number(token.removeprefix("split="))
    what: FrameSpec | bytes
    if tokens == ["PREFACE"]:
        what = r.PREFACE
    elif tokens[0] == "RAW":
        what = words.hexadecimal(" ".join([*tokens[1:], *line.below]))
    elif tokens[0] == "TEXT" and len(tokens) == 2:
        what = words.unescape(tokens[1])
    else:
        what = frames.spec(tokens, line.below, variables)
    return Send(line=line.number, what=[what], split=split, text=" ".join(tokens))


def _expect(line: _Line, rest: str) -> Expect:
    """Patterns with ``|`` between them; lines below belong to the last one."""
    within: float | None = None
    after = 0.0
    groups: list[list[str]] = [[]]
    for token in _tokens(rest):
        if token == "|":  # noqa: S105 -- not a password
            groups.append([])
        elif token.startswith("within="):
            within = words.seconds(token.removeprefix("within="))
        elif token.startswith("after="):
            after = words.seconds(token.removeprefix("after="))
        else:
            groups[-1].append(token)
    if not all(groups):
        raise ValueError("the expectation is empty")
    patterns: list[FramePattern] = [
        frames.pattern(group, line.below if group is groups[-1] else []) for group in groups
    ]
    return Expect(
        line=line.number, patterns=patterns, within=within, after=after,
        text=" ".join([rest.strip(), *line.below]),
    )  # fmt: skip
