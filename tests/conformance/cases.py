"""What the tests by RFC section share: a connection in a known situation, and rows of tables.

Promise: :func:`prepared` brings a connection to where each kind of stream exists once; a
:class:`Case` is one thing that a client does wrong there, and :func:`run` checks the whole
reaction: scope, code, last stream id, and that everything else lives on.  Cases run in process
(every cut, memories on and off) and over a socket.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Frame, WindowUpdate
from h2static.http2.registry import ErrorCode
from tests.support.peer import Peer, request_fields
from tests.support.small_site import pattern
from tests.support.transports import Transport

#: A stream whose request was answered.
CLOSED = 1
#: A GET whose response waits for the stream's window: half-closed (remote).
BLOCKED = 3
#: A POST whose content has not come: open.
OPEN = 5
#: The next stream that the client may open: idle.
IDLE = 7
#: What the window of each stream is at first.
WINDOW = 10
#: Octets of the response on ``BLOCKED``.
BLOCKED_SIZE = 40


def octets(frame_type: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame of any kind, written here so that no code under test decides what it is."""
    head = len(payload).to_bytes(3, "big") + bytes((frame_type, flags))
    return head + stream_id.to_bytes(4, "big") + payload


def prepared(transport: Transport | None = None) -> Peer:
    """A peer with a stream of each kind."""
    peer = Peer(transport, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, WINDOW)], replenish=False)
    peer.request(CLOSED)
    peer.expect_response(CLOSED, 200, b"hello")
    peer.request(BLOCKED, b"/memory/%d" % BLOCKED_SIZE)
    peer.request(OPEN, b"/echo", b"POST", end_stream=False)
    peer.expect_alive_with(BLOCKED)
    return peer


Frames = Sequence[Frame | bytes]


@dataclass(slots=True, kw_only=True, frozen=True)
class Case:
    """Something that a client does wrong in the situation of :func:`prepared`."""

    name: str
    #: What the client sends.
    send: Callable[[Peer], Frames]
    code: ErrorCode
    #: The stream that is reset; ``None``: the connection ends.
    stream: int | None = None
    #: Of GOAWAY.
    last: int = OPEN


def connection_error(
    name: str, code: ErrorCode, send: Callable[[Peer], Frames] | bytes, *, last: int = OPEN
) -> Case:
    """A case that ends the connection."""
    return Case(name=name, code=code, send=_sender(send), last=last)


def stream_error(
    name: str, code: ErrorCode, stream: int, send: Callable[[Peer], Frames] | bytes
) -> Case:
    """A case that ends a stream."""
    return Case(name=name, code=code, send=_sender(send), stream=stream)


def _sender(send: Callable[[Peer], Frames] | bytes) -> Callable[[Peer], Frames]:
    if isinstance(send, bytes):
        return lambda _: (send,)
    return send


def run(case: Case, transport: Transport | None = None) -> None:
    """Do it, and hold the reaction against the case."""
    peer = prepared(transport)
    peer.send(*case.send(peer))
    if case.stream is None:
        peer.expect_goaway(case.code, case.last)
        return
    peer.expect_reset(case.stream, case.code)
    everything_else_lives(peer, case.stream)


def everything_else_lives(peer: Peer, gone: int) -> None:
    """The streams of :func:`prepared` but ``gone`` can be finished, and another one opened."""
    peer.expect_alive()
    if gone != OPEN:
        peer.data(OPEN, b"content", end_stream=True)
        peer.expect_response(OPEN, 200, b"content")
    if gone != BLOCKED:
        peer.send(WindowUpdate(stream_id=BLOCKED, increment=BLOCKED_SIZE))
        peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))
    peer.expect_serves(max(IDLE, gone + 2))
    peer.expect_alive()


def parametrize(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """One test for each case."""
    return pytest.mark.parametrize("case", cases, ids=[case.name for case in cases])


def request(peer: Peer, *fields: tuple[bytes, bytes], stream_id: int = IDLE) -> Frames:
    """A request with exactly these fields, whole."""
    return (peer.headers(stream_id, fields),)


def with_fields(*extra: tuple[bytes, bytes], method: bytes = b"GET") -> Callable[[Peer], Frames]:
    """A well-formed request plus ``extra`` fields, on ``IDLE``."""
    return lambda peer: (peer.headers(IDLE, request_fields(b"/", method, *extra)),)
