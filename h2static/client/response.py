"""A response as a client sees it: head, content, trailers, informational responses and pushes.

Contract: a :class:`Response` is created when its request is sent, and fills as octets arrive.
:meth:`Response.started` waits for the head, :meth:`Response.read` and iteration for content.
Content that is not read is neither lost nor buffered without limit: the server gets no more credit
on the stream until it is read.  :meth:`Response.cancel` stops the response.

Assumes: one task reads a response.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Final

import anyio

from h2static.client.content import HeldBody
from h2static.client.errors import ResponseError
from h2static.client.options import ResponseLimits
from h2static.http.fields import Fields
from h2static.http.messages import Request
from h2static.http.outgoing import Call, Failure
from h2static.http.semantics import ResponseHead

#: Octets of unread content above which the server gets no more credit.
_MOST_HELD: Final = 262_144


@dataclass(slots=True, kw_only=True)
class Times:
    """When things happened to a response, in monotonic seconds."""

    #: The request was passed to the connection.
    asked: float
    #: The head of the final response arrived.
    head: float | None = None
    #: The response was complete, or failed.
    end: float | None = None


@dataclass(slots=True, kw_only=True, frozen=True)
class Informational:
    """An informational (1xx) response."""

    status: int
    fields: Fields


class Response:
    """A response that fills as octets arrive."""

    def __init__(
        self,
        request: Request,
        *,
        pushed: bool = False,
        limits: ResponseLimits = ResponseLimits(),  # noqa: B008 -- it cannot be changed
        taken: Callable[[], None],
        changed: Callable[[Response], None],
    ) -> None:
        """``taken`` is called when a call was resumed or canceled; ``changed`` when something has
        arrived."""
        #: The request, sent or promised by the server.
        self.request = request
        #: Whether the server pushed the response (RFC 9113 section 8.4).
        self.pushed = pushed
        #: Informational responses, in order.
        self.informational: list[Informational] = []
        #: Responses that the server pushed along with this one, in order.
        self.pushes: list[Response] = []
        #: Trailers, once the response is complete.
        self.trailers: Fields = ()
        #: Octets of content received.
        self.received = 0
        self.times = Times(asked=time.monotonic())
        self.call: Call | None = None
        self._limits = limits
        self._taken = taken
        self._changed = changed
        self._head: ResponseHead | None = None
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        #: The remaining content is discarded.
        self._is_dropped = False
        self._whole = False
        self._failure: Failure | None = None
        self._content_error: Exception | None = None
        self._held_content: HeldBody | None = None
        self._waiter: anyio.Event | None = None
        #: The HTTP/2 stream identifier, if known.
        self.promised_id: int | None = None

    # ------------------------------------------------------------------ what has come

    @property
    def status(self) -> int:
        """The status of the final response, which must have started."""
        return self._known_head().status

    @property
    def fields(self) -> Fields:
        """The header section of the final response, which must have started; names in lower
        case."""
        return self._known_head().fields

    @property
    def has_started(self) -> bool:
        """Whether the head of the final response has arrived."""
        return self._head is not None

    @property
    def is_over(self) -> bool:
        """Whether the response is complete or has failed."""
        return self._whole or self._failure is not None

    @property
    def error(self) -> ResponseError | None:
        """Why the response failed; ``None`` if it did not."""
        failure = self._failure
        if failure is None:
            return None
        error = ResponseError(failure.reason, failure.code, may_retry=failure.may_retry)
        error.__cause__ = self._content_error
        return error

    @property
    def stream_id(self) -> int | None:
        """The HTTP/2 stream identifier; ``None`` while the request waits, and for HTTP/1.1."""
        if self.promised_id is not None:
            return self.promised_id
        stream = getattr(self.call, "stream", None)
        return None if stream is None else int(stream.id)

    def header(self, name: str) -> str | None:
        """The value of the field ``name``, lines joined with ``, ``, decoded as Latin-1."""
        key = name.lower().encode("latin-1")
        values = [value for one, value in self.fields if one == key]
        return b", ".join(values).decode("latin-1") if values else None

    def _known_head(self) -> ResponseHead:
        if self._head is None:
            raise RuntimeError("the response has not started")
        return self._head

    # ------------------------------------------------------------------ waiting for it

    async def started(self) -> None:
        """Wait for the head.  Raises :class:`~h2static.client.errors.ResponseError`."""
        while self._head is None:
            self._raise_failure()
            await self._wait()

    async def read(self) -> bytes:
        """Read the remaining content, until the response is complete.

        Raises :class:`~h2static.client.errors.ResponseError`.
        """
        return b"".join([piece async for piece in self])

    async def ended(self) -> None:
        """Discard the remaining content, and wait for the end.

        Raises :class:`~h2static.client.errors.ResponseError`.
        """
        self._is_dropped = True
        async for _ in self:
            pass

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Iterate over the content in pieces, as it arrives.

        Raises :class:`~h2static.client.errors.ResponseError`.
        """
        await self.started()
        while True:
            if self._pieces:
                pieces, self._pieces = self._pieces, deque()
                self._held = 0
                if self._paused:
                    self._paused = False
                    if self.call is not None:
                        self.call.resume()
                    self._taken()
                for piece in pieces:
                    yield piece
                continue
            self._raise_failure()
            if self._whole:
                return
            await self._wait()

    def cancel(self) -> None:
        """Cancel the response: send RST_STREAM, or close an HTTP/1.1 connection."""
        if self.is_over:
            return
        if self.call is not None:
            self.call.cancel()
        self.fail(Failure("the request was canceled"))
        self._taken()

    def _raise_failure(self) -> None:
        error = self.error
        if error is not None:
            raise error

    async def _wait(self) -> None:
        waiter = self._waiter = anyio.Event()
        await waiter.wait()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.set()
        self._changed(self)

    # ------------------------------------------------------------------ the request's content

    def hold(self, content: HeldBody) -> None:
        """Hold the request's content until 100 (Continue) arrives."""
        self._held_content = content

    def content_failed(self, error: Exception) -> None:
        """Note that writing the request's content failed, which is why there is no response."""
        self._content_error = error

    # ------------------------------------------------------------------ as a ResponseReceiver

    def inform(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.inform`."""
        if len(self.informational) >= self._limits.informational:
            if self.call is not None:
                self.call.cancel()
            self.fail(Failure(f"more than {self._limits.informational} informational responses"))
            return
        self.informational.append(Informational(status=head.status, fields=head.fields))
        if head.status == 100 and self._held_content is not None:
            self._held_content.release()
        self._wake()

    def respond(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.respond`."""
        self._head = head
        self.times.head = time.monotonic()
        self._wake()

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.receive`."""
        self.received += len(data)
        if self._is_dropped:
            return True
        self._pieces.append(data)
        self._held += len(data)
        self._wake()
        if self._held < _MOST_HELD:
            return True
        self._paused = True
        return False

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.end`."""
        self._whole = True
        self.trailers = trailers
        held = self._held_content
        if held is not None and not held.is_released and self.call is not None:
            # The server responded without it: do not send it.
            self.call.cancel()
        self.times.end = time.monotonic()
        self._wake()

    def fail(self, failure: Failure) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.fail`."""
        if self.is_over:
            return
        self._failure = failure
        self.times.end = time.monotonic()
        self._wake()

    def promise(self, request: Request, stream_id: int, call: Call) -> Response | None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.promise`."""
        if len(self.pushes) >= self._limits.promises:
            return None
        promised = Response(
            request, pushed=True, limits=self._limits, taken=self._taken, changed=self._changed
        )
        promised.call = call
        promised.promised_id = stream_id
        self.pushes.append(promised)
        self._wake()
        return promised
