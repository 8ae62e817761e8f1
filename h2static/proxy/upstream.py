"""One upstream: its connections, the requests that wait for one, and its health.

Contract: :meth:`Upstream.ask` gives an :class:`Asker` a connection as soon as one is available, or
the reason why none is.  Connections are reused; HTTP/2 carries many requests at a time, HTTP/1.1
one.  The protocol of an ``https`` target is known after the first connection.

Assumes: the code that makes connections calls :meth:`Upstream.connected` or
:meth:`Upstream.failed` for each :meth:`Upstream.dial`; everything happens in the loop's thread.
"""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from typing import Final, Protocol

from h2static.client.options import HTTP1, HTTP2, ConnectOptions
from h2static.client.tls import make_context
from h2static.client.urls import Origin
from h2static.client.wire import Wire
from h2static.http.shared import Shared
from h2static.http1.client import ClientConnection as Http1Connection
from h2static.http1.client_memory import ClientMemory
from h2static.http2.client import ClientConnection as Http2Connection
from h2static.http2.client import make_endpoint
from h2static.http2.settings import LocalSettings
from h2static.proxy.config import ProxyConfig, Target
from h2static.proxy.limits import ProxyLimits
from h2static.proxy.link import Engine, Link, Loop

#: RFC 9113 section 6.5.2 recommends no fewer, and a server with a lower limit refuses the others.
_ASSUMED_STREAMS: Final = 100


class Lane(Enum):
    """The purpose of a connection."""

    #: Anything: the protocol is the target's choice.
    ANY = "any"
    #: An Upgrade, which requires an HTTP/1.1 connection of its own.
    ALONE = "alone"


class Asker(Protocol):
    """An object that waits for a connection."""

    @property
    def lane(self) -> Lane:
        """The purpose of the connection."""

    def start(self, upstream: Upstream, link: Link) -> None:
        """Use ``link``."""

    def cannot(self, upstream: Upstream, status: int, reason: str) -> None:
        """There is none, nor will there be; ``status`` is what that means to a client."""


