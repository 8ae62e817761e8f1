"""What a user gets: a distribution in an environment of its own, tried.

Contract: :func:`try_out` installs one file into a fresh environment and uses it as a user would; it
raises :class:`Unfit` with what is wrong.  Dependencies come from the index that pip is set up with.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

#: Seconds for anything.
DEADLINE = 60.0
#: Where man and shells look, below the prefix.
SHARED = (
    "share/man/man1/h2static.1",
    "share/man/man1/h2get.1",
    "share/bash-completion/completions/h2static",
    "share/bash-completion/completions/h2get",
    "share/zsh/site-functions/_h2static",
    "share/zsh/site-functions/_h2get",
    "share/fish/vendor_completions.d/h2static.fish",
    "share/fish/vendor_completions.d/h2get.fish",
)
_STORY = {"cases": [{"seqno": 0, "headers": [{":method": "GET"}]}]}
_PAGE = "<!doctype html><title>a page</title>"


class Unfit(Exception):
    """Something is missing or does not work."""


class Environment:
    """A fresh environment in ``folder``; no module is looked for outside of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        venv.create(folder / "env", with_pip=True)
        self.prefix = folder / "env"

    def install(self, distribution: Path) -> None:
        """Install the file and what it needs."""
        self.run("python", "-m", "pip", "--disable-pip-version-check", "-q", "install",
                 str(distribution), seconds=900)  # fmt: skip

    def run(self, program: str, *words: str, given: str = "", seconds: float = DEADLINE) -> str:
        """Standard output of a program of the environment.  Raises :class:`Unfit`."""
        done = subprocess.run(
            [self.prefix / "bin" / program, *words],
            input=given,
            capture_output=True,
            text=True,
            timeout=seconds,
            cwd=self.folder,
            check=False,
        )
        if done.returncode:
            raise Unfit(f"{program} {' '.join(words)}: exit code {done.returncode}: {done.stderr}")
        return done.stdout


def try_out(distribution: Path, version: str, *, compiled: bool = False) -> None:
    """Install and use ``distribution``.  Raises :class:`Unfit`."""
    with tempfile.TemporaryDirectory(prefix="h2static-release-") as folder:
        environment = Environment(Path(folder))
        environment.install(distribution)
        said = environment.run("h2static", "--version").strip()
        if not said.startswith(f"h2static {version}"):
            raise Unfit(f"--version says {said!r}, not {version}")
        if compiled != ("compiled" in said):
            raise Unfit(f"--version says {said!r}; expected a compiled build: {compiled}")
        for name in SHARED:
            if not (environment.prefix / name).is_file():
                raise Unfit(f"{name} was not installed")
        _compress(environment)
        _serve(environment)


def _compress(environment: Environment) -> None:
    made = json.loads(environment.run("hpack-deflate", given=json.dumps(_STORY)))
    if made["cases"][0]["wire"] != "82":
        raise Unfit(f"hpack-deflate: {made}")


def _serve(environment: Environment) -> None:
    """Serve a page, and fetch it with the client."""
    root = environment.folder / "www"
    root.mkdir()
    (root / "index.html").write_text(_PAGE)
    ours, theirs = os.pipe()
    server = subprocess.Popen(
        [environment.prefix / "bin/h2static", "--no-config", "--no-tls", "--quiet",
         "-a", "127.0.0.1", "--ready-fd", str(theirs), "0", root],
        pass_fds=[theirs], cwd=environment.folder,
    )  # fmt: skip
    os.close(theirs)
    try:
        with os.fdopen(ours) as ready:
            if not select.select([ready], [], [], DEADLINE)[0] or not (line := ready.readline()):
                raise Unfit("the server did not start")
        url = json.loads(line)["urls"][0]
        if environment.run("h2get", url) != _PAGE:
            raise Unfit("h2get did not get the page")
        server.terminate()
        if code := server.wait(DEADLINE):
            raise Unfit(f"the server ended with exit code {code}")
    finally:
        with contextlib.suppress(ProcessLookupError):
            server.kill()
        server.wait(DEADLINE)


if __name__ == "__main__":
    try_out(Path(sys.argv[1]), sys.argv[2])
