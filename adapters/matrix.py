"""``make matrix``: run every adapter through ``negative`` and ``run``; write Markdown and HTML.

Contract: one command generates ``docs/hpack-matrix.md`` and ``docs/hpack-matrix.html``.  Codecs
that are not installed are not in the tables, but listed with the command to install them.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.catalogue import ADAPTERS, AbsentError, Prepared, prepare
from adapters.matrix_page import page
from adapters.matrix_results import Codec
from adapters.matrix_text import markdown
from hpacktools.conformance.corpus import CorpusError, find_corpus, find_vectors
from hpacktools.conformance.runner import corpus_tasks, run_tasks, vector_tasks

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all adapters, or those named, and write both files."""
    options = argparse.ArgumentParser(prog="make matrix", description=__doc__)
    options.add_argument("names", nargs="*", help="adapters (default: all)")
    options.add_argument("--folder", default=FOLDER, type=Path, help="where to write the files")
    options.add_argument("--no-corpus", action="store_true", help="the vectors only")
    chosen = options.parse_args(arguments)
    corpus = None if chosen.no_corpus else _corpus()
    codecs = [_ours(corpus)]
    absent: list[tuple[str, str]] = []
    for adapter in ADAPTERS:
        if chosen.names and adapter.name not in chosen.names:
            continue
        try:
            codecs.append(_theirs(prepare(adapter), corpus))
        except AbsentError as error:
            absent.append((adapter.name, str(error)))
            _say(f"{adapter.name}: not installed ({error})")
        except subprocess.CalledProcessError as error:
            _say(f"{adapter.name}: its adapter is broken: {error}\n{error.stderr}")
            return 1
    chosen.folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("hpack-matrix.md", markdown(codecs, absent)),
        ("hpack-matrix.html", page(codecs, absent)),
    ):
        (chosen.folder / name).write_text(text, encoding="utf-8")
        _say(f"{chosen.folder / name} written")
    return 0


def _corpus() -> Path | None:
    try:
        return find_corpus(None)
    except CorpusError as error:
        _say(f"without the corpus: {error}")
        return None


def _ours(corpus: Path | None) -> Codec:
    codec = Codec(name="hpacktools", version="hpacktools", language="Python")
    start = time.monotonic()
    codec.vectors = run_tasks(vector_tasks(find_vectors(None)), jobs=1)
    if corpus is not None:
        rows = ("default", "default, sizes changed")
        tasks = corpus_tasks(corpus)
        tasks = [each for each in tasks if each.kind == "decode" or each.row in rows]
        codec.corpus = run_tasks(tasks, jobs=1)
    codec.seconds = time.monotonic() - start
    _say(f"{codec.version}: {codec.seconds:.1f} s")
    return codec


def _theirs(prepared: Prepared, corpus: Path | None) -> Codec:
    command = prepared.command
    codec = Codec(
        name=prepared.adapter.name, version=prepared.version, language=prepared.adapter.language
    )
    start = time.monotonic()
    tasks = vector_tasks(find_vectors(None), decoder=command, encoder=command)
    codec.vectors = run_tasks(tasks, jobs=1, co_process=True)
    if corpus is not None:
        tasks = corpus_tasks(corpus, decoder=command, encoder=command)
        codec.corpus = run_tasks(tasks, jobs=1, co_process=True)
    codec.seconds = time.monotonic() - start
    _say(f"{codec.version}: {codec.seconds:.1f} s")
    return codec


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    raise SystemExit(main())
