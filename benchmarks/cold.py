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
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.visits import Visit, proxy, repeated, visitors
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
#: Older than what a server that trusts modification times calls settled.
SETTLED = 2.5


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
