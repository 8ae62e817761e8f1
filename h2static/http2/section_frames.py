"""The frames of a field section: HEADERS or PUSH_PROMISE, and CONTINUATION (RFC 9113 section 4.3).

Contract: pure functions.  Each returns the frames of one header block in the order in which they
must be sent, without any other frame between them; only the first one is padded.
"""

from __future__ import annotations

from h2static.http2 import registry as r
from h2static.http2.frames import Continuation, Frame, Headers, PushPromise


def headers_frames(stream_id: int, block: bytes, flags: int, padding_size: int) -> list[Frame]:
    """HEADERS with ``flags`` besides END_HEADERS, and as many CONTINUATION frames as it needs.

    ``padding_size``: octets of padding at most, Pad Length included.
    """
    room = r.MINIMUM_MAX_FRAME_SIZE - padding_size
    first, rest = block[:room], block[room:]
    padding = max(0, min(padding_size, r.MINIMUM_MAX_FRAME_SIZE - len(first)))
    if padding:
        flags |= r.PADDED
    frame = Headers(
        stream_id=stream_id,
        flags=flags if rest else flags | r.END_HEADERS,
        fragment=first,
        padding=padding,
    )
    return [frame, *_continued(stream_id, rest)]


def promise_frames(
    parent_id: int, promised_id: int, block: bytes, padding_size: int
) -> list[Frame]:
    """PUSH_PROMISE for ``promised_id`` on ``parent_id`` (RFC 9113 section 6.6), as above."""
    room = r.MINIMUM_MAX_FRAME_SIZE - 4 - padding_size
    fragment, rest = block[:room], block[room:]
    padding = min(padding_size, room)
    frame = PushPromise(
        stream_id=parent_id,
        flags=(0 if rest else r.END_HEADERS) | (r.PADDED if padding else 0),
        promised_stream_id=promised_id,
        fragment=fragment,
        padding=padding,
    )
    return [frame, *_continued(parent_id, rest)]


def _continued(stream_id: int, rest: bytes) -> list[Frame]:
    size = r.MINIMUM_MAX_FRAME_SIZE
    return [
        Continuation(
            stream_id=stream_id,
            flags=0 if start + size < len(rest) else r.END_HEADERS,
            fragment=rest[start : start + size],
        )
        for start in range(0, len(rest), size)
    ]
