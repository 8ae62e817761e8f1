"""One target under Atheris, in a process of its own: ``python -m tests.fuzz.engine TARGET …``.

What follows the target's name are words for libFuzzer.  This is the one module that imports
Atheris, which is in a dependency group of its own.
"""

from __future__ import annotations

import sys

import atheris


def main() -> None:
    """Search until libFuzzer ends the process."""
    with atheris.instrument_imports(include=["h2static", "hpacktools"]):
        from tests.fuzz.targets import TARGETS

    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
