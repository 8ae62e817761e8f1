"""``make bench``: h2static beside nghttpd and h2o, in turns, as a table of medians and ratios.

Each scenario starts the servers one after the other, so that only one runs at a time, and that as
often as there are rounds: a slow minute of the machine hits all alike.  The server has one
processor, h2load another.

    python -m benchmarks.compare                       everything, three rounds
    python -m benchmarks.compare S1 S5 --rounds 1
    python -m benchmarks.compare S1 --profile          where our time goes
    python -m benchmarks.compare apps                  applications: see benchmarks/apps.py
    python -m benchmarks.compare http3                 HTTP/3: see benchmarks/http3.py
    python -m benchmarks.compare proxy                 the proxy: see benchmarks/proxy.py
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import platform
import statistics
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import apps, load, peers, profiling, proxy
from benchmarks.scenarios import SCENARIOS, Scenario

#: Runs of one scenario: server → one measurement per round.
Runs = dict[str, list[load.Measurement]]


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.compare", description=__doc__.split("\n")[0])
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3, help="runs of each pair (default: 3)")
    parser.add_argument(
        "--peers", default=",".join(peers.PACKAGES), help="servers (default: %(default)s)"
    )
    parser.add_argument(
        "--scale", type=float, default=1.0, help="multiply the number of requests (default: 1)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path, help="write every rate there")
    parser.add_argument(
        "--profile", action="store_true", help="profile h2static under the scenarios instead"
    )
    options = parser.parse_args(argv)
    options.scenarios = options.scenarios or list(SCENARIOS)
    options.peers = options.peers.split(",")
    for kind, names, known in (
        ("scenario", options.scenarios, SCENARIOS),
        ("server", options.peers, peers.PACKAGES),
    ):
        for name in names:
            if name not in known:
                parser.error(f"no such {kind}: {name} (there are {', '.join(known)})")
    if options.rounds < 1 or not options.scale > 0:
        parser.error("--rounds and --scale must be positive")
    return options


def scaled(scenario: Scenario, scale: float) -> Scenario:
    """The scenario with ``scale`` times the requests, but at least one per stream."""
    least = scenario.clients * scenario.streams
    return dataclasses.replace(scenario, requests=max(least, int(scenario.requests * scale)))


def measure(scenario: Scenario, names: Sequence[str], rounds: int, place: peers.Place) -> Runs:
    """Run ``scenario`` ``rounds`` times against each server in turn."""
    server_processor, client_processor = peers.processors()
    runs: Runs = {name: [] for name in names}
    for number in range(rounds):
        for name in names:
            with peers.running(name, place, tls=scenario.tls, processor=server_processor) as server:
                load.check_content(server, scenario, place.root)
                run = load.run(server, scenario, place.scratch, processor=client_processor)
            runs[name].append(run)
            print(
                f"{scenario.name} round {number + 1} {name:9}{run.rate:>12,.0f}/s"
                f"{run.cpu:>12,.1f} µs CPU each",
                file=sys.stderr,
            )
    return runs


def table(results: dict[str, Runs], names: Sequence[str]) -> str:
    """Median rates, and the ratio of the first server's to each of the others', in Markdown."""
    first, *others = names
    rows = [["", "load (h2load)", *names, *(f"/ {other}" for other in others), "to reach"]]
    for key, runs in results.items():
        medians = {name: statistics.median(run.rate for run in runs[name]) for name in names}
        rows.append(
            [key, SCENARIOS[key].load]
            + [f"{medians[name]:,.0f}" for name in names]
            + [f"{medians[first] / medians[other]:.2f}" for other in others]
            + [f"{SCENARIOS[key].target:.2f}" if "nghttpd" in others else ""]
        )
    return markdown(rows)


def cpu_table(results: dict[str, Runs], names: Sequence[str]) -> str:
    """Median CPU time, and the ratio of each of the others' to the first server's, in Markdown."""
    first, *others = names
    rows = [["", "load (h2load)", *names, *(f"{other} /" for other in others)]]
    for key, runs in results.items():
        medians = {name: statistics.median(run.cpu for run in runs[name]) for name in names}
        rows.append(
            [key, SCENARIOS[key].load]
            + [f"{medians[name]:,.2f}" for name in names]
            + [
                f"{medians[other] / medians[first]:.2f}" if medians[first] else ""
                for other in others
            ]
        )
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """``rows``, of which the first is the head; figures begin in the third column."""
    ruler = ["---"] * 2 + ["---:"] * (len(rows[0]) - 2)
    return "\n".join("| " + " | ".join(row) + " |" for row in [rows[0], ruler, *rows[1:]])


def main(argv: Sequence[str]) -> int:
    """Measure what ``argv`` asks for; exit code 1 when a server failed or answered wrongly."""
    if argv[:1] == ["apps"]:
        return apps.main(argv[1:])
    if argv[:1] == ["http3"]:
        from benchmarks import http3

        return http3.main(argv[1:])
    if argv[:1] == ["proxy"]:
        return proxy.main(argv[1:])
    options = arguments(argv)
    lacking = peers.missing_clients()
    if lacking:
        print("\n".join(lacking), file=sys.stderr)
        return 1
    for name in list(options.peers):
        lack = peers.missing(name)
        if lack:
            print(f"left out: {lack}", file=sys.stderr)
            options.peers.remove(name)
    if not options.peers:
        print("there is no server to measure", file=sys.stderr)
        return 1
    results: dict[str, Runs] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="h2static-bench-") as folder:
            place = peers.make_place(Path(folder))
            for key in options.scenarios:
                scenario = scaled(SCENARIOS[key], options.scale)
                scenario.write_files(place.root)
                if options.profile:
                    print(profiling.profile(scenario, place))
                else:
                    results[key] = measure(scenario, options.peers, options.rounds, place)
    except (peers.PeerFailed, load.WrongAnswers) as failure:
        print(failure, file=sys.stderr)
        return 1
    if results:
        versions = [peers.version(name) for name in options.peers]
        print(f"Python {platform.python_version()}, {platform.machine()}; {'; '.join(versions)}")
        print(f"Requests per second, median of {options.rounds}\n")
        print(table(results, options.peers))
        print("\nCPU time of the server, µs for each request, median\n")
        print(cpu_table(results, options.peers))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2, default=dataclasses.asdict) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
