"""Limits on what clients and upstreams can make a proxy hold, with the reason for each.

Contract: one immutable :class:`ProxyLimits`, passed to each part when it is created.  The engine
limits an upstream's header sections, chunks and frames, as it does for clients.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from h2static.http1.limits import Limits as Http1Limits
from h2static.http2.limits import Limits as Http2Limits


def _http2_limits() -> Http2Limits:
    # An upstream may stream single words: frames with content are never too small.
    return Http2Limits(tiny_data=1)


@dataclass(slots=True, kw_only=True, frozen=True)
class ProxyLimits:
    """Limits of one worker process.  Times are in seconds, sizes in octets."""

    # --- content in transit
    #: Request content waiting for its upstream; above it the client gets no credit.
    upload: int = 65_536
    #: Response content waiting for the client; above it the upstream gets no credit.
    response: int = 131_072
    #: Request content kept for a retry; a request with more content is not retried.
    replayed: int = 16_384
    #: The same in each direction of a tunnel.
    tunnel: int = 65_536
    #: Octets read from an upstream in one read, and octets waiting to be sent to it.
    read: int = 65_536
    output: int = 131_072
    #: Reads from one connection in one round, so that others get their turn.
    reads: int = 4
    #: Largest windows for an HTTP/2 upstream: how much a slow client can leave here.
    stream_window: int = 262_144
    connection_window: int = 4_194_304

    # --- connections to one upstream
    #: Connections with one request at a time (HTTP/1.1, tunnels after an Upgrade).
    connections: int = 256
    #: Connections with many (HTTP/2): a new one is opened when all streams of the others are in
    #: use.
    multiplexed: int = 8
    #: Idle connections kept for the next request: as many as there may be, because a new one costs
    #: ten times as much as a request; and for how long: uvicorn and Node close them after five
    #: seconds, and a request sent just as its connection closes may be lost.
    idle: int = 256
    idle_seconds: float = 4.0
    #: Requests waiting for a connection; more get 503.
    waiting: int = 1_024

    # --- requests
    #: Connections on which one request is tried.
    attempts: int = 3
    #: Informational responses for one request: 102 may come every few seconds.
    informational: int = 100
    #: Proxies in Via; more are an undetected loop.
    hops: int = 32
    #: Cached upstream forms of requests, and cached response heads; each cache is cleared as a
    #: whole.
    remembered: int = 1_024
    #: Largest response head that is cached, and largest response content, in octets.
    remembered_head: int = 4_096
    remembered_body: int = 16_384
    #: Hashes of responses that were seen once: a response that never recurs is not cached.
    sighted: int = 4_096

    # --- time
    #: Between two checks of deadlines.
    tick: float = 0.25
    #: From the end of one direction of a tunnel after an Upgrade to the end of the other.
    half_closed_seconds: float = 10.0

    # --- engines
    http1: Http1Limits = field(default_factory=Http1Limits)
    http2: Http2Limits = field(default_factory=_http2_limits)


DEFAULT_LIMITS: Final = ProxyLimits()
