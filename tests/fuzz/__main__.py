"""``make fuzz``: every target, or those named, for some seconds each.

The octets that reach something new are kept in ``.fuzz/``, so that the next search goes on where
this one ends.  What is found is written below ``tests/fuzz/found/``: it is a test from then on.
Without Atheris nothing is searched here, and that is said.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from tests.fuzz.seeds import FOUND, seeds
from tests.fuzz.targets import TARGETS

#: Kept between searches, and not part of the repository.
KEPT = Path(".fuzz")
#: Octets of an input: most of what can happen needs few.
LONGEST = 2_000
#: Seconds that one input may take: more is a fault as well.
SLOWEST = 20
#: MiB that a search may take.
MEMORY = 2_048
#: Lines of a log that are shown when something was found: the traceback and the octets.
END_OF_LOG = 60


def search(target: str, seconds: int) -> bool:
    """Search for ``seconds``, and print what came of it; whether nothing was found."""
    corpus = KEPT / target
    corpus.mkdir(parents=True, exist_ok=True)
    for octets in seeds(target):
        (corpus / sha256(octets).hexdigest()[:16]).write_bytes(octets)
    place = FOUND / target
    place.mkdir(parents=True, exist_ok=True)
    known = set(place.iterdir())
    words = [
        *(sys.executable, "-m", "tests.fuzz.engine", target, str(corpus)),
        *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={SLOWEST}"),
        *(f"-rss_limit_mb={MEMORY}", f"-artifact_prefix={place}/", "-print_final_stats=1"),
    ]
    log = KEPT / f"{target}.log"
    with log.open("wb") as output:
        done = subprocess.run(words, check=False, stdout=output, stderr=subprocess.STDOUT)
    new = sorted(set(place.iterdir()) - known)
    if not new and not known:
        place.rmdir()
    said = log.read_text(errors="replace")
    passed = done.returncode == 0 and not new
    if not passed:
        print("\n".join(said.splitlines()[-END_OF_LOG:]))
        print(f"{target}: the whole log is {log}")
        for path in new:
            print(f"{target}: found {os.path.relpath(path)}, which tests replay from now on")
    executed = re.findall("number_of_executed_units: ([0-9]+)", said)
    covered = re.findall(r"cov: ([0-9]+)", said)
    print(
        f"{target:<16}{executed[-1] if executed else '?':>10} inputs tried, "
        f"{covered[-1] if covered else '?':>5} branches reached, "
        f"{'nothing found' if passed else 'FOUND SOMETHING'}",
        flush=True,
    )
    return passed


def main() -> int:
    """Exit code 1 when something was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris is not installed here: no search guided by coverage, only those of Hypothesis"
        )
        return 0
    results = [search(name, arguments.seconds) for name in arguments.targets or TARGETS]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
