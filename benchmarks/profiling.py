"""Where the server's CPU time goes under a load.

Promise: :func:`profile` runs one scenario against h2static and returns a report of the functions
and lines that were running, by share of CPU time.  Rates under the sampler are a little lower.

Strategy: ``benchmarks/sampler`` is put on PYTHONPATH of the server; each of its processes leaves
its samples in a folder.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from benchmarks import load, peers
from benchmarks.scenarios import Replay, Scenario

SAMPLER = Path(__file__).parent / "sampler"
REPOSITORY = Path(__file__).resolve().parent.parent

#: What only a worker has on its command line.
WORKER = "h2static.process.worker"

#: Lines of each part of a report.
TOP = 25

#: File, function and line.
Frame = tuple[str, str, int]


def profile(scenario: Scenario | Replay, place: peers.Place) -> str:
    """Run ``scenario`` against h2static under the sampler and report the top functions and lines.

    Raises what :func:`benchmarks.load.run` and :func:`benchmarks.peers.running` raise.
    """
    folder = place.scratch / "samples"
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    environment = {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(SAMPLER), os.environ.get("PYTHONPATH")])),
        "H2STATIC_SAMPLES": str(folder),
        "H2STATIC_SAMPLED": WORKER,
    }
    server_processor, client_processor = peers.processors()
    with peers.running(
        "h2static", place, scenario.setup, processor=server_processor, environment=environment
    ) as server:
        run = load.run(server, scenario, place.scratch, processor=client_processor)
    head = f"{scenario.name} {scenario.load}: {run.rate:,.0f} requests/s under the sampler"
    return f"{head}\n{report(folder)}"


def report(folder: Path) -> str:
    """The samples in ``folder`` as text: functions by own and by total time, lines by own time."""
    own: Counter[str] = Counter()
    total: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    samples = 0
    for file in folder.glob("*.json"):
        for count, stack in json.loads(file.read_text()):
            samples += count
            own[function(stack[0])] += count
            lines[f"{function(stack[0])} line {stack[0][2]}"] += count
            for name in {function(frame) for frame in stack}:
                total[name] += count
    if not samples:
        return "no samples\n"
    parts = [f"{samples} samples, at equal distances of CPU time", "", "  own  total  function"]
    for name, count in own.most_common(TOP):
        parts.append(f"{count / samples:5.1%}  {total[name] / samples:5.1%}  {name}")
    parts += ["", "  own  line"]
    parts += [f"{count / samples:5.1%}  {name}" for name, count in lines.most_common(TOP)]
    return "\n".join(parts) + "\n"


def function(frame: Frame) -> str:
    """``h2static/http2/frames.py: read_frames`` for a frame."""
    path = Path(frame[0])
    if path.is_relative_to(REPOSITORY) and ".venv" not in path.parts:
        return f"{path.relative_to(REPOSITORY)}: {frame[1]}"
    return f"{'/'.join(path.parts[-2:])}: {frame[1]}"