class Upstream:
    """One upstream with its connections and its health."""

    def __init__(
        self,
        target: Target,
        config: ProxyConfig,
        loop: Loop,
        limits: ProxyLimits,
        shared: Shared,
        dial: Callable[[Upstream, Lane], None],
    ) -> None:
        """``dial`` begins to make a connection.

        Raises :class:`~h2static.client.errors.OptionError` for authorities that cannot be read.
        """
        self.target = target
        #: How logs call it.
        self.name = target.name
        self._config = config
        self._loop = loop
        self._limits = limits
        self._dial = dial
        settings = LocalSettings(
            largest_stream_window=limits.stream_window,
            largest_connection_window=limits.connection_window,
            assumed_streams=_ASSUMED_STREAMS,
        )
        self._endpoint = make_endpoint(settings, limits.http2, shared, memories=True)
        self._memory = ClientMemory(most=limits.remembered, largest=limits.remembered_head)
        self.origin = Origin(
            scheme="https" if target.secure else "http", host=target.host, port=target.port
        )
        self._options = ConnectOptions(
            protocols=(HTTP2,) if target.scheme == "h2c" else (HTTP1,),
            unix_socket=target.unix,
            connect_seconds=config.connect_timeout,
            verify=config.secure,
            ca_file=config.ca,
        )
        #: Made once: the system's authorities are many.
        self._contexts = {lane: make_context(self.options(lane)) for lane in Lane if target.secure}
        #: Links: all, those with many requests at a time, those that wait for one, oldest first.
        self.links: set[Link] = set()
        self._multiplexed: list[Link] = []
        self._idle: list[Link] = []
        self._waiting: dict[Lane, deque[Asker]] = {lane: deque() for lane in Lane}
        self._dialing = dict.fromkeys(Lane, 0)
        #: The last protocol, if the target chooses it.
        self._speaks: str | None = None if target.secure else self._options.protocols[0]
        #: Requests whose responses have received something in the current step.
        self.touched: list[Callable[[], None]] = []
        # --- how it is doing
        #: Unfinished requests to it.
        self.under_way = 0
        self._failures = 0
        self._down_until = 0.0
        #: The problem found by the last health check.
        self.complaint: str | None = None

    # ------------------------------------------------------------------ how it is doing

    def is_down(self) -> bool:
        """Whether it could not be reached of late."""
        return self._down_until > self._loop.now()

    def note_failure(self) -> None:
        """It could not be reached, or has broken a connection off."""
        self._failures += 1
        if self._failures >= self._config.max_fails:
            self._down_until = self._loop.now() + self._config.fail_timeout

    def note_success(self) -> None:
        """It has answered."""
        self._failures = 0
        self._down_until = 0.0

    # ------------------------------------------------------------------ who asks

    def ask(self, asker: Asker) -> None:
        """Give ``asker`` a connection, now or as soon as one is available."""
        lane = self._lane(asker)
        waiting = self._waiting[lane]
        link = None if waiting else self._take(lane)
        if link is not None:
            self._start(link, asker)
        elif len(waiting) >= self._limits.waiting:
            asker.cannot(self, 503, f"{len(waiting)} requests are already waiting for it")
        else:
            waiting.append(asker)
            self._dial_as_needed(lane)

    def forget(self, asker: Asker) -> None:
        """``asker`` no longer wants a connection; no effect if it already has one."""
        for waiting in self._waiting.values():
            if asker in waiting:
                waiting.remove(asker)

    def _lane(self, asker: Asker) -> Lane:
        # With prior knowledge of HTTP/2 there is nothing else.
        return Lane.ANY if self.target.scheme == "h2c" else asker.lane

    def _take(self, lane: Lane) -> Link | None:
        """A link with room for one more request."""
        for link in self._multiplexed:
            engine = link.engine
            if not link.closed and engine.room:
                assert isinstance(engine, Http2Connection)
                if lane is Lane.ANY or engine.offers_connect:
                    return link
        now = self._loop.now()
        while self._idle:
            link = self._idle.pop()
            if link.closed or not link.engine.room:
                continue
            if now - link.idle_since > self._limits.idle_seconds:
                link.close()
            elif not link.requests or link.is_silent():
                # One that is not has been closed, which is found out as soon as it is read.
                return link
        return None

    def _start(self, link: Link, asker: Asker) -> None:
        link.requests += 1
        link.under_way += 1
        asker.start(self, link)
        link.flush_soon()

    def finished(self, link: Link) -> None:
        """A request that was started on ``link`` is over."""
        link.under_way -= 1
        link.idle_since = self._loop.now()

    def _serve_waiting(self) -> None:
        for lane, waiting in self._waiting.items():
            while waiting:
                link = self._take(lane)
                if link is None:
                    self._dial_as_needed(lane)
                    break
                self._start(link, waiting.popleft())

    # ------------------------------------------------------------------ connections

    def options(self, lane: Lane) -> ConnectOptions:
        """How to connect."""
        if self.target.secure and lane is Lane.ANY:
            return replace(self._options, protocols=(HTTP2, HTTP1))
        return self._options

    def context(self, lane: Lane) -> ssl.SSLContext | None:
        """The TLS context to connect with."""
        return self._contexts.get(lane)

    def _dial_as_needed(self, lane: Lane) -> None:
        waiting, dialing = len(self._waiting[lane]), self._dialing[lane]
        if lane is Lane.ANY and self._speaks != HTTP1:
            # One connection may be enough for all, or show that it is not.
            most = self._limits.multiplexed - len(self._multiplexed)
            wanted = min(1, most) - dialing
        else:
            # No other request waits for those that are being made.
            alone = len(self.links) + sum(self._dialing.values())
            wanted = min(waiting - dialing, self._limits.connections - alone)
        for _ in range(wanted if waiting else 0):
            self._dialing[lane] += 1
            self._dial(self, lane)

    def connected(self, lane: Lane, wire: Wire, protocol: str) -> None:
        """A connection was made, on which ``protocol`` is spoken."""
        self._dialing[lane] -= 1
        if lane is Lane.ANY:
            self._speaks = protocol
        link: Link

        def notify() -> None:
            link.flush_soon()

        engine: Engine
        if protocol == HTTP2:
            engine = Http2Connection(self._endpoint, self._loop.now(), notify=notify)
        else:
            engine = Http1Connection(self._limits.http1, notify=notify, memory=self._memory)
        link = Link(
            wire, engine, protocol, self._loop, self._limits, turned=self._turned, over=self._over
        )
        self.links.add(link)
        if protocol == HTTP2:
            self._multiplexed.append(link)
            link.flush_soon()
        else:
            self._idle.append(link)
        self._serve_waiting()

    def failed(self, lane: Lane, status: int, reason: str) -> None:
        """No connection could be made."""
        self._dialing[lane] -= 1
        self.note_failure()
        waiting = self._waiting[lane]
        # The others wait for connections that are still being made.
        while len(waiting) > self._dialing[lane]:
            waiting.popleft().cannot(self, status, reason)

    def _turned(self, link: Link) -> None:
        """Something was received on ``link``."""
        touched, self.touched = self.touched, []
        for tell in touched:
            tell()
        if link.closed:
            return
        engine = link.engine
        if isinstance(engine, Http2Connection):
            if engine.is_leaving and link in self._multiplexed:
                self._multiplexed.remove(link)
            if engine.is_leaving and not link.under_way:
                link.close()
        elif engine.room and not link.under_way and link not in self._idle:
            self._keep(link)
        if any(self._waiting.values()):
            self._serve_waiting()

    def close_idle(self) -> None:
        """Close the connections that wait for a request: the upstream may have ended them all."""
        while self._idle:
            self._idle.pop().close()

    def _keep(self, link: Link) -> None:
        self._idle.append(link)
        if len(self._idle) > self._limits.idle:
            self._idle.pop(0).close()

    def _over(self, link: Link) -> None:
        """``link`` has ended."""
        self.links.discard(link)
        for links in (self._multiplexed, self._idle):
            if link in links:
                links.remove(link)
        if any(self._waiting.values()):
            self._serve_waiting()

    # ------------------------------------------------------------------ time, and the end

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        for link in list(self.links):
            link.check(now)
        while self._idle and now - self._idle[0].idle_since > self._limits.idle_seconds:
            self._idle.pop(0).close()

    def release(self) -> None:
        """Empty the caches."""
        self._memory.release()

    def end(self) -> None:
        """Close all connections; no request waits."""
        for link in list(self.links):
            link.end()
