"""How each protocol is spoken in the tests that hold for every engine.

Promise: a :class:`Dialect` makes an engine for an application and a client that speaks with it in
octets.  A further protocol is one more class here, and its name in :data:`DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from h2static.http.exchange import Application
from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http1 import connection as http1
from h2static.http2 import server as http2
from h2static.http2.limits import Limits
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from h2static.http3 import service as http3
from h2static.http3.limits import Limits as Http3Limits
from h2static.server.engine import Engine
from tests.support.http3_over_octets import Http3OverOctets
from tests.support.wire_clients.http1 import Http1Client
from tests.support.wire_clients.http2 import Http2Client
from tests.support.wire_clients.http3 import Http3Client
from tests.support.wire_clients.shape import WireClient

#: What every engine offers here.
PROTOCOLS: Final = frozenset((b"websocket",))


@dataclass(slots=True, kw_only=True)
class Served:
    """One connection, from the server's side."""

    engine: Engine
    #: Called before octets of another read are processed.
    new_batch: Callable[[], None]


class Dialect(Protocol):
    """A protocol; see the module."""

    @property
    def name(self) -> str:
        """As pytest shows it."""

    @property
    def version(self) -> str:
        """As logs write it."""

    @property
    def multiplexed(self) -> bool:
        """Whether requests of one connection are answered beside each other."""

    @property
    def half_closes(self) -> bool:
        """Whether a client can end its side of a connection and still be answered."""

    def serve(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        now: float,
        *,
        notify: Callable[[], None],
    ) -> Served:
        """A new connection."""

    def connect(self) -> WireClient:
        """Its client."""


class Http1:
    """RFC 9112."""

    name = "http1"
    version = "HTTP/1.1"
    multiplexed = False
    half_closes = True

    def serve(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        now: float,
        *,
        notify: Callable[[], None],
    ) -> Served:
        engine = http1.ServerConnection(
            application, client, shared, now, protocols=PROTOCOLS, notify=notify
        )
        return Served(engine=engine, new_batch=lambda: None)

    def connect(self) -> WireClient:
        return Http1Client()


class Http2:
    """RFC 9113."""

    version = "HTTP/2.0"
    multiplexed = True
    half_closes = True

    def __init__(self, name: str, *, memories: bool) -> None:
        """``memories``: header blocks and sections are remembered, as they are in service."""
        self.name = name
        self._memories = memories

    def serve(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        now: float,
        *,
        notify: Callable[[], None],
    ) -> Served:
        # What an engine does with more streams than it allows is its own protocol's matter.
        settings = LocalSettings(max_concurrent_streams=10_000, enable_connect_protocol=True)
        service = make_service(
            application,
            settings,
            Limits(),
            shared,
            schemes=frozenset((b"http",)),
            memories=self._memories,
        )
        engine = http2.ServerConnection(service, client, now, notify=notify)
        return Served(engine=engine, new_batch=service.new_batch)

    def connect(self) -> WireClient:
        return Http2Client()


class Http3:
    """RFC 9114, over a fake of QUIC."""

    version = "HTTP/3.0"
    multiplexed = True
    half_closes = False

    def __init__(self, name: str, *, memories: bool) -> None:
        """``memories``: field sections are remembered, as they are in service."""
        self.name = name
        self._memories = memories

    def serve(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        now: float,
        *,
        notify: Callable[[], None],
    ) -> Served:
        service = http3.make_service(
            application,
            Http3Limits(),
            shared,
            schemes=frozenset((b"http",)),
            connect_protocol=True,
            memories=self._memories,
        )
        engine = Http3OverOctets(service, client, now, notify=notify)
        return Served(engine=engine, new_batch=service.new_batch)

    def connect(self) -> WireClient:
        return Http3Client()


DIALECTS: Final[tuple[Dialect, ...]] = (
    Http1(),
    Http2("http2", memories=True),
    Http2("http2-plain", memories=False),
    Http3("http3", memories=True),
    Http3("http3-plain", memories=False),
)
