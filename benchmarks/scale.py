"""``make bench ARGS=scale``: CPU for a request as something grows, with peers beside, as plots.

What grows: idle connections beside 100 busy ones, streams on a connection, files, distinct clients,
workers.  Each is one line a server; between two neighbours of ours no step should be above
:data:`STEP`.

    python -m benchmarks.compare scale
    python -m benchmarks.scale files clients --peers h2static,nghttpd --write benchmarks/results
    python -m benchmarks.scale --largest 1000 --requests 10000     a quick look
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import charts, load, machine, peers, results
from benchmarks.replay import Specification
from benchmarks.scenarios import PAGES, SMALL, Scenario, write_files
from benchmarks.visits import OPENING

#: What a step between neighbours of ours should not exceed.
STEP = 1.3
#: Servers that are compared unless others are asked for.
PEERS = ("h2static", "nghttpd", "h2o")

#: (x, µs of CPU for a request).
Line = list[tuple[float, float]]


@dataclass(slots=True, kw_only=True)
class Growth:
    """One thing that grows."""

    what: str
    axis: str
    sizes: tuple[int, ...]
    #: Lines by the end of their names: for each size, figures of a server.
    measure: Callable[[str, int, Options], dict[str, float]]


@dataclass(slots=True, kw_only=True)
class Options:
    """What is common to all."""

    place: peers.Place
    requests: int
    server: int | None
    client: int | None


def _scenario(options: Options, **changed: int) -> Scenario:
    made = {"size": SMALL, "clients": 10, "streams": 32, "requests": options.requests, **changed}
    return Scenario(name="scale", **made)  # type: ignore[arg-type]  # integers only


def _connections(name: str, size: int, options: Options) -> dict[str, float]:
    """100 busy connections, and so many that say nothing."""
    scenario = _scenario(options, clients=100, streams=1)
    scenario.write_files(options.place.root)
    with peers.running(name, options.place, processor=options.server) as server:
        load.check_content(server, scenario, options.place.root)
        with idle(server.port, size - 100):
            return {"": _run(server, scenario, options)}


def _streams(name: str, size: int, options: Options) -> dict[str, float]:
    scenario = _scenario(options, streams=size)
    scenario.write_files(options.place.root)
    with peers.running(name, options.place, processor=options.server) as server:
        return {"": _run(server, scenario, options)}


def _files(name: str, size: int, options: Options) -> dict[str, float]:
    """The first pass through all files, and later ones."""
    # Of one client: each client of h2load begins with the first file.
    once = _scenario(options, files=size, requests=max(size, 320), clients=1)
    once.write_files(options.place.root)
    with peers.running(name, options.place, processor=options.server) as server:
        first = _run(server, once, options)
        # What comes a second time is remembered.
        for _ in range(2):
            _run(server, once, options)
        later = _scenario(options, files=size, requests=max(size, options.requests))
        return {"": _run(server, later, options), ", first pass": first}


def _clients(name: str, size: int, options: Options) -> dict[str, float]:
    """Ten requests a connection; so many clients that differ, again and again."""
    write_files(options.place.root, {f"/page/{number}.html": SMALL for number in range(PAGES)})
    with peers.running(name, options.place, processor=options.server) as server:
        specification = Specification(
            port=server.port,
            kind="clients",
            requests=max(10 * size, options.requests // 4),
            different=size,
            octets=SMALL,
        )
        run = load.replay(server, specification, options.place.scratch, processor=options.client)
        return {"": run.cpu}


def _workers(name: str, size: int, options: Options) -> dict[str, float]:
    scenario = _scenario(options, clients=100, streams=10)
    scenario.write_files(options.place.root)
    with peers.running(name, options.place, peers.Setup(workers=size)) as server:
        return {"": load.run(server, scenario, options.place.scratch, processor=None).cpu}


def _run(server: peers.Running, scenario: Scenario, options: Options) -> float:
    return load.run(server, scenario, options.place.scratch, processor=options.client).cpu


GROWTHS = {
    "connections": Growth(
        what="Idle connections beside 100 busy ones (c100 m1)",
        axis="connections",
        sizes=(100, 1_000, 10_000),
        measure=_connections,
    ),
    "streams": Growth(
        what="Streams on each of 10 connections",
        axis="streams at once (h2load -m)",
        sizes=(1, 3, 10, 30, 100),
        measure=_streams,
    ),
    "files": Growth(
        what="Files of 612 octets (c10 m32)",
        axis="files",
        sizes=(10, 100, 1_000, 10_000, 20_000, 100_000),
        measure=_files,
    ),
    "clients": Growth(
        what="Clients with an agent and a cookie of their own, ten requests a connection",
        axis="distinct clients",
        sizes=(1, 10, 100, 1_000, 10_000),
        measure=_clients,
    ),
    "workers": Growth(what="Workers (c100 m10)", axis="workers", sizes=(1, 2, 4), measure=_workers),
}


@contextmanager
def idle(port: int, count: int) -> Iterator[None]:
    """Keep ``count`` connections open that have said hello and nothing more.

    Raises ``OSError`` where the system does not allow so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count + 100:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count + 100, hard), hard))
    with ExitStack() as stack:
        for _ in range(max(0, count)):
            one = stack.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            one.sendall(OPENING)
            # Its SETTINGS; what acknowledges them keeps a timer of the server from ending it.
            one.recv(4096)
            one.sendall(b"\x00\x00\x00\x04\x01\x00\x00\x00\x00")
        yield


