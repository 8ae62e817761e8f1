"""The loads that servers are compared under, and the files they ask for.

Promise: a scenario says everything that h2load needs; its files are incompressible octets of the
stated size, the same in every run (a seeded generator makes them).
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
MIB = 1024 * KIB

#: A server that trusts modification times reads files again that changed in the last two seconds.
#: Files of a site that is served are older.
SETTLED = 2.5

#: Any seed would do; a fixed one makes runs comparable.
SEED = 7540


@dataclass(slots=True, kw_only=True, frozen=True)
class Scenario:
    """One load."""

    name: str
    #: Octets of every file.
    size: int
    #: h2load -c: connections.
    clients: int
    #: h2load -m: streams at once on each.
    streams: int
    #: h2load -n: sized so that a run of nghttpd takes two to four seconds.
    requests: int
    #: Different files, asked for in shuffled order, again and again.
    files: int = 1
    tls: bool = False
    #: What the server is to reach, as a share of nghttpd's rate.
    target: float

    @property
    def load(self) -> str:
        """The load in words, as a table shows it."""
        size = {612: "612 B", 10 * KIB: "10 KiB", MIB: "1 MiB", 100 * MIB: "100 MiB"}[self.size]
        what = size if self.files == 1 else f"{self.files} files of {size}"
        tls = ", TLS" if self.tls else ""
        return f"{what}, c{self.clients} m{self.streams}{tls}"

    def paths(self) -> list[str]:
        """The request paths in the order in which they are asked for."""
        if self.files == 1:
            return [f"/{self.size}.bin"]
        paths = [f"/many/{number:04}.bin" for number in range(self.files)]
        random.Random(SEED).shuffle(paths)
        return paths

    def write_files(self, root: Path) -> None:
        """Write the files that the load asks for into ``root``, where they are not there yet.

        Returns when they are older than :data:`SETTLED` seconds.
        """
        generator = random.Random(SEED)
        new = False
        for path in sorted(self.paths()):
            file = root / path.lstrip("/")
            if not file.exists():
                new = True
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("wb") as stream:
                    for start in range(0, self.size, MIB):
                        stream.write(generator.randbytes(min(MIB, self.size - start)))
        if new:
            time.sleep(SETTLED)


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(name="S1", size=612, clients=10, streams=100, requests=1_500_000, target=1.0),
        Scenario(name="S2", size=612, clients=100, streams=1, requests=300_000, target=0.85),
        Scenario(name="S3", size=612, clients=1, streams=1, requests=40_000, target=0.85),
        Scenario(name="S4", size=10 * KIB, clients=10, streams=20, requests=800_000, target=0.9),
        Scenario(name="S5", size=MIB, clients=4, streams=4, requests=12_000, target=0.85),
        Scenario(name="S6", size=100 * MIB, clients=1, streams=1, requests=150, target=0.85),
        Scenario(
            name="S7", size=612, clients=10, streams=100, requests=1_200_000, tls=True, target=1.0
        ),
        Scenario(name="S8", size=MIB, clients=4, streams=4, requests=4_000, tls=True, target=1.0),
        Scenario(
            name="S9", size=612, clients=10, streams=32, requests=800_000, files=1000, target=1.0
        ),
    )
}
