"""What became of each request, for logs: one record for all engines.

Contract: an engine appends a :class:`Finished` to its worker's :data:`Journal` when a response is
over.  The record carries its client, so that it does not matter who reads it when.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from h2static.http.messages import Client, Request, Response


class Finished(NamedTuple):
    """A response that is over."""

    client: Client
    request: Request
    response: Response
    #: Octets of content that were sent.
    octets: int
    #: Seconds, monotonic: the request's head was there, the response was over.
    started: float
    finished: float
    #: Whether the server made the request itself (RFC 9113 section 8.4).
    pushed: bool
    #: Whether the stream ended before the response did.
    aborted: bool
    #: How the response's hints were delivered: ``3 pushes``, ``103``, ``link``; empty: not at all.
    delivered: tuple[str, ...] = ()


#: What has finished since the journal was last read; its reader clears it.
Journal: TypeAlias = list[Finished]
