"""What goes along with a response: PUSH_PROMISE, 103 Early Hints, additional fields.

Contract: a :class:`Pusher`, which the server injects, says what a response's hints come to for this
client; :func:`respond` sends it in the order that makes it useful: promises, informational
response, the response's field section, those of the promised responses, then content by priority.
"the server SHOULD send PUSH_PROMISE frames prior to sending any frames that reference the promised
responses" (RFC 9113 section 8.4.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from h2static.http.messages import Answer, Deferred, Field, Hints, Request, Response
from h2static.http.priority import DEFAULT_INCREMENTAL
from h2static.http.semantics import RequestHead
from h2static.http2 import registry as r
from h2static.http2.frames import Continuation, PushPromise
from h2static.http2.stream import Input, State, Stream

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection


class Promised(NamedTuple):
    """A request that is made on the client's behalf, and its answer."""

    request: Request
    answer: Answer
    #: RFC 9218 urgency of the promised stream.
    urgency: int


class Plan(NamedTuple):
    """What to send besides a response."""

    promises: Sequence[Promised] = ()
    #: Fields of an informational response 103 (RFC 8297); empty: none is sent.
    early: tuple[Field, ...] = ()
    #: Fields that the final response gets in addition.
    fields: tuple[Field, ...] = ()

    def delivered(self) -> tuple[str, ...]:
        """What it comes to in a few words, for a log."""
        words = []
        if self.promises:
            words.append(f"{len(self.promises)} {'push' if len(self.promises) == 1 else 'pushes'}")
        if self.early:
            words.append("103")
        elif any(name == b"link" for name, _ in self.fields):
            words.append("link")
        return tuple(words)


class Memory(Protocol):
    """What a connection's client was promised or has asked for; the pusher's own."""


class Pusher(Protocol):
    """Decides what comes of hints."""

    def remember(self) -> Memory:
        """A memory for a new connection."""

    def asked(self, memory: Memory, request: Request) -> None:
        """The client has asked for something itself."""

    def plan(
        self,
        hints: Hints,
        *,
        request: Request,
        status: int,
        memory: Memory,
        urgency: int,
        push_enabled: bool,
        free_streams: int,
    ) -> Plan:
        """What to send with a response of ``status`` to ``request``."""


def respond(connection: ServerConnection, stream: Stream, response: Response) -> None:
    """Send ``response`` with what its hints come to."""
    pusher = connection.service.pusher
    sender = connection.sender
    if pusher is None or response.hints is None or stream.id % 2 == 0:
        sender.respond(stream, response)
        return
    limit = connection.peer_max_streams
    if limit is None:
        limit = connection.limits.promised_streams
    plan = pusher.plan(
        response.hints,
        request=stream.request,
        status=response.status,
        memory=_memory(connection, pusher),
        urgency=stream.urgency,
        push_enabled=(
            connection.push_enabled
            and not connection.peer_goaway
            and connection.shutdown.since is None
            and connection.next_promised_id < r.MAXIMUM_STREAM_ID
        ),
        free_streams=min(limit, connection.limits.promised_streams) - connection.promised,
    )
    stream.delivered = plan.delivered()
    promised = [(_promise(connection, stream, one), one.answer) for one in plan.promises]
    if plan.early:
        sender.informational(stream, 103, plan.early)
    sender.respond(stream, response, extra=plan.fields, at_once=not promised)
    for pushed, answer in promised:
        if isinstance(answer, Response):
            sender.respond(pushed, answer, at_once=False)
        elif isinstance(answer, Deferred):
            pushed.waiting = True
            connection.deferred.append((pushed.id, answer))
        else:
            # A GET has no upload; what cannot be answered is not pushed after all.
            answer.abandon()
            connection.reset(pushed.id, r.ErrorCode.CANCEL)


def asked(connection: ServerConnection, request: Request) -> None:
    """The client has asked for something that need not be pushed any more."""
    pusher = connection.service.pusher
    if pusher is not None:
        pusher.asked(_memory(connection, pusher), request)


def _memory(connection: ServerConnection, pusher: Pusher) -> Memory:
    """What this client was promised or has asked for."""
    if connection.push_memory is None:
        connection.push_memory = pusher.remember()
    return connection.push_memory


def _promise(connection: ServerConnection, parent: Stream, promised: Promised) -> Stream:
    """Send PUSH_PROMISE on ``parent`` and reserve its stream (RFC 9113 section 6.6)."""
    sender = connection.sender
    request = promised.request
    stream_id = connection.next_promised_id
    connection.next_promised_id += 2
    connection.promised += 1
    stream = Stream(
        stream_id,
        State.IDLE,
        RequestHead(
            request=request,
            content_length=None,
            urgency=promised.urgency,
            incremental=DEFAULT_INCREMENTAL,
            expects_continue=False,
        ),
        send_window=sender.initial_window,
        receive_window=0,
        now=connection.now,
    )
    stream.advance(Input.SEND_PUSH_PROMISE)
    connection.streams[stream_id] = stream
    section = (
        (b":method", request.method),
        (b":path", request.path),
        (b":scheme", request.scheme),
        (b":authority", request.authority),
        *request.fields,
    )
    sender.refresh()
    block, sender.encoder = connection.service.blocks.encode(sender.encoder, section)
    room = r.MINIMUM_MAX_FRAME_SIZE - 4 - connection.service.settings.padding
    fragment, rest = block[:room], block[room:]
    padding = min(connection.service.settings.padding, room)
    frame = PushPromise(
        stream_id=parent.id,
        flags=(0 if rest else r.END_HEADERS) | (r.PADDED if padding else 0),
        promised_stream_id=stream_id,
        fragment=fragment,
        padding=padding,
    )
    sender.output.append(frame.serialize())
    if connection.observer is not None:
        connection.observer.sent(frame, section)
    while rest:
        fragment, rest = rest[: r.MINIMUM_MAX_FRAME_SIZE], rest[r.MINIMUM_MAX_FRAME_SIZE :]
        flags = 0 if rest else r.END_HEADERS
        sender.emit(Continuation(stream_id=parent.id, flags=flags, fragment=fragment))
    return stream
