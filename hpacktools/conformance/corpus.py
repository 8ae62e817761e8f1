"""Where to find stories: the http2jp corpus, its pinned copy, and this project's vectors."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

REPOSITORY_URL: Final = "https://github.com/http2jp/hpack-test-case"
#: The commit that this project's documents take their numbers from.
COMMIT: Final = "8a1406e"
#: Environment variable that names the folder of a copy.
VARIABLE: Final = "HPACK_TEST_CASE"
#: The folder of raw stories in it.
RAW: Final = "raw-data"
#: Number of stories at that commit, and their :func:`digest`.
STORIES: Final = 478
DIGEST: Final = "bb72c79eac585210de1d2313484be662451d8c9441da13a11ed2a945f9f0e4d6"

#: Folders of this project's vectors for decoders.
VECTOR_FOLDERS: Final = ("rfc7541", "unusual", "malformed")
#: The folder of vectors for encoders.
ENCODER: Final = "encoder"


class CorpusError(Exception):
    """There is no usable copy of the corpus; the message says why and what to do."""


def cache_folder() -> Path:
    """Where :func:`fetch` puts the corpus."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hpacktools" / "hpack-test-case"


def find_corpus(argument: str | None) -> Path:
    """The corpus folder: the argument, the folder in the variable, or the fetched copy.

    Raises :class:`CorpusError`.
    """
    named = argument or os.environ.get(VARIABLE)
    folder = Path(named) if named else cache_folder()
    if not folder.is_dir():
        if named:
            raise CorpusError(f"{folder}: no such folder")
        raise CorpusError(
            f"no corpus: run 'hpack-conformance fetch', or pass a copy as argument or in {VARIABLE}"
        )
    if not any(stories_in(folder)):
        raise CorpusError(f"{folder}: no subfolder contains a story_*.json")
    return folder


def stories_in(corpus: Path) -> Iterator[Path]:
    """All stories of a corpus, one folder after another."""
    for folder in sorted(corpus.iterdir()):
        if folder.is_dir():
            yield from sorted(folder.glob("story_*.json"))


def find_vectors(argument: str | None) -> Path:
    """The folder of this project's vectors: the argument, or the copy beside the package.

    Raises :class:`CorpusError`.
    """
    package = Path(__file__).resolve().parents[1]
    places = [package / "hpack-test-case", package.parent / "hpack-test-case"]
    if argument:
        places = [Path(argument)]
    for place in places:
        if any((place / folder).is_dir() for folder in (*VECTOR_FOLDERS, ENCODER)):
            return place
    folders = ", ".join((*VECTOR_FOLDERS, ENCODER))
    raise CorpusError(f"{places[-1]}: contains none of the folders {folders}")


def digest(corpus: Path) -> tuple[int, str]:
    """The number of stories, and a SHA-256 digest of their names and octets."""
    sha = hashlib.sha256()
    count = 0
    for path in stories_in(corpus):
        octets = path.read_bytes()
        sha.update(f"{path.parent.name}/{path.name}\0{len(octets)}\0".encode())
        sha.update(octets)
        count += 1
    return count, sha.hexdigest()


def verify(corpus: Path) -> None:
    """Check that ``corpus`` is the pinned one.  Raises :class:`CorpusError`."""
    count, found = digest(corpus)
    if count != STORIES:
        raise CorpusError(f"{corpus}: {count} stories, not {STORIES}")
    if found != DIGEST:
        raise CorpusError(f"{corpus}: the stories are not those of commit {COMMIT}")


def fetch(folder: Path, *, url: str = REPOSITORY_URL, quiet: bool = False) -> None:
    """Clone the corpus at the pinned commit into ``folder`` and verify it.

    Progress goes to standard error, unless ``quiet``.  An existing copy is only verified.  Raises
    :class:`CorpusError`.
    """
    if folder.exists():
        verify(folder)
        return
    if shutil.which("git") is None:
        raise CorpusError("git is not installed; it is needed to clone the corpus")
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        progress = "--quiet" if quiet else "--progress"
        _git("clone", progress, "--no-checkout", url, str(unfinished), quiet=quiet)
        _git("-C", str(unfinished), "checkout", "--quiet", "--detach", COMMIT, quiet=quiet)
        verify(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _git(*arguments: str, quiet: bool) -> None:
    """Run git.  Its progress is shown on one line; of its other output only an error is kept."""
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    last = ""
    shown = False
    with subprocess.Popen(  # noqa: S603  # fixed command
        ["git", *arguments],  # noqa: S607  # git as the user has it
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as running:
        assert running.stderr is not None
        # Universal newlines: each "\r" of a progress line ends a line here.
        for line in running.stderr:
            text = line.strip()
            if "%" in text and not quiet:
                sys.stderr.write(f"\r{text}\x1b[K")
                sys.stderr.flush()
                shown = True
            elif text:
                last = text
    if shown:
        sys.stderr.write("\r\x1b[K")
    if running.returncode:
        reason = last or f"exit code {running.returncode}"
        raise CorpusError(f"could not fetch the corpus: git {arguments[0]}: {reason}")
