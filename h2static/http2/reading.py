"""Reading the content of a message that is being sent.

Contract: :func:`read_content` returns octets that fit into the windows, or raises what a body that
fails means for its stream: a short body must never look complete.
"""

from __future__ import annotations

from typing import Final

from h2static.http2.errors import StreamViolation
from h2static.http2.registry import ErrorCode
from h2static.http2.stream import Stream

#: Octets that one call reads from a file: enough to be worth a system call.
READ_SIZE: Final = 262_144


def read_content(stream: Stream, allowance: int) -> tuple[bytes | memoryview | None, bool]:
    """Read at most ``allowance`` octets from the reader of ``stream``, but not more than remain.

    Returns them, ``None`` if reading would block, and whether they are a mapping, which this
    process must not access.  No octets are the end of a body of unknown length.  Raises
    :class:`StreamViolation`.
    """
    reader, remaining = stream.reader, stream.remaining
    assert reader is not None
    if remaining is not None and remaining < allowance:
        allowance = remaining
    try:
        mapped = None if stream.mapper is None else stream.mapper.read_mapped(allowance)
        data = reader.read(min(allowance, READ_SIZE)) if mapped is None else mapped
    except OSError as error:
        # The octets that Content-Length promised cannot be read.
        raise StreamViolation(
            stream.id, ErrorCode.INTERNAL_ERROR, f"reading failed: {error}"
        ) from error
    if data is None:
        return None, False
    if not data and remaining is not None:
        raise StreamViolation(
            stream.id, ErrorCode.INTERNAL_ERROR, "file was truncated while it was being sent"
        )
    if len(data) > allowance:
        raise StreamViolation(
            stream.id, ErrorCode.INTERNAL_ERROR, "a body returned more than requested"
        )
    return data, mapped is not None
