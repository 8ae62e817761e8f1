"""Clients that mean harm, or have gone wrong: openings that are none, floods, resets, vanishing.

Promise: each nuisance ends within some seconds, whatever the server does, and its connection ends
with it.  What the server answers is not looked at; that others are served is what counts.
"""

from __future__ import annotations

import contextlib
import random
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Final, TypeAlias

from h2static.http2 import registry as r
from h2static.http2.frames import Ping, Settings
from tests.conformance.cases import octets
from tests.soak.visitors import Target

Nuisance: TypeAlias = Callable[[socket.socket, random.Random], None]

_SECONDS: Final = 5.0
_HELLO: Final = r.PREFACE + Settings().serialize()
#: GET /large.bin, and GET /0.bin.
_LARGE: Final = b"\x82\x86\x04\x0a/large.bin\x01\x01x"
_SMALL: Final = b"\x82\x86\x04\x06/0.bin\x01\x01x"

_OPENINGS: Final = (
    b"",
    b"P",
    b"PRI * HTTP/2.0\r\n",
    r.PREFACE[:-1] + b"X",
    _HELLO + b"\xff" * 9,
    _HELLO + octets(r.HEADERS, 1, 1, b"\x82"),
    _HELLO + octets(r.HEADERS, 5, 1, b"\xff\xff\xff\xff\xff\xff\xff\x00"),
    _HELLO + octets(r.DATA, 0, 1, b"x"),
    b"GET / HTTP/1.1\r\nHost: ",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"\0" * 1_000,
)


def opening(sock: socket.socket, chance: random.Random) -> None:
    """What is no beginning of HTTP, then nothing, or the end."""
    sock.sendall(chance.choice(_OPENINGS))
    if chance.random() < 0.5:
        sock.settimeout(chance.random() * 2)
        sock.recv(4_096)


def resets(sock: socket.socket, chance: random.Random) -> None:
    """Downloads that are reset at once, as a browser does whose user goes on."""
    sock.sendall(_HELLO)
    for number in range(1, 61, 2):
        request = octets(r.HEADERS, 5, number, _LARGE)
        sock.sendall(request + octets(r.RST_STREAM, 0, number, b"\0\0\0\x08"))
        sock.recv(65_536)


def vanishing(sock: socket.socket, chance: random.Random) -> None:
    """Downloads, and the client is gone, mostly without a word."""
    sock.sendall(_HELLO + octets(r.HEADERS, 5, 1, _LARGE) + octets(r.HEADERS, 5, 3, _LARGE))
    for _ in range(chance.randrange(5)):
        sock.recv(65_536)
    if chance.random() < 0.7:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def holding(sock: socket.socket, chance: random.Random) -> None:
    """A download of which nothing is read for a while."""
    wide = Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1),)).serialize()
    wider = octets(r.WINDOW_UPDATE, 0, 0, (2**31 - 1 - 65_535).to_bytes(4, "big"))
    sock.sendall(r.PREFACE + wide + wider + octets(r.HEADERS, 5, 1, _LARGE))
    sock.recv(1)
    time.sleep(3 * chance.random())


def flood(sock: socket.socket, chance: random.Random) -> None:
    """One kind of frame, until the server has had enough."""
    frame = chance.choice(
        (
            Ping().serialize(),
            Settings().serialize(),
            octets(0xFE, 0, 0, b"x"),
            octets(r.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
            octets(r.PRIORITY, 0, 3, bytes(4) + b"\x10"),
        )
    )
    _pour(sock, _HELLO, [frame * 1_000] * 40)


def rapid_resets(sock: socket.socket, chance: random.Random) -> None:
    """Requests and their resets, until the server has had enough."""
    pairs = [
        octets(r.HEADERS, 5, number, _SMALL) + octets(r.RST_STREAM, 0, number, bytes(4))
        for number in range(1, 6_001, 2)
    ]
    _pour(sock, _HELLO, pairs)


def endless_block(sock: socket.socket, chance: random.Random) -> None:
    """CONTINUATION frames, empty or large, until the server has had enough."""
    part = octets(r.CONTINUATION, 0, 1, bytes(chance.choice((0, 16_384))))
    _pour(sock, _HELLO + octets(r.HEADERS, 1, 1, b"\x82"), [part] * 1_000)


def _pour(sock: socket.socket, first: bytes, rest: list[bytes]) -> None:
    """Send everything, reading what comes, until the server ends it."""
    sock.sendall(first)
    for part in rest:
        sock.sendall(part)
        sock.setblocking(False)
        with contextlib.suppress(BlockingIOError, ssl.SSLWantReadError):
            if not sock.recv(65_536):
                return
        sock.settimeout(_SECONDS)


NUISANCES: Final[dict[str, Nuisance]] = {
    "openings that are none": opening,
    "downloads reset at once": resets,
    "clients that vanish": vanishing,
    "clients that do not read": holding,
    "floods of frames": flood,
    "floods of resets": rapid_resets,
    "endless header blocks": endless_block,
}


def disturb(what: str, target: Target, chance: random.Random) -> None:
    """Do it once."""
    # Being thrown out is what they are for.
    with contextlib.suppress(OSError):
        plain, _ = target.connect("h2", small=False)
        with contextlib.closing(plain):
            plain.settimeout(_SECONDS)
            # Half of the openings are for TLS itself.
            bare = NUISANCES[what] is opening and chance.random() < 0.5
            sock = plain if bare else target.wrap(plain, "h2")
            with contextlib.closing(sock):
                NUISANCES[what](sock, chance)
