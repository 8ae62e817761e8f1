"""Reading captures as connections of cases."""

from __future__ import annotations

from collections.abc import Iterator

from hpacktools.capture import BrokenBlock, Direction, read_capture
from hpacktools.stories import Case

from .reading import BadCase


def read_directions(
    octets: bytes, form: str, *, peer: bytes | None, from_the_middle: bool
) -> list[tuple[Direction, Iterator[Case | BadCase]]]:
    """The directions in a capture, each with its cases.

    Raises :class:`~hpacktools.stories.UnusableError`.
    """
    directions = read_capture(octets, form, peer=peer, from_the_middle=from_the_middle)
    return [(direction, _cases(direction)) for direction in directions]


def _cases(direction: Direction) -> Iterator[Case | BadCase]:
    for number, block in enumerate(direction.blocks):
        if isinstance(block, BrokenBlock):
            path = f"{block.frame} on stream {block.stream_id}" if block.stream_id else block.frame
            yield BadCase(number=number, path=path, reason=block.reason)
            continue
        yield Case(
            number=number,
            fields=None,
            sensitive=frozenset(),
            wire=block.octets,
            table_sizes=block.table_sizes,
            document={"wire": block.octets.hex()},
            frame=block.frame,
            stream_id=block.stream_id,
        )