def steps(line: Sequence[tuple[float, float]]) -> float:
    """The largest step between neighbours."""
    values = [y for _, y in sorted(line)]
    return max((b / a for a, b in itertools.pairwise(values) if a), default=1.0)


def main(argv: Sequence[str]) -> int:
    """Measure, print tables, write plots; exit code 1 when a server of ours fails."""
    parser = argparse.ArgumentParser(prog="benchmarks.scale", description=__doc__.split("\n")[0])
    parser.add_argument("growths", nargs="*", metavar="WHAT", help=", ".join(GROWTHS))
    parser.add_argument("--peers", default=",".join(PEERS), help="default: %(default)s")
    parser.add_argument("--requests", type=int, default=100_000, help="of each run (100000)")
    parser.add_argument("--largest", type=int, default=100_000, help="leave larger sizes out")
    parser.add_argument("--write", metavar="FOLDER", type=Path, help="for the plots and the JSON")
    options = parser.parse_args(argv)
    chosen = options.growths or list(GROWTHS)
    names = [name for name in options.peers.split(",") if peers.missing(name) is None]
    if set(chosen) - set(GROWTHS) or not names:
        parser.error(f"there are {', '.join(GROWTHS)}, and servers that are installed")
    lacking = peers.missing_clients()
    if lacking:
        print("\n".join(lacking), file=sys.stderr)
        return 1
    server, client = peers.processors()
    facts = machine.facts()
    print(results.summary(facts, [peers.version(name) for name in names]))
    found: dict[str, dict[str, Line]] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="h2static-scale-") as folder:
            common = Options(
                place=peers.make_place(Path(folder)),
                requests=options.requests,
                server=server,
                client=client,
            )
            for key in chosen:
                found[key] = grow(GROWTHS[key], names, common, options.largest)
                print(f"\n{GROWTHS[key].what}: CPU µs for a request\n\n{table(found[key])}")
    except (peers.PeerFailed, load.WrongAnswers, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    if options.write is not None:
        write(options.write, facts, found)
    return 0


def grow(growth: Growth, names: Sequence[str], options: Options, largest: int) -> dict[str, Line]:
    """Lines by name; a peer that fails is told and has no point there."""
    found: dict[str, Line] = {}
    for size in (size for size in growth.sizes if size <= largest):
        for name in names:
            try:
                measured = growth.measure(name, size, options)
            except (peers.PeerFailed, load.WrongAnswers) as failure:
                if name == "h2static":
                    raise
                print(f"left out: {name} with {size} {growth.axis}: {failure}", file=sys.stderr)
                continue
            for ending, cpu in measured.items():
                found.setdefault(name + ending, []).append((size, cpu))
                print(f"{growth.axis} {size} {name}{ending}: {cpu:.1f}", file=sys.stderr)
    return found


def table(lines: dict[str, Line]) -> str:
    """A row a line, a column a size, and the largest step of each."""
    sizes = sorted({x for line in lines.values() for x, _ in line})
    rows = [["", "largest step", *(f"{size:,.0f}" for size in sizes)]]
    for name, line in lines.items():
        values = dict(line)
        cells = [f"{values[size]:.1f}" if size in values else "" for size in sizes]
        rows.append([name, f"{steps(line):.2f}", *cells])
    return results.markdown(rows)


def write(folder: Path, facts: dict[str, str], found: dict[str, dict[str, Line]]) -> None:
    """Plots as ``scale-WHAT.svg``, and everything as ``scale.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    note = "CPU µs of the server for a request; " + facts.get("processor", "")
    for key, lines in found.items():
        picture = charts.lines(GROWTHS[key].what, note, GROWTHS[key].axis, lines)
        (folder / f"scale-{key}.svg").write_text(picture, encoding="utf-8")
    text = json.dumps({"machine": facts, "cpu": found}, indent=1, ensure_ascii=False)
    (folder / "scale.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
