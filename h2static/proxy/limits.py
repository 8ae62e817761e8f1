"""Limits on what clients and upstreams may hold in a proxy, with their reasons.

Contract: one immutable :class:`ProxyLimits`, passed to each part when it is created.  The engine
of an upstream limits its header sections, chunks and frames, as for clients.
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
    """Times are seconds, sizes octets.  All limits hold for each worker process."""

    # --- content in transit
    #: Request content waiting for its upstream: above it, the client gets no credit.
    upload: int = 65_536
    #: Response content waiting for the client: above it, the upstream gets no credit.
    response: int = 131_072
    #: Request content kept for a retry; a request with more content is not retried.
    replayed: int = 16_384
    #: Octets waiting in each direction of a tunnel.
    tunnel: int = 65_536
    #: Size of one read from an upstream, and octets waiting to be sent to it.
    read: int = 65_536
    output: int = 131_072
    #: Reads of one connection per round, so that other connections get their turn.
    reads: int = 4
    #: Maximum windows of an HTTP/2 upstream: what a slow client may leave here.
    stream_window: int = 262_144
    connection_window: int = 4_194_304

    # --- connections to one upstream
    #: Connections that carry one request at a time (HTTP/1.1, tunnels after an Upgrade).
    connections: int = 256
    #: HTTP/2 connections: another one is opened when all streams of the others are in use.
    multiplexed: int = 8
    #: Idle connections kept for the next request (all of them, because a new one costs ten times as
    #: much as a request), and for how long: uvicorn and Node close after five seconds, and a
    #: request sent just then may be lost.
    idle: int = 256
    idle_seconds: float = 4.0
    #: Requests waiting for a connection; further ones get 503.
    waiting: int = 1_024

    # --- requests
    #: Connections on which one request is tried.
    attempts: int = 3
    #: Informational responses for one request: 102 may arrive every few seconds.
    informational: int = 100
    #: Proxies in Via: more indicate an undetected loop.
    hops: int = 32
    #: Cached upstream forms of requests, and heads of responses; the cache is emptied as a whole.
    remembered: int = 1_024
    #: Size of a cached head, and of the content of a cached response.
    remembered_head: int = 4_096
    remembered_body: int = 16_384
    #: Hashes of responses that were sent once: responses that do not recur are not cached.
    sighted: int = 4_096

    # --- time
    #: Interval between checks of deadlines.
    tick: float = 0.25
    #: Time from the end of one direction of a tunnel after an Upgrade to the end of the other.
    half_closed_seconds: float = 10.0

    # --- engines
    http1: Http1Limits = field(default_factory=Http1Limits)
    http2: Http2Limits = field(default_factory=_http2_limits)


DEFAULT_LIMITS: Final = ProxyLimits()
