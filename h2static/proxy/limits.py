"""Bounds of what clients and upstreams may hold of a proxy, and why each is what it is.

Contract: one immutable :class:`ProxyLimits`, handed to each part when it is made.  What an upstream
may send in a header section, in chunks and in frames is limited by its engine, as everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from h2static.http1.limits import Limits as Http1Limits
from h2static.http2.limits import Limits as Http2Limits


def _http2_limits() -> Http2Limits:
    # An upstream may stream words one by one: frames with content are never too small.
    return Http2Limits(tiny_data=1)


@dataclass(slots=True, kw_only=True, frozen=True)
class ProxyLimits:
    """Times are seconds, sizes octets.  All bounds hold for each worker process."""

    # --- content on its way
    #: Content of a request that waits for its upstream: above it the client gets no credit.
    upload: int = 65_536
    #: Content of a response that waits for the client: above it the upstream gets no credit.
    response: int = 131_072
    #: Content of a request that is kept so that it can be sent again; of more it cannot.
    replayed: int = 16_384
    #: The same in each direction of a tunnel.
    tunnel: int = 65_536
    #: Octets that are read from an upstream at once, and those that wait to be sent to it.
    read: int = 65_536
    output: int = 131_072
    #: Reads of one connection in one round, so that others have their turn.
    reads: int = 4
    #: What an HTTP/2 upstream's windows grow to: what a slow client may leave here.
    stream_window: int = 262_144
    connection_window: int = 4_194_304

    # --- connections to one upstream
    #: With one request at a time (HTTP/1.1, tunnels after an Upgrade).
    connections: int = 256
    #: With many (HTTP/2): another one is made when all streams of the others are in use.
    multiplexed: int = 8
    #: Those that wait for the next request, as many as there may be, because a new one costs ten
    #: times what a request does; and for how long: uvicorn and Node close after five seconds, and a
    #: request that meets the end of its connection may be lost.
    idle: int = 256
    idle_seconds: float = 4.0
    #: Requests that wait for a connection; more get 503.
    waiting: int = 1_024

    # --- requests
    #: Connections that one request is tried on.
    attempts: int = 3
    #: Informational responses for one request: 102 may come every few seconds.
    informational: int = 100
    #: Proxies in Via: more are a loop that nobody has found.
    hops: int = 32
    #: Requests whose upstream form is remembered, and responses' heads; forgotten all at once.
    remembered: int = 1_024
    #: Octets of a head that is remembered, and of the content of a response that is.
    remembered_head: int = 4_096
    remembered_body: int = 16_384
    #: Hashes of responses that were seen once: those that never come again are not remembered.
    sighted: int = 4_096

    # --- time
    #: Between two looks at what is late.
    tick: float = 0.25
    #: From the end of one side of a tunnel after an Upgrade to that of the other.
    half_closed_seconds: float = 10.0

    # --- engines
    http1: Http1Limits = field(default_factory=Http1Limits)
    http2: Http2Limits = field(default_factory=_http2_limits)


DEFAULT_LIMITS: Final = ProxyLimits()
