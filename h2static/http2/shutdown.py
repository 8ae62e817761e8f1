"""The graceful end of a connection (RFC 9113 section 6.8).

Contract: :func:`begin` starts the two-step shutdown: GOAWAY with the highest stream id and a PING;
once the PING is answered, or after a second, GOAWAY with the last stream id that was processed
(:func:`acknowledged`).  Streams up to it finish; later ones are ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from h2static.http2 import registry as r
from h2static.http2.frames import Ping
from h2static.http2.registry import ErrorCode

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection

#: The PING between the two GOAWAY frames.
SHUTDOWN_PING: Final = b"h2static"


@dataclass(slots=True, kw_only=True)
class Shutdown:
    """How far the end has come."""

    #: When the first GOAWAY was sent; ``None`` before.
    since: float | None = None
    #: The second GOAWAY was sent: new streams are ignored.
    refusing: bool = False


def begin(connection: ServerConnection) -> None:
    """Ask the peer to leave; has an effect once."""
    if connection.shutdown.since is not None:
        return
    connection.shutdown.since = connection.now
    connection.goaway(r.MAXIMUM_STREAM_ID, ErrorCode.NO_ERROR)
    connection.sender.emit(Ping(opaque=SHUTDOWN_PING))


def acknowledged(connection: ServerConnection) -> None:
    """A round trip has passed: no stream is on its way that does not know of the shutdown."""
    if connection.shutdown.since is None or connection.shutdown.refusing:
        return
    connection.shutdown.refusing = True
    connection.goaway(connection.last_processed, ErrorCode.NO_ERROR)


def maybe_close(connection: ServerConnection) -> None:
    """Close once the last accepted stream is done, or can never be.

    It was not the last one if the client opens another before the output has left: only whoever
    gets GOAWAY must not do that (section 6.8).
    """
    if connection.error is not None:
        return
    done = not connection.streams
    if not done and connection.eof and not connection.has_content:
        # No window will grow any more, no content arrive; what a thread works on may still go out.
        done = not any(stream.waiting for stream in connection.streams.values())
    connection.closing = done and not connection.backlog
