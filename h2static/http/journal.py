"""The outcome of each request, for logs: one record type for all engines.

Contract: an engine appends a :class:`Finished` to its worker's :data:`Journal` when a response has
ended.  The record includes its client, so it can be read at any later time.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from h2static.http.messages import Client, Request, Response


class Finished(NamedTuple):
    """A response that has ended."""

    client: Client
    request: Request
    response: Response
    #: Octets of content sent.
    octets: int
    #: Monotonic seconds at which the request's head was complete, and at which the response ended.
    started: float
    finished: float
    #: Whether this was a push: the server made the request itself (RFC 9113 section 8.4).
    pushed: bool
    #: Whether the stream ended before the response did.
    aborted: bool
    #: How the response's hints were delivered: ``3 pushes``, ``103``, ``link``; empty: not at all.
    delivered: tuple[str, ...] = ()


#: Responses finished since the journal was last read; its reader clears it.
Journal: TypeAlias = list[Finished]
