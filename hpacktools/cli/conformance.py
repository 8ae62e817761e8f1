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
        description="Run HPACK stories against this codec or another one.",
        epilog="Exit status: 0 all passed, 1 a failure that counts (see --level of negative and "
        "fuzz), 2 unusable files or options.",
    )
    commands = options.add_subparsers(dest="command", required=True, metavar="COMMAND")

    _add_run(commands)
    _add_negative(commands)
    fuzzing = _command(
        commands,
        "fuzz",
        "compare other decoders with this one on generated blocks: valid, odd and invalid",
    )
    fuzz.add_options(fuzzing)
    # Implementations may set their own limits, so two that differ may both be right.
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
        "decode every encoded story of the http2jp corpus and encode every raw story",
    )
    options.add_argument(
        "corpus",
        type=named,
        nargs="?",
        metavar="CORPUS",
        help=f"corpus folder (default: ${places.VARIABLE}, then the fetched copy)",
    )
    options.add_argument(
        "--effort",
        type=count,
        metavar="N",
        help="annealing walks for this encoder's strategy best (default: 0)",
    )
    _add_reports(options)


def _add_negative(commands: _Commands) -> None:
    options = _command(
        commands,
        "negative",
        "run the test vectors: invalid blocks, unusual blocks, RFC 7541 Appendix C, and header "
        "lists that are hard to encode",
    )
    options.add_argument(
        "vectors",
        type=named,
        nargs="?",
        metavar="FOLDER",
        help="folder of vectors (default: those that come with the source)",
    )
    options.add_argument(
        "--only",
        action="append",
        type=named,
        metavar="WHAT",
        help="run only stories whose name starts with WHAT (n13), or whose folder or level it is; "
        "can be repeated",
    )
    options.add_argument(
        "--several-settings",
        action="store_true",
        help="the commands also read header_table_sizes, that is, several settings before one "
        "case (implied by --co-process)",
    )
    _add_level(options)
    _add_reports(options)


def _add_level(options: argparse.ArgumentParser, default: str = COUNTED) -> None:
    options.add_argument(
        "--level",
        choices=LEVELS,
        default=default,
        help="failures at this level or a stricter one make the exit status 1; levels, strictest "
        f"first: {', '.join(LEVELS)} (default: {default})",
    )


def _add_reports(options: argparse.ArgumentParser) -> None:
    """Add the options that ``run`` and ``negative`` share."""
    options.add_argument(
        "--decoder",
        type=named,
        metavar="CMD",
        help="test this command; like inflatehd, it reads wire and writes headers",
    )
    options.add_argument(
        "--encoder",
        type=named,
        metavar="CMD",
        help="test this command; like deflatehd, it reads headers and writes wire",
    )
    options.add_argument(
        "--co-process",
        action="store_true",
        help="start each command once; it answers each input line with one line (see "
        "docs/hpack-conformance.md)",
    )
    options.add_argument("--json", action="store_true", help="write the report as JSON")
    options.add_argument(
        "--junit", type=named, metavar="FILE", help="also write the report as JUnit XML"
    )
    options.add_argument(
        "--html", type=named, metavar="FILE", help="also write the report as an HTML page"
    )
    _add_jobs(options)


def _add_jobs(options: argparse.ArgumentParser) -> None:
    options.add_argument(
        "--jobs",
        type=count,
        metavar="N",
        help="number of processes (default: one per core; 1 with --co-process)",
    )


def _add_generate(commands: _Commands) -> None:
    options = _command(commands, "generate", "write this encoder's stories in the corpus format")
    options.add_argument("folder", type=named, metavar="DIR", help="where to write them")
    options.add_argument(
        "--source",
        type=named,
        metavar="FOLDER",
        help=f"folder of raw stories (default: {places.RAW} in the corpus)",
    )
    options.add_argument("--strategy", choices=STRATEGY_NAMES, default="default")
    options.add_argument("--no-huffman", action="store_true")
    options.add_argument(
        "--effort",
        type=count,
        metavar="N",
        help=f"annealing walks for --strategy best (default: {DEFAULT_EFFORT})",
    )


def _add_bound(commands: _Commands) -> None:
    options = _command(
        commands,
        "bound",
        "compare this encoder's strategies with the lower bound for any encoder (needs scipy)",
    )
    options.add_argument(
        "corpus",
        type=named,
        nargs="?",
        metavar="CORPUS",
        help=f"corpus folder (default: ${places.VARIABLE}, then the fetched copy)",
    )
    options.add_argument(
        "-s",
        "--table-size",
        type=table_size,
        default=DEFAULT_TABLE_SIZE,
        metavar="N",
        help="dynamic table size in octets (default: %(default)s)",
    )
    options.add_argument(
        "--effort",
        type=count,
        default=DEFAULT_EFFORT,
        metavar="N",
        help="annealing walks for the strategy best (default: %(default)s)",
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
        help="where to put the corpus, or an existing copy to verify (default: a cache folder)",
    )


def _command(commands: _Commands, name: str, text: str) -> argparse.ArgumentParser:
    options = commands.add_parser(
        name,
        help=text,
        description=text[0].upper() + text[1:] + ".",
        allow_abbrev=False,
        formatter_class=HelpFormatter,
    )
    # For conflicts between options, which argparse does not check.
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
    # Outside the block above, which does not report errors of standard output.
    if getattr(options, "json", False):
        # JSON is UTF-8 whatever the locale.  Only file names can contain lone surrogates.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    else:
        sys.stdout.write(text)
    return code


# Each command returns its exit code and what goes to standard output.


def _run(options: argparse.Namespace) -> tuple[int, str]:
    if options.effort is not None and (options.encoder or options.decoder):
        options.refuse("--effort applies to this encoder; leave out --encoder and --decoder")
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
    """Run the tasks and write the report to the files requested."""
    for command in (options.decoder, encoder):
        if command:
            check_command(command)
    jobs = options.jobs
    if jobs is None:
        # One process that answers everything is faster than starting several.
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

        # Only file names can contain lone surrogates, which have no UTF-8 form.
        Path(options.html).write_text(html.render(report), encoding="utf-8", errors="replace")
    text = pretty(report.to_json()) + "\n" if options.json else render_text(report)
    return report.exit_code(), text


def _fuzz(options: argparse.Namespace) -> tuple[int, str]:
    with ended_in_order():
        return fuzz.run(options)


@contextmanager
def ended_in_order() -> Iterator[None]:
    """Make the signals that end a program leave the block cleanly, as Ctrl-C does, so that nothing
    started inside it keeps running."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            # A signal that is already ignored (nohup) stays ignored.
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
        # Running from a source tree that is not installed.
        return "unknown"


def _generate(options: argparse.Namespace) -> tuple[int, str]:
    from hpacktools.conformance.generate import write_stories

    if options.effort is not None and options.strategy != "best":
        options.refuse("--effort needs --strategy best")
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
