"""``make soak``: ten minutes of mixed traffic, a table and a plot; exit code 1 when something is
wrong."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.soak.report import faults, plot, table
from tests.soak.run import Plan, soak
from tests.soak.subjects import is_possible

#: Where table and plot are left; not a part of the repository.
REPORT = Path(".soak")


def main() -> int:
    """Run the plan and report."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0, help="for what clients choose")
    arguments = parser.parse_args()
    if not is_possible():
        print("this system does not tell what processes hold: no soak")
        return 0
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        outcome = soak(Plan(seconds=arguments.minutes * 60, seed=arguments.seed), Path(folder))
    text = table(outcome)
    found = faults(outcome)
    text += "\n" + ("\n".join(found) if found else "nothing lost, nothing wrong, all flat") + "\n"
    REPORT.mkdir(exist_ok=True)
    (REPORT / "table.txt").write_text(text)
    (REPORT / "plot.svg").write_text(plot(outcome))
    print(f"{text}\nalso in {REPORT}/table.txt, with a plot in {REPORT}/plot.svg")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
