"""``h2get completion``: prints a shell completion script.

Contract: the scripts are files of the package, which ``docs/generate_reference.py`` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Final

from h2static.errors import UsageError
from h2static.h2get.exit_codes import OK

#: The files, by shell.
COMPLETIONS: Final = {"bash": "h2get.bash", "zsh": "_h2get", "fish": "h2get.fish"}


def run_completion(words: Sequence[str]) -> int:
    """Run the command.  Raises :class:`UsageError`."""
    if "-h" in words or "--help" in words:
        print(
            f"Usage: h2get completion {'|'.join(COMPLETIONS)}\n\nPrint a shell completion script."
        )
        return OK
    if len(words) != 1 or words[0] not in COMPLETIONS:
        raise UsageError(f"completion: expected one of {', '.join(COMPLETIONS)}")
    script = files("h2static").joinpath("resources", COMPLETIONS[words[0]])
    print(script.read_text(encoding="utf-8"), end="")
    return OK
