"""Searching for differences: connections are made, decoders asked, differences grouped.

Contract: the decoders are co-processes and get connections in batches.  Of each group of
differences one connection is kept and made smaller at the end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from hpacktools.conformance.command import CommandError, SilentError
from hpacktools.conformance.external import Answer, Commands
from hpacktools.stories import Case

from .blocks import Connection, Generator, Read, read
from .smallest import smallest
from .verdicts import Difference, cases_of, compare, crash

#: Connections that a decoder gets at once.
_BATCH: Final = 64
#: A decoder that was silent for so many connections is asked no more: each costs the time limit.
_SILENT: Final = 5


@dataclass(slots=True, kw_only=True)
class Group:
    """Differences of one kind."""

    #: The decoders that differ from this project's in this way, for the same connections.
    decoders: tuple[str, ...]
    difference: Difference
    #: The smallest connection that shows it.
    connection: Connection
    #: Connections that show it.
    count: int = 1
    #: Whether it is that a decoder gives no answer: each trial would cost the time limit.
    silent: bool = False

    @property
    def alone(self) -> bool:
        """Whether this project's decoder stands alone against several others."""
        return len(self.decoders) > 1


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search found."""

    decoders: tuple[str, ...]
    seed: int
    #: Blocks and connections that were decoded, and blocks among them that we refuse.
    blocks: int = 0
    connections: int = 0
    refused: int = 0
    #: Why decoders could not be asked: decoder -> what they said, with how often.
    skipped: dict[tuple[str, str], int] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)


def search(
    commands: Commands,
    decoders: Sequence[str],
    *,
    seed: int,
    blocks: int,
    progress: Callable[[int], None] = lambda done: None,
) -> Found:
    """Ask ``decoders`` about at least ``blocks`` blocks made from ``seed``.

    ``progress`` is told how many blocks are done.
    """
    found = Found(decoders=tuple(decoders), seed=seed)
    groups: dict[tuple[tuple[str, ...], tuple[str, str, str]], Group] = {}
    made = Generator(seed).connections()
    silent = dict.fromkeys(decoders, 0)
    while found.blocks < blocks:
        batch = list(islice(made, _BATCH))
        stories = [cases_of(connection) for connection, _ in batch]
        answers = {
            decoder: _ask(commands, decoder, stories)
            for decoder in decoders
            if silent[decoder] < _SILENT
        }
        for decoder, each in answers.items():
            silent[decoder] += sum(isinstance(answer, SilentError) for answer in each)
        for number, (connection, ours) in enumerate(batch):
            given = {decoder: each[number] for decoder, each in answers.items()}
            _judge(found, groups, connection, ours, given)
        progress(found.blocks)
    silences = Counter[str]()
    for group in groups.values():
        if not group.silent:
            _reduce(commands, group, silences)
    found.groups = sorted(groups.values(), key=lambda group: -group.count)
    return found


def _ask(
    commands: Commands, decoder: str, stories: Sequence[Sequence[Case]]
) -> list[Answer | CommandError]:
    """The answers to a batch; if one of them is an error, each is asked for by itself."""
    try:
        return list[Answer | CommandError](commands.decode_all(decoder, stories))
    except CommandError:
        answers: list[Answer | CommandError] = []
        silent = 0
        for story in stories:
            if silent >= _SILENT:
                answers.append(Answer(cases=[], skipped="not asked: it was silent too often"))
                continue
            try:
                answers.append(commands.decode(decoder, story))
            except CommandError as error:
                silent += isinstance(error, SilentError)
                answers.append(error)
        return answers


def _judge(
    found: Found,
    groups: dict[tuple[tuple[str, ...], tuple[str, str, str]], Group],
    connection: Connection,
    ours: Read,
    answers: dict[str, Answer | CommandError],
) -> None:
    """Compare the answers to one connection with ours, and note what differs."""
    found.connections += 1
    found.blocks += len(connection)
    found.refused += ours.error is not None
    differences: dict[tuple[str, int, str], list[tuple[str, Difference]]] = {}
    for decoder, answer in answers.items():
        if isinstance(answer, CommandError):
            difference: Difference | None = crash(str(answer), connection)
        elif answer.skipped:
            key = (decoder, answer.skipped)
            found.skipped[key] = found.skipped.get(key, 0) + 1
            continue
        else:
            difference = compare(connection, ours, answer)
        if difference is not None:
            # Decoders that refuse for reasons in other words still say the same.
            same = (difference.verdict.value, difference.block, difference.level)
            differences.setdefault(same, []).append((decoder, difference))
    for pairs in differences.values():
        names = tuple(name for name, _ in pairs)
        first = pairs[0][1]
        group = groups.get((names, first.key))
        if group is None:
            groups[names, first.key] = Group(
                decoders=names,
                difference=first,
                connection=connection,
                silent=isinstance(answers[names[0]], SilentError),
            )
            continue
        group.count += 1
        if _octets(connection) < _octets(group.connection):
            group.connection, group.difference = connection, first


def _octets(connection: Connection) -> int:
    return sum(len(block.octets) + len(block.sizes) for block in connection)


def _reduce(commands: Commands, group: Group, silences: Counter[str]) -> None:
    """Make the connection of a group smaller, unless trials make a decoder silent too often, which
    ``silences`` counts."""

    def difference_of(connection: Connection) -> Difference | None:
        """What the first decoder of the group makes of it, if all of them differ alike."""
        first: Difference | None = None
        ours = read(connection)
        if any(silences[decoder] >= _SILENT for decoder in group.decoders):
            return None
        if len(ours.accepted) + (ours.error is not None) < len(connection):
            return None
        for decoder in group.decoders:
            try:
                answer = commands.decode(decoder, cases_of(connection))
            except CommandError as error:
                silences[decoder] += isinstance(error, SilentError)
                difference: Difference | None = crash(str(error), connection)
            else:
                difference = None if answer.skipped else compare(connection, ours, answer)
            if difference is None:
                return None
            if first is None:
                first = difference
            elif (difference.verdict, difference.block, difference.level) != (
                first.verdict,
                first.block,
                first.level,
            ):
                return None
        return first

    def shows(connection: Connection) -> bool:
        found = difference_of(connection)
        return found is not None and found.key == group.difference.key

    group.connection = smallest(group.connection, shows)
    if difference := difference_of(group.connection):
        group.difference = difference
