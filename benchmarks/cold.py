"""Measure requests that do not repeat: CPU for a request, in one process, without sockets.

    python -m benchmarks.cold                       every load
    python -m benchmarks.cold visitors --profile    one of them under cProfile

An HTTP/2 connection is fed and drained as the driver does it, with a real folder behind it: a batch
begins before each read, and a read holds one request.  The octets are those of another encoder, so
that nothing here knows how they were made.  Numbers are microseconds of CPU for a request, with
what a connection costs to begin and to end: the median, the least and the most of several rounds.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hpack import Encoder

from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http2.limits import Limits
from h2static.http2.server import ServerConnection
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from h2static.site.config import SiteConfig
from h2static.site.site import Site

ROUNDS = 5
BUDGET = 524_288
#: What a client begins with: the preface, SETTINGS, and a large connection window.
OPENING = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff"
    b"\x00\x00\x00\x04\x01\x00\x00\x00\x00"
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x70\x00\x00\x00"
)
#: Any seed would do; a fixed one makes runs comparable.
SEED = 9113
#: Older than what a server that trusts modification times calls settled.
SETTLED = 2.5


@dataclass(slots=True, kw_only=True)
class Visit:
    """The reads of one connection: one with what it begins with, then one for each request."""

    reads: list[bytes]
    #: Requests that are not counted: what they ask for is to be known.
    warm: int = 0

    @property
    def requests(self) -> int:
        """How many requests it makes."""
        return len(self.reads) - 1


def connection(
    requests: Iterable[list[tuple[str, str]]], *, warm: int = 0, index: bool = True
) -> Visit:
    """A connection that makes ``requests``, one after the other.

    ``index=False``: paths enter no table, as with h2load, so that the same one comes in the same
    octets again.
    """
    encoder = Encoder()
    reads = [OPENING]
    for number, fields in enumerate(requests):
        if index:
            block = encoder.encode(fields)
        else:
            ((_, path),) = [field for field in fields if field[0] == ":path"]
            pseudo = [field for field in fields if field[0][0] == ":" and field[0] != ":path"]
            regular = [field for field in fields if field[0][0] != ":"]
            literal = b"\x04" + bytes([len(path)]) + path.encode("ascii")
            block = encoder.encode(pseudo) + literal + encoder.encode(regular)
        head = len(block).to_bytes(3, "big") + b"\x01\x05" + (2 * number + 1).to_bytes(4, "big")
        reads.append(head + block)
    return Visit(reads=reads, warm=warm)


def browser(
    path: str, *, agent: str, referer: str = "", cookie: str = "", language: str = "en-US,en;q=0.9"
) -> list[tuple[str, str]]:
    """The fields of a browser's request for ``path``."""
    fields = [
        (":method", "GET"),
        (":authority", "www.example.org"),
        (":scheme", "http"),
        (":path", path),
        ("sec-ch-ua-platform", '"Linux"'),
        ("user-agent", agent),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "document"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", language),
    ]
    if referer:
        fields.append(("referer", referer))
    if cookie:
        fields.append(("cookie", cookie))
    return fields


def agents(generator: random.Random) -> Iterator[str]:
    """Agents: no two are equal, as versions and builds differ."""
    for number in itertools.count():
        yield (
            f"Mozilla/5.0 (X11; Linux x86_64; rv:{generator.randrange(60, 140)}.{number}) "
            f"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{generator.randrange(90, 140)}.0.0.0"
        )


def cookies(generator: random.Random) -> Iterator[str]:
    """Cookies: each a session of its own."""
    while True:
        yield f"session={generator.randbytes(16).hex()}; theme=dark"


