"""``make bench``: h2static beside nghttpd, h2o, nginx, Caddy and granian, in turns.

Each scenario starts the servers one after the other, so that only one runs at a time, and that as
often as there are rounds: a slow minute of the machine hits all alike.  The server has one
processor, the client another.

    python -m benchmarks.compare                       everything, three rounds
    python -m benchmarks.compare S1 S5 --rounds 1
    python -m benchmarks.compare --peers h2static,nghttpd,h2o --write benchmarks/results/loopback
    python -m benchmarks.compare S1 --profile          where our time goes
    python -m benchmarks.compare scale                 what grows: see benchmarks/scale.py
    python -m benchmarks.compare apps                  applications: see benchmarks/apps.py
    python -m benchmarks.compare http3                 HTTP/3: see benchmarks/http3.py
    python -m benchmarks.compare proxy                 the proxy: see benchmarks/proxy.py
    python -m benchmarks.compare reload                live reload: see benchmarks/reload.py
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import apps, load, machine, peers, profiling, proxy, reload, results, scale
from benchmarks.results import Runs
from benchmarks.scenarios import SCENARIOS, Replay, Scenario


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
    parser.add_argument(
        "--congestion",
        metavar="NAME",
        help="have the system use this congestion control meanwhile, which root may do",
    )
    parser.add_argument(
        "--write", metavar="STEM", type=Path, help="write STEM.json, STEM.md and STEM.svg"
    )
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


def measure(
    scenario: Scenario | Replay, names: Sequence[str], rounds: int, place: peers.Place
) -> Runs:
    """Run ``scenario`` ``rounds`` times against each server in turn, where it can be set up so.

    A peer that does not answer as it should is told, and left out; ours must answer.
    """
    server_processor, client_processor = peers.processors()
    runs: Runs = {name: [] for name in names if scenario.setup.fits(name)}
    for number in range(rounds):
        for name in list(runs):
            try:
                with peers.running(
                    name, place, scenario.setup, processor=server_processor
                ) as server:
                    load.check_content(server, scenario, place.root)
                    run = load.run(server, scenario, place.scratch, processor=client_processor)
            except (peers.PeerFailed, load.WrongAnswers) as failure:
                if name == "h2static":
                    raise
                print(f"left out of {scenario.name}: {failure}", file=sys.stderr)
                del runs[name]
                continue
            runs[name].append(run)
            print(
                f"{scenario.name} round {number + 1} {name:9}{run.rate:>12,.0f}/s"
                f"{run.cpu:>12,.1f} µs CPU each, {run.client:,.1f} of the client",
                file=sys.stderr,
            )
    return runs


def usable(names: Sequence[str]) -> list[str]:
    """Those of ``names`` that are installed; what is missing is told."""
    found = []
    for name in names:
        lack = peers.missing(name)
        if lack:
            print(f"left out: {lack}", file=sys.stderr)
        else:
            found.append(name)
    return found


def main(argv: Sequence[str]) -> int:
    """Measure what ``argv`` asks for; exit code 1 when a server failed or answered wrongly."""
    if argv[:1] == ["http3"]:
        # Needs the extra.
        from benchmarks import http3

        return http3.main(argv[1:])
    others = {"apps": apps.main, "proxy": proxy.main, "reload": reload.main, "scale": scale.main}
    if argv and argv[0] in others:
        return others[argv[0]](argv[1:])
    options = arguments(argv)
    lacking = peers.missing_clients()
    if lacking:
        print("\n".join(lacking), file=sys.stderr)
        return 1
    names = usable(options.peers)
    if not names:
        print("there is no server to measure", file=sys.stderr)
        return 1
    found: dict[str, Runs] = {}
    try:
        with (
            tempfile.TemporaryDirectory(prefix="h2static-bench-") as folder,
            machine.congestion_control(options.congestion),
        ):
            facts = machine.facts()
            place = peers.make_place(Path(folder))
            for key in options.scenarios:
                scenario = SCENARIOS[key].scaled(options.scale)
                scenario.write_files(place.root)
                if options.profile:
                    print(profiling.profile(scenario, place))
                else:
                    found[key] = measure(scenario, names, options.rounds, place)
    except (peers.PeerFailed, load.WrongAnswers, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    if found:
        versions = [peers.version(name) for name in names]
        said = (facts, versions, found, names, options.rounds)
        print(results.report(*said))
        if options.write is not None:
            written = results.write(options.write.parent, options.write.name, *said)
            print(f"\nwritten: {', '.join(map(str, written))}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
