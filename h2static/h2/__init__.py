"""HTTP/2 without I/O, for your own programs: octets in, events out.

A :class:`Connection` is one end of an HTTP/2 connection.  Pass it the octets from the peer, and it
returns events; call its methods to send, and it provides octets for the peer::

    connection = Connection(SERVER)
    sock.sendall(connection.octets_to_send())
    while octets := sock.recv(65_536):
        for event in connection.receive(octets):
            if isinstance(event, RequestReceived):
                connection.respond(event.stream_id, 200, (), b"hello")
        sock.sendall(connection.octets_to_send())

Contract: no method waits, and none raises for anything that a peer can send: an error of the peer
ends the stream or the connection, with the frames that RFC 9113 demands, and an event reports it.
Breaking the rules on this side raises :class:`Misuse`.

Flow control is automatic in one direction and explicit in the other.  Received content counts
against the peer's window until :meth:`Connection.acknowledge` says that it was consumed.  Content
to send waits here until the peer's windows have room; :meth:`Connection.send` returns whether to
continue, and after false, :class:`RoomAvailable` says when there is room again.

Time is an argument: pass monotonic seconds with each call, and call :meth:`Connection.check` about
twice a second; or pass nothing if you do not need deadlines.
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