def visitors(count: int, paths: Callable[[int], str], *, cookie: bool = True) -> list[Visit]:
    """``count`` requests, ten on a connection, each connection with its own agent and cookie."""
    generator = random.Random(SEED)
    agent, session = agents(generator), cookies(generator)
    made = []
    for _ in range(count // 10):
        own, token = next(agent), next(session) if cookie else ""
        made.append(
            connection(
                browser(
                    paths(number),
                    agent=own,
                    cookie=token,
                    referer="http://www.example.org/" if number else "",
                )
                for number in range(10)
            )
        )
    return made


def proxy(count: int) -> list[Visit]:
    """Long connections on which every request comes from another visitor."""
    generator = random.Random(SEED)
    agent, session = agents(generator), cookies(generator)
    return [
        connection(
            browser(
                f"/page/{generator.randrange(40)}.html",
                agent=next(agent),
                cookie=next(session),
                referer=f"http://www.example.org/page/{generator.randrange(1000)}",
            )
            for _ in range(count // 4)
        )
        for _ in range(4)
    ]


def repeated(
    count: int, paths: Callable[[int], str], *, fields: int = 6, warm: int = 0, index: bool = True
) -> list[Visit]:
    """A connection of one client that asks for ``paths`` and changes nothing else."""
    requests = (
        browser(paths(number), agent="curl/8.5.0", language="en")[:fields]
        for number in range(count)
    )
    return [connection(requests, warm=warm, index=index)]


class Loads:
    """Every load, by name, and the folder that they need."""

    def __init__(self, root: Path, count: int) -> None:
        self.root = root
        self._count = count

    def visits(self, name: str) -> list[Visit]:
        """The connections of a load."""
        count = self._count
        made: dict[str, Callable[[], list[Visit]]] = {
            "visitors": lambda: visitors(count, lambda number: f"/page/{number}.html"),
            "page": lambda: visitors(count, lambda number: "/page/0.html"),
            "anonymous": lambda: visitors(
                count, lambda number: f"/page/{number}.html", cookie=False
            ),
            "proxy": lambda: proxy(count),
            "query": lambda: repeated(count, lambda number: f"/page/0.html?v={number}"),
            "files": lambda: repeated(3 * FILES, lambda number: f"/many/{number % FILES}.css"),
            "known": lambda: repeated(
                6 * FILES, lambda number: f"/many/{number % FILES}.css", warm=3 * FILES, index=False
            ),
            "first": lambda: repeated(FIRST, lambda number: f"/first/{number}.css"),
        }
        return made[name]()


NAMES = ("visitors", "page", "anonymous", "proxy", "query", "files", "known", "first")
#: Different files of the loads ``files`` and ``known``, and of ``first``.
FILES, FIRST = 20_000, 4_000


def write_files(root: Path) -> None:
    """The files that loads ask for; returns when they are old enough to be trusted."""
    for folder, suffix, number in (
        ("page", "html", 40),
        ("many", "css", FILES),
        ("first", "css", FIRST),
    ):
        (root / folder).mkdir()
        for index in range(number):
            (root / folder / f"{index}.{suffix}").write_bytes(b"x" * 612)
    time.sleep(SETTLED)


def serve(root: Path, visits: list[Visit]) -> float:
    """Feed a fresh server; seconds of CPU for a request."""
    site = Site(SiteConfig(root=str(root)), clock=time.time)
    shared = Shared()
    service = make_service(site, LocalSettings(), Limits(), shared)
    client = Client(host="127.0.0.1", version="HTTP/2.0")
    requests = 0
    seconds = 0.0
    for visit in visits:
        started = time.process_time()
        one = ServerConnection(service, client, time.monotonic())
        for number, data in enumerate(visit.reads):
            if number == visit.warm + 1 and visit.warm:
                started = time.process_time()
            now = time.monotonic()
            shared.date.tick(time.time())
            site.new_batch()
            service.new_batch()
            one.receive(data, now)
            drain(one, now)
        requests += visit.requests - visit.warm
        assert one.counters.requests == visit.requests, one.problem
        assert one.counters.resets == 0
        assert not one.streams.open
        one.abandon()
        seconds += time.process_time() - started
    site.release()
    return seconds / requests


def drain(one: ServerConnection, now: float) -> None:
    """Send what there is, and do what a thread would do."""
    while True:
        while one.jobs:
            stream_id, job = one.jobs.popleft()
            one.finish_job(stream_id, job(), now)
        if one.has_content:
            one.pump(now, BUDGET)
        octets = one.output_octets
        if not octets:
            return
        one.pending()
        one.sent(octets, now)


def main() -> None:
    """Print a line for each load."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="LOAD", help=", ".join(NAMES))
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    parser.add_argument("--requests", type=int, default=12_000, help="of each load (12000)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"of each load ({ROUNDS})")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no such load: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_files(root)
        loads = Loads(root, arguments.requests)
        for name in arguments.names or NAMES:
            visits = loads.visits(name)
            if arguments.profile:
                profile = cProfile.Profile()
                profile.runcall(serve, root, visits)
                profile.print_stats("tottime")
                continue
            measured = [1e6 * serve(root, visits) for _ in range(arguments.rounds)]
            print(
                f"{name:10} {statistics.median(measured):7.1f} us "
                f"({min(measured):.1f} to {max(measured):.1f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
