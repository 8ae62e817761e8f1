"""``hpack-conformance``: run, negative, fuzz, generate, bound, fetch."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from hpacktools.bound import NoSolverError
from hpacktools.codec import DEFAULT_TABLE_SIZE
from hpacktools.conformance import corpus as places
from hpacktools.conformance.external import UnusableCommandError, check_command
from hpacktools.conformance.results import COUNTED, Report
from hpacktools.conformance.runner import corpus_tasks, run_tasks, select, vector_tasks
from hpacktools.conformance.task import Task
from hpacktools.conformance.text import render as render_text
from hpacktools.conformance.workers import WorkerError, leave
from hpacktools.jsonforms import ShapeError, pretty
from hpacktools.stories import LEVELS, UnusableError
from hpacktools.strategies import DEFAULT_EFFORT, STRATEGY_NAMES
from hpacktools.terminal import printable

from . import fuzz
from .options import HelpFormatter, count, named, table_size

COMMAND = "hpack-conformance"


def parser() -> argparse.ArgumentParser:
    """The options of ``hpack-conformance``."""
    options = argparse.ArgumentParser(
        prog=COMMAND,
        allow_abbrev=False,
        formatter_class=HelpFormatter,
        description="Run HPACK stories against this codec or another.",
        epilog="Exit status: 0 all passed, 1 something failed that counts (see --level of "
        "negative and fuzz), 2 unusable files or options.",
    )
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_run(commands)
    _add_negative(commands)
    fuzzing = _command(
        commands, "fuzz", "compare decoders with this one on generated blocks, odd and invalid ones"
    )
    fuzz.add_options(fuzzing)
    # Where an implementation may set a limit, two that differ may both be right.
    _add_level(fuzzing, default="settings")
    _add_generate(commands)
    _add_bound(commands)
    _add_fetch(commands)
    return options


if TYPE_CHECKING:
    # Generic in the type stubs only.
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def _add_run(commands: _Commands) -> None:
    options = _command(
        commands,
        "run",
        "decode every encoded story of the http2jp corpus and encode every raw one",
    )
    options.add_argument(
        "corpus",
        type=named,
        nargs="?",
        metavar="CORPUS",
        help=f"folder of the corpus (default: ${places.VARIABLE}, then the fetched copy)",
    )
    options.add_argument(
        "--effort",
        type=count,
        metavar="N",
        help="annealing walks of this encoder's strategy best (default: 0)",
    )
    _add_reports(options)


def _add_negative(commands: _Commands) -> None:
    options = _command(
        commands,
        "negative",
        "run the vectors: what must be refused, what is unusual, Appendix C, what is hard to "
        "encode",
    )
    options.add_argument(
        "vectors",
        type=named,
        nargs="?",
        metavar="FOLDER",
        help="folder of vectors (default: those here)",
    )
    options.add_argument(
        "--only",
        action="append",
        type=named,
        metavar="WHAT",
        help="run these stories only: the beginning of a name (n13), a folder or a level; "
        "may be repeated",
    )
    options.add_argument(
        "--several-settings",
        action="store_true",
        help="the commands read header_table_sizes too: several settings before one case "
        "(--co-process implies it)",
    )
    _add_level(options)
    _add_reports(options)


def _add_level(options: argparse.ArgumentParser, default: str = COUNTED) -> None:
    options.add_argument(
        "--level",
        choices=LEVELS,
        default=default,
        help="what counts for the exit status, from this level on down to must: "
        f"{', '.join(LEVELS)} (default: {default})",
    )


def _add_reports(options: argparse.ArgumentParser) -> None:
    """What ``run`` and ``negative`` have in common."""
    options.add_argument(
        "--decoder",
        type=named,
        metavar="CMD",
        help="test this command, which reads wire and writes headers, as inflatehd does",
    )
    options.add_argument(
        "--encoder",
        type=named,
        metavar="CMD",
        help="test this command, which reads headers and writes wire, as deflatehd does",
    )
    options.add_argument(
        "--co-process",
        action="store_true",
        help="the commands are started once and answer a line for each line, see "
        "docs/hpack-conformance.md",
    )
    options.add_argument("--json", action="store_true", help="write the report as JSON")
    options.add_argument(
        "--junit", type=named, metavar="FILE", help="write the report as JUnit XML too"
    )
    options.add_argument(
        "--html", type=named, metavar="FILE", help="write the report as a page too"
    )
    _add_jobs(options)


def _add_jobs(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="processes (default: one for each core, with --co-process one)",
    )


def _add_generate(commands: _Commands) -> None:
    options = _command(commands, "generate", "write this encoder's stories in the corpus format")
    options.add_argument("folder", type=named, metavar="DIR", help="where to write them")
    options.add_argument(
        "--source",
        type=named,
        metavar="FOLDER",
        help=f"folder of raw stories (default: {places.RAW} of the corpus)",
    )
    options.add_argument("--strategy", choices=STRATEGY_NAMES, default="default")
    options.add_argument("--no-huffman", action="store_true")
    options.add_argument(
        "--effort",
        type=count,
        metavar="N",
        help=f"with --strategy best: annealing walks (default: {DEFAULT_EFFORT})",
    )


def _add_bound(commands: _Commands) -> None:
    options = _command(
        commands,
        "bound",
        "compare this encoder's strategies with what no encoder can go below (needs scipy)",
    )
    options.add_argument(
        "corpus",
        type=named,
        nargs="?",
        metavar="CORPUS",
        help=f"folder of the corpus (default: ${places.VARIABLE}, then the fetched copy)",
    )
    options.add_argument(
        "-s",
        "--table-size",
        type=table_size,
        default=DEFAULT_TABLE_SIZE,
        metavar="N",
        help="octets of the dynamic table (default: %(default)s)",
    )
    options.add_argument(
        "--effort",
        type=count,
        default=DEFAULT_EFFORT,
        metavar="N",
        help="annealing walks of the strategy best (default: %(default)s)",
    )
    options.add_argument("--json", action="store_true", help="write the table as JSON")
    _add_jobs(options)


def _add_fetch(commands: _Commands) -> None:
    options = _command(
        commands, "fetch", f"clone the corpus at commit {places.COMMIT} and verify it"
    )
    options.add_argument(
        "folder",
        type=named,
        nargs="?",
        metavar="FOLDER",
        help="where to put it, or a copy to verify (default: a cache folder)",
    )


def _command(commands: _Commands, name: str, text: str) -> argparse.ArgumentParser:
    options = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    # For what argparse cannot find: options that do not go together.
    options.set_defaults(refuse=options.error)
    return options


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = parser().parse_args(arguments)
    commands = {
        "run": _run,
        "negative": _negative,
        "fuzz": _fuzz,
        "generate": _generate,
        "bound": _bound,
        "fetch": _fetch,
    }
    try:
        code, text = commands[options.command](options)
    except (
        places.CorpusError,
        UnusableError,
        ShapeError,
        UnusableCommandError,
        WorkerError,
        NoSolverError,
    ) as error:
        print(printable(f"{COMMAND}: {error}"), file=sys.stderr)
        return 2
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(printable(f"{COMMAND}: {where}{error.strerror or error}"), file=sys.stderr)
        return 2
    # Not in the block above: what is wrong with standard output is not said there.
    if getattr(options, "json", False):
        # JSON is UTF-8 whatever the locale is.  Only a file's name can hold lone surrogates.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    else:
        sys.stdout.write(text)
    return code


# Each command returns its exit code and what goes to standard output.


def _run(options: argparse.Namespace) -> tuple[int, str]:
    if options.effort is not None and (options.encoder or options.decoder):
        options.refuse("--effort is for this encoder, --encoder and --decoder test another codec")
    tasks = corpus_tasks(
        places.find_corpus(options.corpus),
        decoder=options.decoder or "",
        encoder=options.encoder or "",
        effort=options.effort or 0,
    )
    return _report(options, tasks, encoder=options.encoder or "")


def _negative(options: argparse.Namespace) -> tuple[int, str]:
    tasks = vector_tasks(
        places.find_vectors(options.vectors),
        decoder=options.decoder or "",
        encoder=options.encoder or "",
        several_settings=options.several_settings or options.co_process,
    )
    if options.only:
        tasks = select(tasks, options.only)
    return _report(options, tasks, encoder=options.encoder or "", level=options.level)


def _report(
    options: argparse.Namespace, tasks: list[Task], encoder: str = "", level: str = COUNTED
) -> tuple[int, str]:
    """Run the tasks and write the report into the files that are asked for."""
    for command in (options.decoder, encoder):
        if command:
            check_command(command)
    jobs = options.jobs
    if jobs is None:
        # One process that answers all is faster than several that have to be started.
        jobs = 1 if options.co_process else os.cpu_count() or 1
    start = time.monotonic()
    with ended_in_order():
        outcomes = run_tasks(tasks, jobs=jobs, co_process=options.co_process)
    report = Report(
        version=_version(),
        decoder=options.decoder or "hpacktools",
        encoder=encoder or "hpacktools",
        seconds=time.monotonic() - start,
        outcomes=outcomes,
        level=level,
    )
    if options.junit:
        from hpacktools.conformance import junit

        Path(options.junit).write_text(junit.render(report), encoding="utf-8")
    if options.html:
        from hpacktools.conformance import html

        # Only a file's name can hold lone surrogates, which have no UTF-8 form.
        Path(options.html).write_text(html.render(report), encoding="utf-8", errors="replace")
    text = pretty(report.to_json()) + "\n" if options.json else render_text(report)
    return report.exit_code(), text


def _fuzz(options: argparse.Namespace) -> tuple[int, str]:
    with ended_in_order():
        return fuzz.run(options)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Make the signals that end a program leave the block in order, as Ctrl-C does, so that nothing
    that runs in it is left behind."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            # Who ignores one, as nohup does, means it.
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _version() -> str:
    try:
        return version("h2static")
    except PackageNotFoundError:
        # Run from a source tree that is not installed.
        return "unknown"


def _generate(options: argparse.Namespace) -> tuple[int, str]:
    from hpacktools.conformance.generate import write_stories

    if options.effort is not None and options.strategy != "best":
        options.refuse("--effort goes with --strategy best")
    if options.source:
        source = Path(options.source)
    else:
        source = places.find_corpus(None) / places.RAW
    stories = sorted(source.glob("*.json"))
    if not stories:
        raise places.CorpusError(f"{source}: no stories")
    try:
        written = write_stories(
            stories,
            Path(options.folder),
            strategy=options.strategy,
            huffman=not options.no_huffman,
            effort=DEFAULT_EFFORT if options.effort is None else options.effort,
        )
    except UnusableError:
        raise
    except ValueError as error:
        raise UnusableError(str(error)) from None
    print(f"{written} stories written to {options.folder}", file=sys.stderr)
    return 0, ""


def _bound(options: argparse.Namespace) -> tuple[int, str]:
    from hpacktools import ratios

    folder = places.find_corpus(options.corpus) / places.RAW
    stories = sorted(folder.glob("*.json"))
    if not stories:
        raise places.CorpusError(f"{folder}: no stories")
    measured = ratios.measure_all(
        stories, table_size=options.table_size, effort=options.effort, jobs=options.jobs
    )
    text = pretty(ratios.to_json(measured)) + "\n" if options.json else ratios.render(measured)
    return 0, text


def _fetch(options: argparse.Namespace) -> tuple[int, str]:
    folder = Path(options.folder) if options.folder else places.cache_folder()
    places.fetch(folder, quiet=not sys.stderr.isatty())
    return 0, f"{folder}: {places.STORIES} stories of commit {places.COMMIT}\n"
