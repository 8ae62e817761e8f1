"""Following an HTTP/2 connection far enough to know its header blocks and what binds them.

Contract: :class:`Connection` takes frames of both directions, in any interleaving in which a
SETTINGS frame comes before its acknowledgement.  A value of SETTINGS_HEADER_TABLE_SIZE binds the
encoder of the other side from its acknowledgement on (RFC 9113 section 6.5.3); it is noted at the
next header block of that side.  An acknowledgement of settings that the input lacks permits a table
of any size: what the encoder may do is not known then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from .frames import ACK, END_HEADERS, Frame, FrameError, FrameReader, FrameType

#: A table size that permits every other: SETTINGS values have 32 bits.
ANY_SIZE: Final = 2**32 - 1

_BLOCK_TYPES: Final = frozenset([FrameType.HEADERS, FrameType.PUSH_PROMISE])


@dataclass(slots=True, kw_only=True)
class HeaderBlock:
    """A whole header block."""

    octets: bytes
    #: Values of SETTINGS_HEADER_TABLE_SIZE that its encoder acknowledged since the block before.
    table_sizes: tuple[int, ...] = ()
    #: The frame that it began with and its stream; empty and 0 where no frame is known.
    frame: str = ""
    stream_id: int = 0


@dataclass(slots=True, kw_only=True)
class BrokenBlock:
    """What stands in the place of a block that is not whole or whose frames are wrong."""

    reason: str
    frame: str = ""
    stream_id: int = 0


@dataclass(slots=True, kw_only=True)
class Direction:
    """What one side of a connection has sent."""

    #: Who speaks to whom, for people; empty where the input does not tell.
    name: str
    #: ``request`` for a client's, ``response`` for a server's, empty where it is not known.
    context: str = ""
    blocks: list[HeaderBlock | BrokenBlock] = field(default_factory=list)


class _Side:
    """One direction while it is read."""

    def __init__(self) -> None:
        self.reader = FrameReader()
        self.blocks: list[HeaderBlock | BrokenBlock] = []
        #: The sizes in each SETTINGS frame that the other side has not acknowledged.
        self.unacknowledged: deque[tuple[int, ...]] = deque()
        #: What binds the next block.
        self.table_sizes: list[int] = []
        #: The frame that began the block which is not whole, and its fragments.
        self.begun: Frame | None = None
        self.fragments: list[bytes] = []
        #: Why a fragment of it is not known, if one is not.
        self.lost = ""

    def broken(self, reason: str, frame: Frame) -> None:
        begun = self.begun or frame
        self.begun = None
        self.lost = ""
        self.blocks.append(
            BrokenBlock(reason=reason, frame=_name(begun), stream_id=begun.stream_id)
        )


class Connection:
    """A connection of which the frames of both directions come, 0 and 1."""

    def __init__(self, *, from_the_middle: bool = False) -> None:
        """``from_the_middle``: what was agreed before the input begins is not known."""
        self._sides = (_Side(), _Side())
        if from_the_middle:
            for side in self._sides:
                side.table_sizes.append(ANY_SIZE)

    def octets(self, direction: int, octets: bytes) -> None:
        """``octets`` were sent in ``direction``."""
        for frame in self._sides[direction].reader.feed(octets):
            self.frame(direction, frame)

    def frame(self, direction: int, frame: Frame) -> None:
        """``frame`` was sent in ``direction``."""
        side = self._sides[direction]
        if side.begun is not None:
            # RFC 9113 4.3: "Each field block MUST be transmitted as a contiguous sequence of
            # frames, with no interleaved frames of any other type or from any other stream."
            if frame.type != FrameType.CONTINUATION or frame.stream_id != side.begun.stream_id:
                side.broken("another frame comes before the end of the block", frame)
            else:
                self._fragment(side, frame)
                return
        if frame.type in _BLOCK_TYPES:
            side.begun = frame
            side.fragments.clear()
            self._fragment(side, frame)
        elif frame.type == FrameType.CONTINUATION:
            side.broken("a CONTINUATION frame without the beginning of its block", frame)
        elif frame.type == FrameType.SETTINGS:
            self._settings(direction, frame)

    def lost(self, direction: int, frame: Frame, reason: str) -> None:
        """``frame`` was sent in ``direction``, but its part of a header block is not known."""
        side = self._sides[direction]
        if frame.type in _BLOCK_TYPES:
            side.begun = frame
        side.lost = side.lost or reason
        if frame.flags & END_HEADERS:
            side.broken(side.lost, frame)

    def settings(self, direction: int, table_sizes: tuple[int, ...]) -> None:
        """A SETTINGS frame with these values of SETTINGS_HEADER_TABLE_SIZE was sent."""
        self._sides[direction].unacknowledged.append(table_sizes)

    def _settings(self, direction: int, frame: Frame) -> None:
        if not frame.flags & ACK:
            try:
                self.settings(direction, frame.table_sizes())
            except FrameError:
                # A connection error, but none of a header block; the sizes are not known.
                self.settings(direction, (ANY_SIZE,))
            return
        unacknowledged = self._sides[1 - direction].unacknowledged
        sizes = unacknowledged.popleft() if unacknowledged else (ANY_SIZE,)
        self._sides[direction].table_sizes.extend(sizes)

    def _fragment(self, side: _Side, frame: Frame) -> None:
        try:
            side.fragments.append(frame.fragment())
        except FrameError as error:
            side.broken(str(error), frame)
            return
        if frame.flags & END_HEADERS:
            assert side.begun is not None
            side.blocks.append(
                HeaderBlock(
                    octets=b"".join(side.fragments),
                    table_sizes=tuple(side.table_sizes),
                    frame=_name(side.begun),
                    stream_id=side.begun.stream_id,
                )
            )
            side.table_sizes.clear()
            side.begun = None

    def preface_from(self) -> int | None:
        """The direction that began with the preface of a client, if any did."""
        return next((number for number in (0, 1) if self._sides[number].reader.preface), None)

    def rest(self, direction: int) -> bytes:
        """The octets of ``direction`` that belong to no whole frame."""
        return self._sides[direction].reader.rest()

    def blocks(self, direction: int) -> list[HeaderBlock | BrokenBlock]:
        """The blocks of ``direction``, when all has come."""
        side = self._sides[direction]
        rest = side.reader.rest()
        if side.begun is not None:
            side.broken("the input ends within the block", side.begun)
        elif len(rest) > 3 and rest[3] in _BLOCK_TYPES:
            self._sides[direction].blocks.append(
                BrokenBlock(reason="the input ends within the frame", frame=_TYPE_NAMES[rest[3]])
            )
        return side.blocks


_TYPE_NAMES: Final = {int(each): each.name for each in FrameType}


def _name(frame: Frame) -> str:
    return _TYPE_NAMES.get(frame.type, f"type {frame.type}")
