"""Targets: an HTTP/2 connection, as a server and as a client.

The first octet says what came before, and how the rest is meant: as octets of the wire, or as a
script of frames, whose lengths are right, and of other things that happen to a connection.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Final

from h2static.http.messages import Request
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.frames import Settings
from h2static.http2.limits import Limits
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import octets, prepared
from tests.fuzz.script import Script
from tests.support.receivers import Received, get
from tests.support.transports import START, Mirror

#: Bits of the first octet: the rest is a script; servers that cut, remember and look on differently
#: are to answer alike, which takes seven times as long.
SCRIPT: Final = 0x80
ALIKE: Final = 0x40

HELLO: Final = r.PREFACE + Settings().serialize() + Settings(flags=r.ACK).serialize()
SERVER_HELLO: Final = Settings().serialize() + Settings(flags=r.ACK).serialize()

#: Streams that collide often, and the edges.
STREAMS: Final = (0, 1, 3, 5, 7, 9, 2, 4, 101, 2**31 - 1, 2**31 + 1, 2**32 - 1)
#: Header blocks of requests, and of responses, that mean something.
REQUESTS: Final = (
    b"\x82\x84\x86\x01\x01x",
    b"\x83\x86\x04\x05/echo\x01\x01x",
    b"\x82\x86\x04\x0c/file/100000\x01\x01x",
    b"\x82\x86\x44\x0d/memory/70000\x41\x01x",
    b"\x82\x86\xbe\xbf",
    b"\x83\x86\x04\x06/early\x01\x01x",
    b"\x82\x86\x04\x09/deferred\x01\x01x",
    b"\x82\x86\x04\x07/silent\x01\x01x",
    b"\x82\x86\x04\x0c/broken/9999\x01\x01x",
    b"\x82\x86\x04\x0b/short/9999\x01\x01x",
    b"\x00\x05x-sum\x011",
)
RESPONSES: Final = (
    b"\x88",
    b"\x88\x0f\x0d\x011",
    b"\x08\x03103",
    b"\x8d\x0f\x0d\x010",
    b"\x89",
    b"\xbe",
    b"\x00\x05x-sum\x011",
)
VALUES: Final = (0, 1, 9, 100, 4_096, 16_384, 65_535, 70_000, 2**31 - 1, 2**31, 2**32 - 1)


class _Recorder(Mirror):
    """A server whose octets of the client are written down."""

    def __init__(self) -> None:
        self.octets = b""
        super().__init__(alone=True)

    def deliver(self, octets: bytes) -> None:
        self.octets += octets
        super().deliver(octets)


@functools.cache
def opening() -> bytes:
    """What a client sends to have a stream of each kind, as the tests by RFC section do."""
    recorder = _Recorder()
    prepared(recorder)
    return recorder.octets


def frame_of(script: Script, blocks: tuple[bytes, ...]) -> bytes:
    """The next frame of a script."""
    kind = script.number()
    flags = script.number()
    stream_id = script.choice(STREAMS)
    match kind % 12:
        case 0:
            return octets(r.HEADERS, flags | r.END_HEADERS, stream_id, script.choice(blocks))
        case 1:
            return octets(r.HEADERS, flags, stream_id, script.piece())
        case 2:
            return octets(r.CONTINUATION, flags, stream_id, script.piece())
        case 3:
            return octets(r.DATA, flags, stream_id, script.piece())
        case 4:
            return octets(r.DATA, flags & r.END_STREAM, stream_id, bytes(script.number(2) % 20_000))
        case 5:
            entries = b"".join(
                script.number().to_bytes(2, "big") + script.choice(VALUES).to_bytes(4, "big")
                for _ in range(flags % 4)
            )
            return octets(r.SETTINGS, flags & r.ACK, 0, entries)
        case 6:
            return octets(r.WINDOW_UPDATE, 0, stream_id, script.choice(VALUES).to_bytes(4, "big"))
        case 7:
            return octets(r.RST_STREAM, 0, stream_id, (flags % 15).to_bytes(4, "big"))
        case 8:
            return octets(r.PING, flags & r.ACK, 0, b"8 octets")
        case 9:
            target = script.choice(STREAMS).to_bytes(4, "big")
            return octets(r.PRIORITY_UPDATE, 0, 0, target + script.piece())
        case 10:
            goaway = script.choice(STREAMS).to_bytes(4, "big") + bytes(4)
            return octets(r.GOAWAY, 0, 0, goaway)
        case _:
            return octets(script.number(), flags, stream_id, script.piece())


# ---------------------------------------------------------------------- the server


def http2_server(data: bytes) -> None:
    """Nothing makes it raise, and cutting, remembering and looking on change nothing."""
    script = Script(data)
    first = script.number()
    mirror = Mirror(alone=not first & ALIKE)
    mirror.deliver((b"", HELLO, opening(), HELLO + opening()[len(r.PREFACE) :])[first % 4])
    if first & SCRIPT:
        while script:
            _act(mirror, script)
    else:
        mirror.deliver(script.rest())
    mirror.end_input()
    for feed in mirror.feeds.values():
        connection = feed.connection
        connection.abandon()
        assert not connection.streams.open
        assert not connection.output_octets
        assert not connection.jobs


def _act(mirror: Mirror, script: Script) -> None:
    action = script.number()
    match action:
        case 0xF0:
            mirror.wait(script.number() / 4)
        case 0xF1:
            mirror.stop_taking()
        case 0xF2:
            mirror.go_on_taking()
        case 0xF3:
            mirror.drain()
        case 0xF4:
            mirror.deliver(script.piece())
        case _:
            frames = [frame_of(script, REQUESTS) for _ in range(action % 4 + 1)]
            mirror.deliver(b"".join(frames))


# ---------------------------------------------------------------------- the client


def _requests() -> list[Request]:
    return [get(b"/a"), get(b"/b", b"HEAD"), get(b"/c", b"POST")]


class _Asking:
    """A client with three requests, whose server sends what the script says."""

    def __init__(self, cut: int) -> None:
        self._cut = cut
        endpoint = make_endpoint(LocalSettings(), Limits(), Shared())
        self.connection = ClientConnection(endpoint, START)
        self.now = START
        self.sent = b""
        self.receive(SERVER_HELLO)
        self.received = [Received(takes=number != 1) for number in range(3)]
        for request, received in zip(_requests(), self.received, strict=True):
            content = b"content" if request.method == b"POST" else b""
            self.connection.request(request, received, content)
        self.settle()

    def receive(self, data: bytes) -> None:
        """Octets of the server."""
        step = self._cut or max(1, len(data))
        for start in range(0, len(data), step):
            self.connection.receive(data[start : start + step], self.now)
            self.settle()

    def settle(self) -> None:
        """Send what there is to send."""
        connection = self.connection
        for _ in range(10_000):
            if connection.backlog:
                connection.take_turn(self.now)
            connection.pump(self.now, 262_144)
            data = b"".join(connection.pending())
            if not data and not connection.backlog:
                return
            self.sent += data
            connection.sent(len(data), self.now)
        raise AssertionError("it does not come to rest")

    def outcome(self) -> list[tuple[object, ...]]:
        """What became of the requests."""
        return [
            (
                None if one.head is None else (one.head.status, one.head.fields),
                one.body,
                one.trailers,
                None if one.failure is None else (one.failure.code, one.failure.reason),
                len(one.informed),
                len(one.promises),
            )
            for one in self.received
        ]


def http2_client(data: bytes) -> None:
    """Nothing makes it raise, every request is told of its end once, cutting changes nothing."""
    script = Script(data)
    first = script.number()
    clients = [_Asking(0), _Asking(1)]
    steps: list[Callable[[_Asking], None]] = []
    if first & SCRIPT:
        while script:
            if script.number() == 0xF0:
                steps.append(functools.partial(_wait, seconds=script.number() / 4))
            else:
                frame = frame_of(script, RESPONSES)
                steps.append(functools.partial(_Asking.receive, data=frame))
    else:
        rest = script.rest()
        steps.append(lambda client: client.receive(rest))
    for step in steps:
        for client in clients:
            step(client)
        assert clients[0].outcome() == clients[1].outcome()
        assert clients[0].sent == clients[1].sent
        assert clients[0].connection.closing == clients[1].connection.closing
    for client in clients:
        client.connection.receive_eof(client.now)
        client.settle()
        client.connection.abandon()
        assert all(one.over for one in client.received)
        assert not client.connection.streams.open


def _wait(client: _Asking, seconds: float) -> None:
    client.now += seconds
    client.connection.check(client.now)
    client.settle()
