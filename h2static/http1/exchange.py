"""One request on an HTTP/1.1 connection, and what becomes of it.

Contract: plain state; :mod:`h2static.http1.connection` decides.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import NamedTuple

from h2static.http1.content import ChunkedScanner
from h2static.http1.head import CHUNKED, Head
from h2static.http1.limits import Limits
from h2static.messages import BodyReader, Request, Response, Upload


class Finished(NamedTuple):
    """A response that is over, for an access log."""

    request: Request
    response: Response
    #: Octets of content that entered the output.
    octets: int
    #: Seconds, monotonic.
    started: float
    finished: float
    #: Whether it ended before it was complete.
    aborted: bool


class Exchange:
    """One request and what becomes of it."""

    __slots__ = (
        "content_left",
        "discarded",
        "head",
        "length_known",
        "number",
        "octets",
        "reader",
        "responded",
        "response",
        "scanner",
        "sent",
        "started",
        "upload",
        "waiting",
    )

    def __init__(self, number: int, head: Head, limits: Limits, now: float) -> None:
        self.number = number
        self.started = now
        #: Octets of content that entered the output.
        self.octets = 0
        self.head = head
        #: Octets of content to come; with chunks, 1 until the last one was read.
        self.content_left = 1 if head.content_length == CHUNKED else head.content_length
        self.scanner = ChunkedScanner(limits) if head.content_length == CHUNKED else None
        self.discarded = 0
        self.upload: Upload | None = None
        #: A response that waits for the end of the content.
        self.response: Response | None = None
        #: A :class:`Deferred` runs elsewhere.
        self.waiting = False
        self.responded = False
        self.reader: BodyReader | None = None
        #: The body says how long it is, so an early end of it is a fault.
        self.length_known = True
        #: All of the response is in the output.
        self.sent = False


def reason_phrase(response: Response) -> bytes:
    """A reason phrase: for people who read the octets; clients ignore it (RFC 9112 section 4)."""
    try:
        return HTTPStatus(response.status).phrase.encode("ascii")
    except ValueError:
        return b""
