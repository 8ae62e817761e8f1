"""The events that :mod:`h2static.h2` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2static.http.fields import Fields
from h2static.http.messages import Request


@dataclass(slots=True, kw_only=True, frozen=True)
class RequestReceived:
    """A request from a client; its content follows in :class:`DataReceived`."""

    stream_id: int
    request: Request


@dataclass(slots=True, kw_only=True, frozen=True)
class InformationalReceived:
    """An informational response (1xx); the final one is still to come."""

    stream_id: int
    status: int
    fields: Fields


@dataclass(slots=True, kw_only=True, frozen=True)
class ResponseReceived:
    """The final response; its content follows in :class:`DataReceived`."""

    stream_id: int
    status: int
    fields: Fields


@dataclass(slots=True, kw_only=True, frozen=True)
class PromiseReceived:
    """The server will push the response to ``request`` on ``promised_id`` (section 8.4)."""

    stream_id: int
    promised_id: int
    request: Request


@dataclass(slots=True, kw_only=True, frozen=True)
class DataReceived:
    """Content; call :meth:`Connection.acknowledge` when it was consumed to return its credit."""

    stream_id: int
    data: bytes


@dataclass(slots=True, kw_only=True, frozen=True)
class MessageEnded:
    """The peer's message is complete."""

    stream_id: int
    trailers: Fields


@dataclass(slots=True, kw_only=True, frozen=True)
class RoomAvailable:
    """There is room again: continue with :meth:`Connection.send`."""

    stream_id: int


@dataclass(slots=True, kw_only=True, frozen=True)
class StreamEnded:
    """The stream has ended before its messages were complete: nothing more arrives on it."""

    stream_id: int
    reason: str
    #: An error code of RFC 9113 section 7, if the peer sent one.
    code: int | None = None
    #: The request was not processed and may be retried (RFC 9113 section 8.7).
    may_retry: bool = False


@dataclass(slots=True, kw_only=True, frozen=True)
class ConnectionEnded:
    """The connection is over: send the remaining octets, and close the transport."""

    #: The error, if there was one.
    problem: str | None


Event: TypeAlias = (
    RequestReceived
    | InformationalReceived
    | ResponseReceived
    | PromiseReceived
    | DataReceived
    | MessageEnded
    | RoomAvailable
    | StreamEnded
    | ConnectionEnded
)
