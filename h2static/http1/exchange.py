"""One request on an HTTP/1.1 connection, and what becomes of it.

Contract: plain state; :mod:`h2static.http1.connection` decides.
"""

from __future__ import annotations

from typing import NamedTuple

from h2static.http.messages import BodyReader, Request, Response, Upload
from h2static.http1.content import Chunked, Content, KnownLength
from h2static.http1.head import CHUNKED, Head
from h2static.http1.limits import Limits


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
    #: Whether the response had a Link field for its hints.
    linked: bool


class Exchange:
    """One request and what becomes of it."""

    __slots__ = (
        "content",
        "discarded",
        "head",
        "length_known",
        "linked",
        "number",
        "octets",
        "reader",
        "responded",
        "response",
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
        #: The content of the request; ``None`` when it has none.
        self.content: Content | None = None
        if head.content_length == CHUNKED:
            self.content = Chunked(limits)
        elif head.content_length:
            self.content = KnownLength(head.content_length)
        self.discarded = 0
        self.upload: Upload | None = None
        #: A response that waits for the end of the content.
        self.response: Response | None = None
        #: A :class:`Deferred` runs elsewhere.
        self.waiting = False
        self.responded = False
        #: The response has a Link field for its hints.
        self.linked = False
        self.reader: BodyReader | None = None
        #: The body says how long it is, so an early end of it is a fault.
        self.length_known = True
        #: All of the response is in the output.
        self.sent = False

    @property
    def content_left(self) -> bool:
        """Whether content is to come."""
        return self.content is not None and not self.content.done

    def is_too_long(self, limits: Limits) -> bool:
        """Whether the content is longer than what is read for nobody."""
        return max(self.head.content_length, self.discarded) > limits.discarded_content

    def drop_upload(self) -> None:
        """Nobody will complete the upload."""
        if self.upload is not None:
            self.upload.abandon()
            self.upload = None

    def close_reader(self) -> bool:
        """The body is read no further; whether there was a reading."""
        if self.reader is None:
            return False
        self.reader.close()
        self.reader = None
        return True

    def finished(self, now: float) -> Finished:
        """What to note of an exchange with a response, which is over."""
        assert self.response is not None
        return Finished(
            self.head.request,
            self.response,
            self.octets,
            self.started,
            now,
            not self.sent,
            self.linked,
        )
