"""What throughput and memory do with the number of workers, on the processors there are.

    python -m benchmarks.workers                    1, 2, 4 ... workers, up to twice the processors
    python -m benchmarks.workers 1 8 --seconds 20

Contract: one row for each number of workers: requests per second as h2load saw them, CPU time of
all processes of the server for each request, and their memory, in which what they share counts once
(PSS).  The median of three runs; every response has to be a 200.

Assumes Linux (``/proc``) and h2load, which runs on the same processors: rates grow until server and
h2load have used them up, and CPU for each request says what a machine of its own would give.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.peers import cpu_seconds, family

ROUNDS = 3
CLIENTS = 64
STREAMS = 16
#: Octets of the page that everybody asks for, and files that make memories grow.
PAGE = 4_096
FILES = 500

_RATE = re.compile(r"finished in .*?, ([\d.]+) req/s")
_COUNTS = re.compile(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored")
_STATUSES = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx")


def memory(process: int) -> float:
    """MiB of the server's processes; what they share counts once."""
    total = 0
    for member in family(process):
        text = Path(f"/proc/{member}/smaps_rollup").read_text()
        total += int(re.findall(r"^Pss: +(\d+) kB$", text, re.MULTILINE)[0])
    return total / 1024


def measure(root: Path, workers: int, seconds: int) -> tuple[float, float, float]:
    """Requests per second, CPU microseconds for each, and MiB."""
    ours, theirs = os.pipe()
    words = [sys.executable, "-m", "h2static", "--no-config", "--no-tls", "--quiet"]
    words += ["-a", "127.0.0.1", "-n", str(workers), "--ready-fd", str(theirs), "0", str(root)]
    server = subprocess.Popen(words, pass_fds=[theirs])
    os.close(theirs)
    try:
        with os.fdopen(ours) as ready:
            origin = json.loads(ready.readline())["urls"][0].rstrip("/")
        listed = root.parent / "urls.txt"
        listed.write_text("".join(f"{origin}/{number}.html\n" for number in range(FILES)))
        load = ["h2load", "-c", str(CLIENTS), "-m", str(STREAMS), "-i", str(listed)]
        load += ["-t", str(os.cpu_count() or 1)]
        rates, costs = [], []
        for count in [CLIENTS * FILES, *[0] * ROUNDS]:
            # The first run fills the memories.
            amount = ["-n", str(count)] if count else ["-D", str(seconds)]
            before = cpu_seconds(server.pid)
            done = subprocess.run([*load, *amount], capture_output=True, text=True, check=True)
            succeeded, failed, errored = map(int, _COUNTS.findall(done.stdout)[0])
            _, *others = map(int, _STATUSES.findall(done.stdout)[0])
            if failed or errored or any(others):
                raise SystemExit(f"not every response was right:\n{done.stdout}")
            if not count:
                rates.append(float(_RATE.findall(done.stdout)[0]))
                costs.append((cpu_seconds(server.pid) - before) * 1e6 / succeeded)
        time.sleep(0.5)
        return statistics.median(rates), statistics.median(costs), memory(server.pid)
    finally:
        server.terminate()
        server.wait(60)


def main() -> None:
    """Print the table."""
    processors = os.cpu_count() or 1
    parser = argparse.ArgumentParser(prog="benchmarks.workers", description="See the module.")
    parser.add_argument("workers", nargs="*", type=int, help="numbers of workers")
    parser.add_argument("--seconds", type=int, default=5, help="of each run (default: 5)")
    options = parser.parse_args()
    numbers = options.workers or [
        number for number in (1, 2, 4, 8, 16, 32, 64) if number <= 2 * processors
    ]
    print(f"{processors} processors\n")
    print("| workers | requests/s | CPU µs for each | memory, MiB |\n|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory(prefix="h2static-workers-") as folder:
        root = Path(folder, "www")
        root.mkdir()
        for number in range(FILES):
            (root / f"{number}.html").write_bytes(b"%06d" % number + b"x" * (PAGE - 6))
        for number in numbers:
            rate, cost, size = measure(root, number, options.seconds)
            print(f"| {number} | {rate:,.0f} | {cost:.0f} | {size:.0f} |", flush=True)


if __name__ == "__main__":
    main()
