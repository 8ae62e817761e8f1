"""Where clients of HTTP/3 come in: sockets, a QUIC library, engines, and who else reads there.

Contract: as :mod:`h2static.server.entrance`, for datagrams.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from h2static.http.exchange import Application
from h2static.http.messages import Client
from h2static.quic.connection_ids import KEY_LENGTH
from h2static.quic.library import Library
from h2static.quic.transport import Transport
from h2static.server.datagram_link import DatagramEngine
from h2static.server.datagram_sockets import DatagramSocket
from h2static.server.key_pairs import KeyPair
from h2static.server.relay import Relay

if TYPE_CHECKING:
    # A large module that only a frame log needs.
    from h2static.logs.http3_frames import Http3FrameLog


@dataclass(slots=True, kw_only=True)
class DatagramOpening:
    """A connection whose handshake has just become complete."""

    client: Client
    transport: Transport
    #: Monotonic, in seconds.
    now: float
    #: Asks for a turn.
    notify: Callable[[], None]
    #: Gets errors that leave the connection open.
    report: Callable[[str], None]
    #: Who looks on (``-v``).
    log: Http3FrameLog | None


class DatagramEngines(Protocol):
    """Makes the engines of connections; see :class:`h2static.server.entrance.Engines`."""

    def make(self, opening: DatagramOpening) -> DatagramEngine:
        """An engine for a connection."""

    def new_batch(self) -> None:
        """What is processed from here on was read before now."""

    def release(self) -> None:
        """Forget responses that are remembered for a second that is over, and their files."""


@dataclass(slots=True, kw_only=True, eq=False)
class NamedApplications:
    """What is reached at a port, by the name in the TLS handshake."""

    #: The pair for a client that sends this server name, or none.
    pair_for: Callable[[str | None], KeyPair]
    #: What those reach who were shown the certificate of a pair.
    applications: Mapping[KeyPair, Application]


@dataclass(slots=True, kw_only=True, eq=False)
class DatagramEntrance:
    """An entrance for HTTP/3."""

    socket: DatagramSocket
    library: Library
    engines: DatagramEngines
    #: What the engines serve; its lifecycle is that of all.
    application: Application


@dataclass(slots=True, kw_only=True, eq=False)
class DatagramWorker:
    """What a worker has in common with the others of its server, and what it has not."""

    #: Shared by all workers, for tokens.
    key: bytes = field(default_factory=lambda: os.urandom(KEY_LENGTH))
    #: By which connection ids of this worker are known, 0 to 255; others that live have others.
    number: int = 0
    #: Which of how many slots it has: its sockets are every so manieth of each port.
    slot: int = 0
    slots: int = 1
    #: Where a successor puts datagrams for this worker; ``None``: there will be none.
    inbox: socket.socket | None = None
    #: The inboxes of those who came before and have not ended, by their numbers.
    predecessors: Mapping[int, socket.socket] = field(default_factory=dict)
    #: Whether to read at once; otherwise when its predecessors have left the sockets.
    begins: bool = True

    def relay(self) -> Relay | None:
        """What is passed on between workers, if anything ever is."""
        return None if self.inbox is None else Relay(self.inbox, self.predecessors)

    def places(self, sockets: Sequence[socket.socket]) -> list[int]:
        """The place of each of ``sockets``, which are this worker's in their order, among those of
        its port."""
        seen: dict[object, int] = {}
        places: list[int] = []
        for one in sockets:
            name = one.getsockname()
            count = seen.get(name, 0)
            seen[name] = count + 1
            places.append(self.slot + count * self.slots)
        return places


@dataclass(slots=True, kw_only=True, eq=False)
class DatagramParts:
    """What a driver is given for HTTP/3."""

    entrances: list[DatagramEntrance]
    worker: DatagramWorker
