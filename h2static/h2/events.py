"""The events of a connection in :mod:`h2static.h2`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2static.http.fields import Fields
from h2static.http.messages import Request


@dataclass(slots=True, kw_only=True, frozen=True)
class RequestReceived:
    """A client asks for something; its content follows in :class:`DataReceived`."""

    stream_id: int
    request: Request


@dataclass(slots=True, kw_only=True, frozen=True)
class InformationalReceived:
    """A response 1xx: the final one is still to come."""

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
    """Content; give its credit back with :meth:`Connection.acknowledge` when it was used."""

    stream_id: int
    data: bytes


@dataclass(slots=True, kw_only=True, frozen=True)
class MessageEnded:
    """The peer's message is whole."""

    stream_id: int
    trailers: Fields


@dataclass(slots=True, kw_only=True, frozen=True)
class RoomAvailable:
    """:meth:`Connection.send` may go on."""

    stream_id: int


@dataclass(slots=True, kw_only=True, frozen=True)
class StreamEnded:
    """The stream has ended before its messages were whole: nothing more comes on it."""

    stream_id: int
    reason: str
    #: An error code of RFC 9113 section 7, where the peer gave one.
    code: int | None = None
    #: The request was not processed and may be sent again (section 8.7).
    may_retry: bool = False


@dataclass(slots=True, kw_only=True, frozen=True)
class ConnectionEnded:
    """Send what there is to send, and close."""

    #: What was wrong, if anything was.
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
