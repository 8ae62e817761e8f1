"""The loads that servers are compared under, and the files they ask for.

Promise: a scenario says all that its client needs; its files are incompressible octets of the
stated size, the same in every run (a seeded generator makes them).
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.peers import PLAIN, Setup

KIB = 1024
MIB = 1024 * KIB

#: A server that trusts modification times reads files again that changed in the last two seconds.
#: Files of a site that is served are older.
SETTLED = 2.5

#: Files that replays ask for: how many pages, and octets of each.
PAGES = 40
SMALL = 612

#: Any seed would do; a fixed one makes runs comparable.
SEED = 7540


@dataclass(slots=True, kw_only=True, frozen=True)
class Scenario:
    """A load that h2load makes."""

    name: str
    #: Octets of every file.
    size: int
    #: h2load -c: connections.
    clients: int
    #: h2load -m: streams at once on each.
    streams: int
    #: h2load -n: sized so that a run of nghttpd takes one to four seconds.
    requests: int
    #: Different files, asked for in shuffled order, again and again.
    files: int = 1
    setup: Setup = PLAIN
    #: Whether the client has the file already, and asks with its entity tag.
    validated: bool = False
    #: What the server is to reach, as a share of nghttpd's rate.
    target: float | None = None

    @property
    def load(self) -> str:
        """The load in words, as a table shows it."""
        names = {612: "612 B", 10 * KIB: "10 KiB", MIB: "1 MiB", 100 * MIB: "100 MiB"}
        size = names[self.size]
        what = size if self.files == 1 else f"{self.files} files of {size}"
        what = f"304 for {what}" if self.validated else what
        tls = ", TLS" if self.setup.tls else ""
        streams = f"c{self.clients}" if self.setup.http1 else f"c{self.clients} m{self.streams}"
        return f"{what}, {'HTTP/1.1 ' if self.setup.http1 else ''}{streams}{tls}"

    def scaled(self, scale: float) -> Scenario:
        """The same with ``scale`` times the requests, but at least one per stream."""
        least = self.clients * self.streams
        return replace(self, requests=max(least, int(self.requests * scale)))

    def paths(self) -> list[str]:
        """The request paths in the order in which they are asked for."""
        if self.files == 1:
            return [f"/{self.size}.bin"]
        folder = "many" if self.files == 1000 else f"many-{self.files}"
        paths = [f"/{folder}/{number:04}.bin" for number in range(self.files)]
        random.Random(SEED).shuffle(paths)
        return paths

    def write_files(self, root: Path) -> None:
        """Write the files that the load asks for into ``root``, where they are not there yet.

        Returns when they are older than :data:`SETTLED` seconds.
        """
        write_files(root, dict.fromkeys(sorted(self.paths()), self.size))


def write_files(root: Path, sizes: Mapping[str, int]) -> None:
    """Write files of so many octets, where they are not there yet, and wait until they are
    older than :data:`SETTLED` seconds."""
    generator = random.Random(SEED)
    new = False
    for path, size in sizes.items():
        file = root / path.lstrip("/")
        if not file.exists():
            new = True
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as stream:
                for start in range(0, size, MIB):
                    stream.write(generator.randbytes(min(MIB, size - start)))
    if new:
        time.sleep(SETTLED)


@dataclass(slots=True, kw_only=True, frozen=True)
class Replay:
    """A load that h2load cannot make, as it repeats one request: see :mod:`benchmarks.replay`."""

    name: str
    #: In words, as a table shows it.
    load: str
    #: What :class:`benchmarks.replay.Specification` calls so.
    kind: str
    requests: int
    different: int = PAGES
    #: Connections at once, and requests at once on each.
    clients: int = 8
    streams: int = 10
    #: Whether TLS sessions are resumed.
    resume: bool = False
    setup: Setup = PLAIN
    target: float | None = None

    @property
    def path(self) -> str:
        """What ``single`` asks for."""
        return self.setup.push[0] if self.setup.push else "/page/0.html"

    @property
    def answers(self) -> int:
        """Responses to a request: pushed ones, too."""
        return 1 + (len(self.setup.push[1]) if self.setup.push else 0)

    @property
    def octets(self) -> int:
        """Octets of content of all of them."""
        return self.answers * SMALL

    def scaled(self, scale: float) -> Replay:
        """The same with ``scale`` times the requests, but some."""
        return replace(self, requests=max(40, int(self.requests * scale)))

    def paths(self) -> list[str]:
        """The files that it may ask for; the first one is checked."""
        pages = [f"/page/{number}.html" for number in range(PAGES)]
        return [self.setup.push[0], *self.setup.push[1]] if self.setup.push else pages

    def write_files(self, root: Path) -> None:
        """As :meth:`Scenario.write_files`."""
        write_files(root, dict.fromkeys(self.paths(), SMALL))


_TLS = Setup(tls=True)
_HTTP1 = Setup(http1=True)
_PUSHED = tuple(f"/push/{number}.css" for number in range(8))
_PUSH = Setup(push=("/push/page.html", _PUSHED))

#: Every load, in the order in which they are measured.
SCENARIOS: dict[str, Scenario | Replay] = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="S1", size=612, clients=10, streams=100, requests=1_500_000, target=1.15),
        Scenario(name="S2", size=612, clients=100, streams=1, requests=300_000, target=0.97),
        Scenario(name="S3", size=612, clients=1, streams=1, requests=40_000, target=1.8),
        Scenario(name="S4", size=10 * KIB, clients=10, streams=20, requests=800_000, target=1.15),
        Scenario(name="S5", size=MIB, clients=4, streams=4, requests=12_000, target=1.0),
        Scenario(name="S6", size=100 * MIB, clients=1, streams=1, requests=150, target=1.4),
        Scenario(
            name="S7",
            size=612,
            clients=10,
            streams=100,
            requests=1_200_000,
            setup=_TLS,
            target=1.15,
        ),
        Scenario(name="S8", size=MIB, clients=4, streams=4, requests=4_000, setup=_TLS, target=1.1),
        Scenario(
            name="S9", size=612, clients=10, streams=32, requests=800_000, files=1000, target=1.0
        ),
        Scenario(
            name="validated", size=612, clients=10, streams=32, requests=400_000, validated=True
        ),
        Scenario(name="http1", size=612, clients=32, streams=1, requests=120_000, setup=_HTTP1),
        Scenario(
            name="http1-10k", size=10 * KIB, clients=32, streams=1, requests=100_000, setup=_HTTP1
        ),
        Replay(
            name="visitors",
            load="10 requests a connection, each its own agent and cookie",
            kind="visitors",
            requests=20_000,
        ),
        Replay(
            name="page",
            load="the same page for visitors with own agent and cookie",
            kind="page",
            requests=20_000,
        ),
        Replay(
            name="proxied",
            load="long connections, every request of another visitor",
            kind="proxy",
            requests=20_000,
        ),
        Replay(
            name="query",
            load="one file with a query that never came before",
            kind="query",
            requests=20_000,
        ),
        Replay(
            name="reconnect", load="a connection for each request", kind="single", requests=8_000
        ),
        Replay(
            name="reconnect-tls",
            load="the same, TLS, whole handshakes",
            kind="single",
            requests=1_500,
            setup=_TLS,
        ),
        Replay(
            name="resume-tls",
            load="the same, TLS, sessions resumed",
            kind="single",
            requests=1_500,
            resume=True,
            setup=_TLS,
        ),
        Replay(
            name="push",
            load="a connection, a page, and 8 files pushed with it",
            kind="single",
            requests=5_000,
            setup=_PUSH,
        ),
    )
}
