"""Content as DATA frame objects, needed for padding and for observers of frames.

Contract: a pure function; without padding or an observer, :mod:`h2static.http2.sender` creates
pieces with the same octets.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h2static.http2 import registry as r
from h2static.http2.frames import Data

#: Content octets of one DATA frame; the smallest SETTINGS_MAX_FRAME_SIZE that a peer can have.
DATA_SIZE: Final = r.MINIMUM_MAX_FRAME_SIZE


def data_frames(
    stream_id: int, content: memoryview, end: int, window: int, padding_size: int
) -> Iterator[Data]:
    """Split ``content``, which ``window`` allows, into frames, with at most ``padding_size`` octets
    of padding.

    ``end``: whether the content ends the body (END_STREAM).  Padding counts against windows (RFC
    9113 section 6.9).
    """
    if not content and not end:
        # The end of a body of unknown length: trailers end the stream.
        return
    position = 0
    while True:
        left = len(content) - position
        size = min(left, DATA_SIZE)
        # Keep the window for content that is still to come.
        padding = max(0, min(padding_size, min(window, DATA_SIZE) - size, window - left))
        flags = r.PADDED if padding else 0
        if end and size == left:
            flags |= end
        yield Data(
            stream_id=stream_id,
            flags=flags,
            data=bytes(content[position : position + size]),
            padding=padding,
        )
        window -= size + padding
        position += size
        if position >= len(content):
            return
