"""Following an HTTP/2 connection to find its header blocks and the settings that apply to them.

Contract: :class:`Connection` takes frames of both directions, interleaved in any way that puts a
SETTINGS frame before its acknowledgment.  A value of SETTINGS_HEADER_TABLE_SIZE binds the other
side's encoder from its acknowledgment on (RFC 9113 section 6.5.3); it is recorded with that side's
next header block.  The acknowledgment of settings that are not in the input permits a table of any
size, because the limit is then unknown.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from .frames import ACK, END_HEADERS, Frame, FrameError, FrameReader, FrameType

#: The largest table size, which permits all others: SETTINGS values have 32 bits.
ANY_SIZE: Final = 2**32 - 1

_BLOCK_TYPES: Final = frozenset([FrameType.HEADERS, FrameType.PUSH_PROMISE])


@dataclass(slots=True, kw_only=True)
class HeaderBlock:
    """A complete header block."""

    octets: bytes
    #: Values of SETTINGS_HEADER_TABLE_SIZE that its encoder acknowledged since the previous block.
    table_sizes: tuple[int, ...] = ()
    #: The frame type that began it and its stream; empty and 0 if no frame is known.
    frame: str = ""
    stream_id: int = 0


@dataclass(slots=True, kw_only=True)
class BrokenBlock:
    """Placeholder for a block that is incomplete or whose frames are invalid."""

    reason: str
    frame: str = ""
    stream_id: int = 0


@dataclass(slots=True, kw_only=True)
class Direction:
    """The header blocks that one side of a connection sent."""

    #: Sender and receiver, for people; empty if the input does not say.
    name: str
    #: ``request`` for a client's, ``response`` for a server's, empty if unknown.
    context: str = ""
    blocks: list[HeaderBlock | BrokenBlock] = field(default_factory=list)


class _Side:
    """The state of one direction while it is being read."""

    def __init__(self) -> None:
        self.reader = FrameReader()
        self.blocks: list[HeaderBlock | BrokenBlock] = []
        #: The table sizes in each SETTINGS frame that the other side has not acknowledged.
        self.unacknowledged: deque[tuple[int, ...]] = deque()
        #: The table sizes that take effect with the next block.
        self.table_sizes: list[int] = []
        #: The frame that began the incomplete block, and its fragments.
        self.begun: Frame | None = None
        self.fragments: list[bytes] = []
        #: Why a fragment of it is missing, if one is.
        self.lost = ""

    def broken(self, reason: str, frame: Frame) -> None:
        begun = self.begun or frame
        self.begun = None
        self.lost = ""
        self.blocks.append(
            BrokenBlock(reason=reason, frame=_name(begun), stream_id=begun.stream_id)
        )


class Connection:
    """A connection that gets the frames of both directions, 0 and 1."""

    def __init__(self, *, from_the_middle: bool = False) -> None:
        """``from_the_middle``: settings agreed before the input begins are unknown."""
        self._sides = (_Side(), _Side())
        if from_the_middle:
            for side in self._sides:
                side.table_sizes.append(ANY_SIZE)

    def octets(self, direction: int, octets: bytes) -> None:
        """Add ``octets`` sent in ``direction``."""
        for frame in self._sides[direction].reader.feed(octets):
            self.frame(direction, frame)

    def frame(self, direction: int, frame: Frame) -> None:
        """Add a ``frame`` sent in ``direction``."""
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
            side.broken(
                "a CONTINUATION frame without a preceding HEADERS or PUSH_PROMISE frame", frame
            )
        elif frame.type == FrameType.SETTINGS:
            self._settings(direction, frame)

    def lost(self, direction: int, frame: Frame, reason: str) -> None:
        """Add a ``frame`` sent in ``direction`` whose part of a header block is missing."""
        side = self._sides[direction]
        if frame.type in _BLOCK_TYPES:
            side.begun = frame
        side.lost = side.lost or reason
        if frame.flags & END_HEADERS:
            side.broken(side.lost, frame)

    def settings(self, direction: int, table_sizes: tuple[int, ...]) -> None:
        """Add a SETTINGS frame with these values of SETTINGS_HEADER_TABLE_SIZE."""
        self._sides[direction].unacknowledged.append(table_sizes)

    def _settings(self, direction: int, frame: Frame) -> None:
        if not frame.flags & ACK:
            try:
                self.settings(direction, frame.table_sizes())
            except FrameError:
                # A connection error, but not in a header block; the sizes are unknown.
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
        """The direction that began with a client's connection preface, if any."""
        return next((number for number in (0, 1) if self._sides[number].reader.preface), None)

    def rest(self, direction: int) -> bytes:
        """The octets of ``direction`` that do not form a complete frame."""
        return self._sides[direction].reader.rest()

    def blocks(self, direction: int) -> list[HeaderBlock | BrokenBlock]:
        """The blocks of ``direction``, once all input has been added."""
        side = self._sides[direction]
        rest = side.reader.rest()
        if side.begun is not None:
            side.broken("the input ends inside the block", side.begun)
        elif len(rest) > 3 and rest[3] in _BLOCK_TYPES:
            self._sides[direction].blocks.append(
                BrokenBlock(reason="the input ends inside the frame", frame=_TYPE_NAMES[rest[3]])
            )
        return side.blocks


_TYPE_NAMES: Final = {int(each): each.name for each in FrameType}


def _name(frame: Frame) -> str:
    return _TYPE_NAMES.get(frame.type, f"type {frame.type}")
