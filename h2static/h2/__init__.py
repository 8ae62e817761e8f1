"""HTTP/2 without I/O, for programs of your own: octets in, events out.

A :class:`Connection` is one end of an HTTP/2 connection.  Give it the octets that come from the
peer, and it returns what happened; tell it what to send, and it has octets for the peer::

    connection = Connection(SERVER)
    sock.sendall(connection.octets_to_send())
    while octets := sock.recv(65_536):
        for event in connection.receive(octets):
            if isinstance(event, RequestReceived):
                connection.respond(event.stream_id, 200, (), b"hello")
        sock.sendall(connection.octets_to_send())

Contract: no method waits, and none raises for anything that a peer can send: what the peer did
wrong ends the stream or the connection, with the frames that RFC 9113 wants, and an event says so.
What breaks the rules on this side raises :class:`Misuse`.

Flow control works by itself in one direction and by asking in the other.  Content that was received
counts against the peer's window until :meth:`Connection.acknowledge` says that it was used.
Content that is to be sent waits here until the peer's windows have room; :meth:`Connection.send`
says whether to go on, and :class:`RoomAvailable` comes when it said no and there is room again.

Time is an argument: pass monotonic seconds with each call, or nothing where no deadlines are
wanted; then call :meth:`Connection.check` about twice a second.
"""

from h2static.h2.connection import CLIENT, SERVER, Connection
from h2static.h2.events import (
    ConnectionEnded,
    DataReceived,
    Event,
    InformationalReceived,
    MessageEnded,
    PromiseReceived,
    RequestReceived,
    ResponseReceived,
    RoomAvailable,
    StreamEnded,
)
from h2static.http.fields import Field, Fields
from h2static.http.messages import Request
from h2static.http2.errors import Misuse
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings

__all__ = [
    "CLIENT",
    "SERVER",
    "Connection",
    "ConnectionEnded",
    "DataReceived",
    "ErrorCode",
    "Event",
    "Field",
    "Fields",
    "InformationalReceived",
    "Limits",
    "LocalSettings",
    "MessageEnded",
    "Misuse",
    "PromiseReceived",
    "Request",
    "RequestReceived",
    "ResponseReceived",
    "RoomAvailable",
    "StreamEnded",
]
