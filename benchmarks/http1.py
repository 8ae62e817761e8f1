"""Measure the HTTP/1.1 engine alone: CPU for a request, in one process, without sockets.

    python -m benchmarks.http1                    every load
    python -m benchmarks.http1 --profile cold     one of them under cProfile

A connection is fed and drained as the driver does it: ``receive``, ``pump``, ``pending``, ``sent``.
The application is a table, so that what is measured is the protocol.  Numbers are microseconds of
CPU for a request: the median, the least and the most of several rounds.
"""

from __future__ import annotations

import argparse
import cProfile
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http.shared import Shared
from h2static.http1.connection import ServerConnection
from h2static.http1.memory import Memory

ROUNDS = 7
BUDGET = 524_288
SHORT = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk/4\r\nAccept: */*\r\n\r\n"


class BufferReader:
    """Octets from a buffer that is filled again for each read, as a file's are."""

    reuses_buffer = True

    def __init__(self, length: int) -> None:
        self._left = length
        self._buffer = memoryview(bytearray(262_144))

    def read(self, size: int) -> memoryview:
        count = min(size, self._left, len(self._buffer))
        self._left -= count
        return self._buffer[:count]

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        """There is nothing to give back."""


class BufferBody:
    """So many octets."""

    def __init__(self, length: int) -> None:
        self.length: int | None = length

    def open(self) -> BodyReader:
        return BufferReader(self.length or 0)


def make_response(length: int, *, prepared: bool = True, held: bool = True) -> Response:
    """A response as the site gives it; ``held``: in memory."""
    return Response(
        status=200,
        fields=(
            (b"server", b"h2static"),
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", b"%d" % length),
            (b"etag", b'"lwPH-gTrGtBFMTec"'),
            (b"last-modified", b"Sat, 21 Nov 2026 07:05:12 GMT"),
            (b"cache-control", b"no-cache"),
            (b"accept-ranges", b"bytes"),
        ),
        body=bytes(length) if held else BufferBody(length),
        prepared=prepared,
    )


class Table:
    """One response for everything; ``known`` says whether it can be recalled."""

    def __init__(self, response: Response, *, known: bool = True) -> None:
        self._response = response
        self._known = known

    def recall(self, request: Request) -> Response | None:
        return self._response if self._known else None

    def handle(self, exchange: Exchange) -> None:
        exchange.respond(self._response)

    def refuse(self, status: int, request: Request | None) -> Response:
        return make_response(0)


def browser_heads(count: int) -> Iterator[bytes]:
    """Requests of visitors: each its own agent, referrer and cookie, which no other has."""
    for number in range(count):
        yield (
            b"GET /page/%d HTTP/1.1\r\nHost: localhost:8080\r\nConnection: keep-alive\r\n"
            b'sec-ch-ua-platform: "Linux"\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; v%d) '
            b"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36\r\n"
            b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
            b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\n"
            b"Sec-Fetch-Dest: document\r\nReferer: http://localhost:8080/%d\r\n"
            b"Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\n"
            b"Cookie: session=%032x; theme=dark\r\n\r\n"
        ) % (number, number, 100 + number % 50, number, number)


@dataclass(slots=True, kw_only=True)
class Load:
    """What is sent to a connection, and what answers it."""

    what: str
    table: Table
    #: Octets of each read, and how many requests are in it.
    reads: list[bytes]
    pipelined: int = 1


def loads(count: int) -> dict[str, Load]:
    """Every load, by name."""
    small = make_response(612)
    echo = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 512\r\n\r\n" + bytes(512)
    return {
        "repeated": Load(what="612 octets, recalled", table=Table(small), reads=[SHORT] * count),
        "10k": Load(
            what="10 KiB, recalled", table=Table(make_response(10_240)), reads=[SHORT] * count
        ),
        "pipelined": Load(
            what="612 octets, 32 in a read",
            table=Table(small),
            reads=[SHORT * 32] * (count // 32),
            pipelined=32,
        ),
        "handled": Load(
            what="612 octets, handled, not prepared",
            table=Table(make_response(612, prepared=False), known=False),
            reads=[SHORT] * count,
        ),
        "cold": Load(
            what="612 octets recalled for a head of 14 fields that never came before",
            table=Table(small),
            reads=list(browser_heads(count)),
        ),
        "colder": Load(
            what="the same, handled and not prepared",
            table=Table(make_response(612, prepared=False), known=False),
            reads=list(browser_heads(count)),
        ),
        "content": Load(
            what="POST of 512 octets",
            table=Table(make_response(612, prepared=False), known=False),
            reads=[echo] * count,
        ),
        "large": Load(
            what="1 MiB from a reader",
            table=Table(make_response(1 << 20, held=False), known=False),
            reads=[SHORT] * (count // 20),
        ),
    }


def serve(load: Load) -> float:
    """Feed a fresh connection with everything; seconds of CPU for a request."""
    shared = Shared()
    shared.date.tick(1_795_248_000)
    client = Client(host="127.0.0.1", version="HTTP/1.1")
    connection = ServerConnection(load.table, client, shared, 0.0, memory=Memory(shared))
    receive, pending, sent = connection.receive, connection.pending, connection.sent
    started = time.process_time()
    for data in load.reads:
        receive(data, 1.0)
        while True:
            if connection.has_content:
                connection.pump(1.0, BUDGET)
            octets = connection.output_octets
            if not octets:
                break
            pending()
            sent(octets, 1.0)
    seconds = time.process_time() - started
    assert connection.counters.requests == len(load.reads) * load.pipelined
    assert not connection.closing
    return seconds / connection.counters.requests


def main() -> None:
    """Print a line for each load."""
    count = 20_000
    every = loads(count)
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="LOAD", help=", ".join(every))
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    options = parser.parse_args()
    for name in options.names or every:
        load = every[name]
        if options.profile:
            with cProfile.Profile() as profile:
                serve(load)
            profile.print_stats("tottime")
            continue
        microseconds = sorted(serve(load) * 1e6 for _ in range(ROUNDS))
        print(
            f"{name:10} {statistics.median(microseconds):7.2f} us "
            f"({microseconds[0]:.2f} to {microseconds[-1]:.2f})  {load.what}"
        )


if __name__ == "__main__":
    main()
