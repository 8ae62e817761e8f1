"""One request and its response: the events of ASGI's ``http`` scope.

Contract: an :class:`HttpConversation` connects an exchange with an application's coroutine.
:data:`LEGAL` lists the events that the application may send in each state; any other event makes
``send`` raise :class:`~h2static.asgi.errors.InvalidEvent`, and is not sent.

- The head of a response is held until the first event of its body: until then an exception becomes
  a 500, and a body in one piece gets its length.  Later, a response that cannot be finished is
  aborted, so that it never looks complete.
- A body is never longer than its Content-Length, and a shorter one is an error.
- For HEAD, 204 and 304, only the head is sent.  The application's content is discarded; if it does
  not stop, as an event stream does, the application gets a disconnect.
- ``send`` waits while the client does not read; while the application does not read, the client
  gets no credit.
- ``receive`` returns ``http.disconnect`` once the response is complete or the client has
  disconnected, however often it is called; ``send`` then raises ``ClientDisconnected``, or
  ``InvalidEvent`` after a complete response.

Assumes: all of it runs in the loop's thread.
"""

from __future__ import annotations

import asyncio
import os
from enum import IntEnum
from typing import Final, Protocol

from h2static.asgi import sections
from h2static.asgi.errors import ClientDisconnected, InvalidEvent, misplaced
from h2static.asgi.limits import AsgiLimits
from h2static.asgi.responses import Responses
from h2static.asgi.scope import TRAILERS, encoded_path, takes_trailers
from h2static.asgi.sections import Section, Sections
from h2static.asgi.tasks import turn_of, wake
from h2static.asgi.types import Message
from h2static.http.bodies import Body
from h2static.http.exchange import Exchange
from h2static.http.fields import Field, Fields
from h2static.http.messages import WITHOUT_CONTENT, Request, Response
from h2static.http.pipe import Pipe


class Phase(IntEnum):
    """The state of a response."""

    #: It has not started.
    BEFORE = 0
    #: Its head is known, and held.
    HELD = 1
    #: Its head is out; content follows.
    CONTENT = 2
    #: Its content is complete; trailers follow.
    TRAILERS = 3
    COMPLETE = 4


START: Final = "http.response.start"
BODY: Final = "http.response.body"
PATHSEND: Final = "http.response.pathsend"
PUSH: Final = "http.response.push"
EARLY_HINT: Final = "http.response.early_hint"

#: The events that may be sent in each state.
LEGAL: Final[dict[Phase, frozenset[str]]] = {
    Phase.BEFORE: frozenset((START, PUSH, EARLY_HINT)),
    Phase.HELD: frozenset((BODY, PATHSEND, PUSH)),
    Phase.CONTENT: frozenset((BODY, PUSH)),
    Phase.TRAILERS: frozenset((TRAILERS,)),
    Phase.COMPLETE: frozenset(),
}
_KNOWN: Final = frozenset().union(*LEGAL.values())
_DISCONNECT: Final = "http.disconnect"

# Found once: Python 3.11 makes a call for each access to a member of an enumeration.
_BEFORE, _HELD, _CONTENT = Phase.BEFORE, Phase.HELD, Phase.CONTENT
_TRAILERS, _COMPLETE = Phase.TRAILERS, Phase.COMPLETE


class Host(Protocol):
    """What the conversations of one application share."""

    limits: AsgiLimits
    sections: Sections
    responses: Responses
    #: The server is about to stop: event streams end.
    draining: bool

    def file(
        self, path: str, request: Request, status: int, section: Section
    ) -> tuple[int, Fields, bytes | Body]:
        """Status, fields and body of a response with the file ``path`` after ``section``, whose
        status is ``status``.

        Raises ``OSError``, or ``InvalidEvent`` for a file that does not fit ``section``.
        """


