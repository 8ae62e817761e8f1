"""What the server costs before it does anything: memory of a fresh worker, start, idle connections.

    python -m benchmarks.footprint

Assumes Linux (``/proc``).  Memory is the resident set of the server's largest process, the worker;
start is the time from starting the command to the first answer on a new connection.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import peers
from benchmarks.client import Client
from benchmarks.scenarios import SEED

KIB = 1024
MIB = 1024 * KIB

STARTS = 7
IDLE_CONNECTIONS = 400
BUSY_CONNECTIONS = 100
REQUESTS = 1000

#: What is to be reached, in the unit that is printed.
LIMITS = {
    "fresh worker": 40.0,
    "start to first answer": 300.0,
    "idle connection, cleartext": 16.0,
    "idle connection, TLS": 32.0,
    "idle connection after 1000 requests, cleartext": 16.0,
    "idle connection after 1000 requests, TLS": 32.0,
}


def resident(process: int) -> int:
    """Octets of memory that the largest process of a server holds."""
    return max(
        int(line.split()[1]) * KIB
        for member in peers.family(process)
        for line in Path(f"/proc/{member}/status").read_text().splitlines()
        if line.startswith("VmRSS:")
    )


def settled(process: int) -> int:
    """The resident set once it has stopped changing; after two seconds as it is."""
    deadline = time.monotonic() + 2
    last = resident(process)
    while time.monotonic() < deadline:
        time.sleep(0.2)
        now = resident(process)
        if now == last:
            break
        last = now
    return last


def answer(client: Client, path: str) -> None:
    status, content = client.get(path)
    if status != 200 or not content:
        raise peers.PeerFailed(f"{path}: status {status}, {len(content)} octets")


def start_time(place: peers.Place) -> float:
    """Milliseconds from the command to the first answer."""
    begin = time.perf_counter()
    with peers.running("h2static", place, rested=False) as server:
        client = Client(server.port, tls=False)
        answer(client, "/0.txt")
        taken = time.perf_counter() - begin
        client.close()
    return taken * 1000


def fresh_worker(place: peers.Place) -> float:
    """MiB of a worker that has answered nothing."""
    with peers.running("h2static", place) as server:
        return settled(server.process.pid) / MIB


def idle_connection(place: peers.Place, *, tls: bool, connections: int, requests: int) -> float:
    """KiB for each connection that has made ``requests`` different requests and then waits.

    As many connections were made before the first reading and stay: what the server remembers for
    all of them does not count, nor do those that are measured get memory that others gave back.
    """
    generator = random.Random(SEED)
    paths = [f"/{number}.txt" for number in range(requests)]
    with peers.running("h2static", place, peers.Setup(tls=tls)) as server:
        clients: list[Client] = []
        before = 0
        while len(clients) < 2 * connections:
            if len(clients) == connections:
                before = settled(server.process.pid)
            generator.shuffle(paths)
            client = Client(server.port, tls=tls)
            clients.append(client)
            for path in paths:
                answer(client, path)
        after = settled(server.process.pid)
        for client in clients:
            client.close()
    return (after - before) / connections / KIB


def main() -> int:
    """Print each figure beside its limit; exit code 1 when one is above."""
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="h2static-footprint-") as folder:
        place = peers.make_place(Path(folder))
        for number in range(REQUESTS):
            (place.root / f"{number}.txt").write_text(f"file {number}\n")
        figures["fresh worker"] = fresh_worker(place)
        figures["start to first answer"] = statistics.median(
            start_time(place) for _ in range(STARTS)
        )
        for tls in (False, True):
            kind = "TLS" if tls else "cleartext"
            figures[f"idle connection, {kind}"] = idle_connection(
                place, tls=tls, connections=IDLE_CONNECTIONS, requests=1
            )
            figures[f"idle connection after 1000 requests, {kind}"] = idle_connection(
                place, tls=tls, connections=BUSY_CONNECTIONS, requests=REQUESTS
            )
    good = True
    for name, value in figures.items():
        unit = {"fresh worker": "MiB", "start to first answer": "ms"}.get(name, "KiB")
        within = value <= LIMITS[name]
        good = good and within
        verdict = "" if within else "   too much"
        print(f"{name:48}{value:8.1f} {unit:4} at most {LIMITS[name]:g}{verdict}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
