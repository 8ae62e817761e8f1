"""The search for differences: generate connections, run the decoders, group the differences.

Contract: the decoders are co-processes and get connections in batches.  For each group of
differences, one connection is kept, and minimized at the end.
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

#: Connections in a batch.
_BATCH: Final = 64
#: A decoder that did not answer for this many connections is dropped: each costs the time limit.
_SILENT: Final = 5


@dataclass(slots=True, kw_only=True)
class Group:
    """Differences of one kind."""

    #: The decoders that differ from this project's in this way on the same connections.
    decoders: tuple[str, ...]
    difference: Difference
    #: The smallest connection that shows the difference.
    connection: Connection
    #: Number of connections that show the difference.
    count: int = 1
    #: Whether the difference is a missing answer: each trial would cost the time limit.
    silent: bool = False

    @property
    def alone(self) -> bool:
        """Whether several decoders disagree with this project's."""
        return len(self.decoders) > 1


@dataclass(slots=True, kw_only=True)
class Found:
    """The results of a search."""

    decoders: tuple[str, ...]
    seed: int
    #: Numbers of decoded blocks and connections, and of blocks that this project's decoder refuses.
    blocks: int = 0
    connections: int = 0
    refused: int = 0
    #: Decoder and its reason for skipping connections -> the number of these connections.
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
    """Run ``decoders`` on at least ``blocks`` blocks generated from ``seed``.

    ``progress`` is called with the number of blocks done.
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
    """The answers to a batch; if one of them is an error, each story is run separately."""
    try:
        return list[Answer | CommandError](commands.decode_all(decoder, stories))
    except CommandError:
        answers: list[Answer | CommandError] = []
        silent = 0
        for story in stories:
            if silent >= _SILENT:
                answers.append(
                    Answer(cases=[], skipped="not run: too many connections without an answer")
                )
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
    """Compare the answers for one connection with ours, and record the differences."""
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
            # The wording of a reason does not make a different kind of refusal.
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
    """Minimize the connection of a group; stop if a decoder fails to answer too many trials, which
    ``silences`` counts."""

    def difference_of(connection: Connection) -> Difference | None:
        """The first decoder's difference, if all decoders of the group differ in the same way."""
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