class HttpConversation:
    """One request and its response; also the sink of the request's content."""

    __slots__ = (
        "_accepted", "_content", "_declared", "_ended", "_held", "_host", "_lost",
        "_phase", "_pipe", "_respite", "_section", "_sent", "_starved", "_status", "_swallows",
        "_told_end", "_trailers", "_wait_for_room", "_wait_for_word", "_wants_trailers", "exchange",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, host: Host) -> None:
        self.exchange = exchange
        self._host = host
        self._lost = False
        # --- the request's content
        self._accepted = False
        self._content: list[bytes] = []
        self._held = 0
        #: The client gets no credit.
        self._starved = False
        #: The content is complete; and the application knows.
        self._ended = self._told_end = False
        #: Calls of ``receive`` and of ``send`` that wait.
        self._wait_for_word: list[asyncio.Future[None]] = []
        self._wait_for_room: list[asyncio.Future[None]] = []
        # --- the response
        self._phase = _BEFORE
        self._status = 200
        self._section: Section
        #: Octets of content according to Content-Length, and octets sent.
        self._declared: int | None = None
        self._sent = 0
        #: The response has no content, whatever the application sends.
        self._swallows = False
        #: When an application that keeps sending discarded content is stopped.
        self._respite: asyncio.TimerHandle | None = None
        self._wants_trailers = False
        self._trailers: list[Field] = []
        self._pipe: Pipe | None = None

    @property
    def complete(self) -> bool:
        """Whether the response is complete."""
        return self._phase is _COMPLETE

    @property
    def lost(self) -> bool:
        """Whether the client went before that, or was sent away."""
        return self._lost

    # ------------------------------------------------------------------ for the application

    async def next_event(self) -> Message:
        """ASGI's ``receive``: a piece of the content, or ``http.disconnect``."""
        if not self._accepted and not self._unheard:
            self._accept()
        while not self._unheard:
            if self._content:
                return self._take()
            if self._ended and not self._told_end:
                self._told_end = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await turn_of(self._wait_for_word)
        return {"type": _DISCONNECT}

    async def take_event(self, message: Message) -> None:
        """``send`` of ASGI: an event of the response; see :data:`LEGAL`."""
        if self._lost:
            raise ClientDisconnected("the client disconnected")
        kind = message.get("type")
        phase = self._phase
        if kind not in LEGAL[phase]:
            raise misplaced(kind, "http", _KNOWN, LEGAL[phase], "the response is already complete")
        if kind == BODY:
            if self._body(message):
                return
            await turn_of(self._wait_for_room)
            if self._lost:
                raise ClientDisconnected("the client disconnected")
        elif kind == START:
            self._start(message)
        elif kind == PATHSEND:
            self._send_file(message)
        elif kind == TRAILERS:
            self._take_trailers(message)
        elif kind == EARLY_HINT:
            self._hint(message)
        else:
            self._push(message)

    @property
    def _over(self) -> bool:
        return self._lost or self._phase is _COMPLETE

    @property
    def _unheard(self) -> bool:
        """Whether the rest of the request's content is not needed."""
        return self._over or (self._swallows and self._phase is not _HELD)

    def _accept(self) -> None:
        self._accepted = True
        self.exchange.accept(self)

    def _take(self) -> Message:
        """The received content, as one event."""
        pieces, self._content = self._content, []
        self._held = 0
        if self._starved:
            self._starved = False
            self.exchange.resume()
        self._told_end = self._ended
        return {
            "type": "http.request",
            "body": pieces[0] if len(pieces) == 1 else b"".join(pieces),
            "more_body": not self._ended,
        }

    # ------------------------------------------------------------------ the response

    def _start(self, message: Message) -> None:
        status = message.get("status")
        if not isinstance(status, int) or not 200 <= status <= 599:
            raise InvalidEvent(f"{START}: status: {status!r} is not a final status code")
        self._section = section = self._host.sections.response(message.get("headers", ()))
        self._status = status
        self._declared = section.length
        request = self.exchange.request
        self._swallows = request.method == b"HEAD" or status in WITHOUT_CONTENT
        self._wants_trailers = bool(message.get("trailers", False))
        self._phase = _HELD

    def _body(self, message: Message) -> bool:
        """Send a piece of the body; false: the next one must wait."""
        data = message.get("body", b"")
        if not isinstance(data, bytes):
            if not isinstance(data, bytearray | memoryview):
                raise InvalidEvent(f"{BODY}: body: expected bytes, not {type(data).__name__}")
            data = bytes(data)
        more = message.get("more_body", False)
        if self._swallows:
            self._swallow(len(data), more=bool(more))
            return True
        self._sent += len(data)
        declared = self._declared
        if declared is not None:
            if self._sent > declared:
                self._sent -= len(data)
                raise InvalidEvent(
                    f"{BODY}: content-length is {declared}, but the body has at least"
                    f" {self._sent + len(data)} octets"
                )
            if not more and self._sent < declared:
                raise InvalidEvent(
                    f"{BODY}: content-length is {declared}, but the body has {self._sent} octets"
                )
        if self._phase is _HELD:
            if not more and not self._wants_trailers:
                self._respond_whole(data)
                return True
            self._begin_content()
        pipe = self._pipe
        assert pipe is not None
        room = pipe.receive(data) if data else True
        if not more:
            self._end_content()
            return True
        return room

    def _swallow(self, size: int, *, more: bool) -> None:
        """Discard a piece of content of a response that has none."""
        if self._phase is _HELD:
            self._phase = _CONTENT
            self._respond(self._fields_without_content(), b"")
            if more and self._section.events:
                self.lose()
            elif more:
                # An endless stream would continue in vain.
                seconds = self._host.limits.swallowed_seconds
                self._respite = asyncio.get_running_loop().call_later(seconds, self.lose)
        if not more:
            self._end_content()
            return
        limits = self._host.limits
        self._sent += size + limits.swallowed_overhead
        if self._sent > limits.swallowed:
            self.lose()

    def _respond(self, fields: Fields, body: bytes | Body, status: int | None = None) -> None:
        self.exchange.respond(
            Response(status=status or self._status, fields=fields, body=body, early=True)
        )

    def _respond_whole(self, data: bytes) -> None:
        """Head and body in one."""
        self._finish()
        self.exchange.respond(self._host.responses.whole(self._section, self._status, data))

    def _fields_without_content(self) -> Fields:
        fields = self._section.fields
        if self._status == 204:
            # RFC 9110 section 8.6: "MUST NOT send a Content-Length header field in any response
            # with a status code of … 204".
            fields = tuple([one for one in fields if one[0] != b"content-length"])
        return fields

    def _begin_content(self) -> None:
        """Send the head; the content follows piece by piece."""
        fields, length = self._section.fields, self._declared
        if self._wants_trailers and takes_trailers(self.exchange.request):
            # The engine learns of them after the last octet only.
            length = None
            if self.exchange.client.version == "HTTP/1.1":
                # Trailers follow chunks (RFC 9112 section 7.1.2).
                fields = tuple([one for one in fields if one[0] != b"content-length"])
        self._pipe = pipe = Pipe(
            length=length,
            capacity=self._host.limits.response,
            on_room=self._room,
            on_closed=self.lose,
        )
        if not self._accepted:
            # The application may read while it responds; later the engine would not allow it.
            self._accept()
            if self._lost:
                return
        self._phase = _CONTENT
        self._respond(fields, pipe)
        if self._section.events and self._host.draining:
            self.drain()

    def _end_content(self) -> None:
        if not self._wants_trailers:
            self._finish()
            if self._pipe is not None:
                self._pipe.end()
            return
        self._phase = _TRAILERS
        if self._pipe is not None and not takes_trailers(self.exchange.request):
            # They are left out, and the client need not wait for that.
            self._swallows = True
            self._pipe.end()

    def _take_trailers(self, message: Message) -> None:
        self._trailers += sections.trailers(message.get("headers", ()))
        if message.get("more_trailers", False):
            return
        self._finish()
        if self._pipe is not None and not self._swallows:
            self._pipe.end(tuple(self._trailers))

    def _send_file(self, message: Message) -> None:
        path = message.get("path")
        if not isinstance(path, str) or not os.path.isabs(path):
            raise InvalidEvent(f"{PATHSEND}: path: {path!r} is not an absolute path")
        try:
            status, fields, body = self._host.file(
                path, self.exchange.request, self._status, self._section
            )
        except OSError as error:
            # Not OSError, which would mean that the client has disconnected.
            raise InvalidEvent(f"{PATHSEND}: {path}: {error.strerror}") from error
        except ValueError as error:  # NUL in the path
            raise InvalidEvent(f"{PATHSEND}: {path!r}: {error}") from error
        self._finish()
        if self._swallows:
            self._respond(self._fields_without_content(), b"")
        else:
            self._respond(fields, body, status)

    def _finish(self) -> None:
        """The response is complete, as far as the application is concerned."""
        self._phase = _COMPLETE
        self._content.clear()
        self._hurry_no_more()
        if self._wait_for_word:
            wake(self._wait_for_word)

    def _hurry_no_more(self) -> None:
        if self._respite is not None:
            self._respite.cancel()
            self._respite = None

    def _hint(self, message: Message) -> None:
        links = message.get("links", ())
        fields = sections.promised([(b"link", link) for link in links])
        if self.exchange.client.version != "HTTP/1.1":
            self.exchange.inform(103, fields)

    def _push(self, message: Message) -> None:
        path = message.get("path")
        if not isinstance(path, str) or not path.startswith("/"):
            raise InvalidEvent(f"{PUSH}: path: {path!r} is not a path")
        fields = sections.promised(message.get("headers", ()))
        if not self.exchange.may_push:
            return
        parent = self.exchange.request
        self.exchange.push(
            Request(
                method=b"GET",
                scheme=parent.scheme,
                authority=parent.authority,
                path=encoded_path(path),
                fields=fields,
            )
        )

    # ------------------------------------------------------------------ the end

    def returned(self) -> bool:
        """The application has returned; returns whether something is missing."""
        return not self._over

    def give_up(self) -> None:
        """The application failed: respond 500, or cut the response off."""
        if not self._over:
            self._finish()
            self.exchange.abort("")
            if self._pipe is not None:
                self._pipe.abandon()
            wake(self._wait_for_room)

    def lose(self) -> None:
        """The client has disconnected."""
        if not self._over:
            self._send_away()

    def drain(self) -> None:
        """The server is about to stop: end an event stream, whose client will reconnect."""
        if self._phase is _CONTENT and self._section.events and self._pipe is not None:
            self._pipe.end()
            self._send_away()

    def _send_away(self) -> None:
        self._lost = True
        self._hurry_no_more()
        self._content.clear()
        wake(self._wait_for_word)
        wake(self._wait_for_room)

    def _room(self) -> None:
        wake(self._wait_for_room)

    # ------------------------------------------------------------------ the sink

    def receive(self, data: bytes) -> bool:
        """See :meth:`h2static.http.bodies.Sink.receive`."""
        if self._over:
            return True
        self._content.append(data)
        self._held += len(data)
        if self._wait_for_word:
            wake(self._wait_for_word)
        if self._held < self._host.limits.content:
            return True
        self._starved = True
        return False

    def end(self, trailers: Fields) -> None:
        """See :meth:`h2static.http.bodies.Sink.end`; ASGI has no trailers of requests."""
        self._ended = True
        if self._wait_for_word:
            wake(self._wait_for_word)

    def abandon(self) -> None:
        """See :meth:`h2static.http.bodies.Sink.abandon`."""
        if not self._swallows:
            self.lose()
