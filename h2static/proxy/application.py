"""A reverse proxy as an application.

Contract: a :class:`ProxyApplication` forwards every request to one of its configured upstreams.  It
recalls nothing.  :meth:`ProxyApplication.run` makes connections and checks deadlines; before it
runs, requests wait, and after it has returned they get 503.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

import anyio

from h2static.client.dial import dial
from h2static.client.errors import ClientError
from h2static.client.wire import Wire
from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Response
from h2static.http.requests import Request
from h2static.http.shared import Shared
from h2static.proxy.balance import Balance
from h2static.proxy.config import ProxyConfig
from h2static.proxy.health import watch_health
from h2static.proxy.limits import DEFAULT_LIMITS, ProxyLimits
from h2static.proxy.link import Descriptors, Loop
from h2static.proxy.pages import down_page
from h2static.proxy.relay import Relay, Timed
from h2static.proxy.requests import Requests
from h2static.proxy.responses import Responses
from h2static.proxy.tunnel import TunnelRelay
from h2static.proxy.upstream import Lane, Upstream
from h2static.websocket.handshake import PROTOCOL

#: Refuses a request: takes a status and the request.
Refuse = Callable[[int, Request | None], Response]


@dataclass(slots=True, kw_only=True)
class WorkerLoop:
    """The loop that serves, as links need it."""

    descriptors: Descriptors
    #: Has something done soon, in the loop's thread.
    post: Callable[[Callable[[], None]], None]
    #: Takes one line for the error log.
    report: Callable[[str], None]
    now: Callable[[], float] = time.monotonic


class ProxyApplication(Lifecycle):
    """Forwards requests to the upstreams of one prefix."""

    def __init__(
        self,
        config: ProxyConfig,
        *,
        refuse: Refuse,
        report: Callable[[str], None],
        dev: bool = False,
        limits: ProxyLimits = DEFAULT_LIMITS,
    ) -> None:
        """``refuse`` makes the responses if no upstream responds; ``report`` takes lines
        for the error log; ``dev``: error pages name the upstream, and reload when it is back."""
        self.config = config
        self.limits = limits
        self.refuse_plainly = refuse
        self._report = report
        self._dev = dev
        self.timeout = config.timeout
        self.read_timeout = config.read_timeout
        self.responses = Responses(config, limits)
        self.requests: Requests
        self._loop: WorkerLoop
        self._balance: Balance
        self.upstreams: tuple[Upstream, ...] = ()
        #: Connections to make.
        self._wanted: deque[tuple[Upstream, Lane]] = deque()
        self._word: anyio.Event | None = None
        self._open: set[Timed] = set()
        self._ended = False

    def attach(
        self,
        descriptors: Descriptors,
        post: Callable[[Callable[[], None]], None],
        pseudonym: str,
        shared: Shared,
    ) -> None:
        """Serve in this loop; must be called once, before the first request.

        ``pseudonym``: see :class:`~h2static.proxy.requests.Requests`.  Raises
        :class:`~h2static.client.errors.OptionError` for authorities that cannot be read.
        """
        self._loop = WorkerLoop(descriptors=descriptors, post=post, report=self._report)
        self.requests = Requests(self.config, pseudonym, self.limits)
        self.upstreams = tuple(
            Upstream(target, self.config, self._loop, self.limits, shared, self._want)
            for target in self.config.targets
        )
        self._balance = Balance(self.upstreams, self.config.policy)

    # ------------------------------------------------------------------ the application

    def recall(self, request: Request) -> Response | None:
        """Nothing: the upstream must see each request."""
        return None

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        request = exchange.request
        if self._ended:
            exchange.respond(self.refuse(503, request))
        elif request.protocol == PROTOCOL and self.config.ws:
            TunnelRelay(exchange, self).begin()
        elif request.protocol or request.method == b"CONNECT":
            # RFC 9220 section 3; nor is this a forward proxy.
            exchange.respond(self.refuse_plainly(501, request))
        else:
            Relay(exchange, self).begin()

    def refuse(self, status: int, request: Request | None) -> Response:
        """Implement :meth:`h2static.http.exchange.Application.refuse`."""
        return self.refuse_plainly(status, request)

    # ------------------------------------------------------------------ for relays

    @property
    def loop(self) -> Loop:
        """Implement :meth:`h2static.proxy.relay.Route.loop`."""
        return self._loop

    def choose(self, tried: list[Upstream]) -> Upstream | None:
        """Implement :meth:`h2static.proxy.relay.Route.choose`."""
        return self._balance.choose(tried)

    def refusal(self, status: int, exchange: Exchange, reason: str, upstream: str) -> Response:
        """Implement :meth:`h2static.proxy.relay.Route.refusal`."""
        request = exchange.request
        text = reason if not upstream or upstream in reason else f"{upstream}: {reason}"
        if self._dev and status in (502, 503, 504):
            response = down_page(status, request, upstream, reason)
        else:
            response = self.refuse_plainly(status, request)
        return replace(response, refusal=text, early=True, prepared=False, source=upstream)

    def opened(self, relay: Timed) -> None:
        """Implement :meth:`h2static.proxy.relay.Route.opened`."""
        self._open.add(relay)

    def closed(self, relay: Timed) -> None:
        """Implement :meth:`h2static.proxy.relay.Route.closed`."""
        self._open.discard(relay)

    # ------------------------------------------------------------------ lifecycle

    def release(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.release`."""
        self.responses.release()
        if self.upstreams:
            self.requests.release()
        for upstream in self.upstreams:
            upstream.release()

    def drain(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`: streams of events end."""
        for relay in list(self._open):
            relay.drain()

    # ------------------------------------------------------------------ connections

    def _want(self, upstream: Upstream, lane: Lane) -> None:
        self._wanted.append((upstream, lane))
        if self._word is not None:
            self._word.set()

    async def run(self) -> None:
        """Make connections, and check deadlines, until canceled."""
        word = self._word = anyio.Event()
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._look_at_time)
                if self.config.health is not None:
                    for upstream in self.upstreams:
                        tasks.start_soon(watch_health, upstream, self.config.health, self._report)
                while True:
                    while self._wanted:
                        tasks.start_soon(self._connect, *self._wanted.popleft())
                    await word.wait()
                    word = self._word = anyio.Event()
        finally:
            self._ended = True
            self._wanted.clear()
            for relay in list(self._open):
                relay.lost()
            for upstream in self.upstreams:
                upstream.end()

    async def _connect(self, upstream: Upstream, lane: Lane) -> None:
        wire: Wire | None = None
        try:
            wire, protocol = await dial(
                upstream.origin, upstream.options(lane), upstream.context(lane)
            )
        except ClientError as error:
            late = isinstance(error.__cause__, TimeoutError)
            upstream.failed(lane, 504 if late else 502, str(error))
        except OSError as error:
            upstream.failed(lane, 502, error.strerror or str(error))
        else:
            upstream.connected(lane, wire, protocol)

    async def _look_at_time(self) -> None:
        while True:
            await anyio.sleep(self.limits.tick)
            now = self._loop.now()
            for relay in list(self._open):
                relay.check(now)
            for upstream in self.upstreams:
                upstream.check(now)
