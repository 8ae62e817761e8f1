"""``h2get conformance``: runs the built-in suite against a server.

Contract: :func:`run_conformance` returns 0 if every MUST case that applies to the server has
passed.  Closing the connection is not enough: a case passes if the frame that the RFC requires has
arrived, with its code and its last stream, and other streams and connections stay open.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files
from typing import Final

import anyio

from h2static.client import ConnectError, OptionError
from h2static.client.urls import URL, parse_url
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import (
    CONNECTING,
    Arguments,
    build_parser,
    option_type,
    parse_with,
    refuse_others,
)
from h2static.h2get.exit_codes import FAILED, OK, UNCONNECTED
from h2static.h2get.script.model import Case
from h2static.h2get.script.parse import parse_script
from h2static.h2get.script.run import Result, Verdict, run_case
from h2static.h2get.scripts import (
    EXPECTATION_SECONDS,
    read_script,
    script_options,
    transcript,
    variables,
    within,
)
from h2static.quantities import integer

#: Cases that run at the same time, each on connections of its own.
_JOBS: Final = 8

USAGE: Final = """\
Usage: h2get conformance [OPTION]... URI

Check a server against RFC 9113, 7541, 9110 and 9218. GET on URI must return 200 with some
content. Each case states what it expects: the frame, its code, its last stream, and that other
streams and connections stay open.

  --case TEXT      run only cases whose name or section contains TEXT; repeatable
  --suite FILE     run the cases in FILE instead of the built-in ones; repeatable
  --list           list the cases
  --jobs N         number of concurrent cases (default: 8)
  --junit FILE     write a report for CI servers
  --html FILE      write a report for people
  -t TIME          how long to wait for each expectation (default: 5s)
  -v               show what every failing case sent and received

h2get's options for connections and --max-time work, too. Exit status: 0 all MUST requirements are
met, 1 some are not, 2 usage error, 3 could not connect.
"""


class _Arguments(Arguments):
    case: list[str]
    suite: list[str]
    list: bool
    jobs: int
    junit: str | None
    html: str | None


def shipped_cases(url: URL) -> list[Case]:
    """The built-in cases."""
    folder = files("h2static.h2get").joinpath("suite")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".h2s"))
    return [
        case
        for name in names
        for case in parse_script(
            folder.joinpath(name).read_text(encoding="utf-8"), name, variables(url)
        )
    ]


def run_conformance(words: Sequence[str]) -> int:
    """Run the command.  Raises :class:`UsageError`."""
    if "-h" in words or "--help" in words:
        print(USAGE, end="")
        return OK
    parser = build_parser()
    parser.add_argument("--case", action="append", default=[])
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--jobs", type=option_type(integer(1, 1_000)), default=_JOBS)
    parser.add_argument("--junit")
    parser.add_argument("--html")
    arguments = parse_with(parser, words, _Arguments())
    refuse_others(
        parser, arguments, "conformance",
        {*CONNECTING, "verbose", "case", "suite", "list", "jobs", "junit", "html"},
    )  # fmt: skip
    if not arguments.uris and arguments.list:
        arguments.uris = ["http://localhost/"]
    if len(arguments.uris) != 1:
        raise UsageError("conformance: expected one URI; see h2get conformance --help")
    try:
        url = parse_url(arguments.uris[0])
    except OptionError as error:
        raise UsageError(str(error)) from error
    cases = _chosen(arguments, url)
    standard = output.Standard()
    if arguments.list:
        for case in cases:
            standard.write(f"{case.section or '-':<28} {case.level:<6} {case.name}\n")
        return OK
    return anyio.run(within, arguments.max_time, partial(_run, arguments, url, cases, standard))


def _chosen(arguments: _Arguments, url: URL) -> list[Case]:
    """The cases to run.  Raises :class:`UsageError`."""
    if arguments.suite:
        cases = [case for name in arguments.suite for case in read_script(name, url)]
    else:
        cases = shipped_cases(url)
    if arguments.case:
        cases = [
            case
            for case in cases
            if any(text.lower() in f"{case.section} {case.name}".lower() for text in arguments.case)
        ]
    if not cases:
        raise UsageError("--case: no case matches")
    return cases


async def _run(
    arguments: _Arguments, url: URL, cases: list[Case], standard: output.Standard
) -> int:
    def told(result: Result) -> None:
        standard.write(line_of(result))
        if result.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
            if arguments.verbose:
                standard.write(transcript(result))
            standard.write(f"      expected: {result.expected}\n      got:      {result.got}\n")
        standard.flush()

    try:
        results = await run_cases(
            arguments, url, cases, seconds=arguments.timeout or EXPECTATION_SECONDS, told=told,
            jobs=arguments.jobs,
        )  # fmt: skip
    except OptionError as error:
        raise UsageError(str(error)) from error
    except ConnectError as error:
        output.complain(str(error))
        return UNCONNECTED
    standard.write(summary(results))
    standard.flush()
    from h2static.h2get import reports

    for path, text in (
        (arguments.junit, reports.junit), (arguments.html, reports.html),
    ):  # fmt: skip
        if path is not None:
            with output.open_file(path) as file:
                file.write(text(results, str(url)).encode())
    return FAILED if any(result.is_broken for result in results) else OK


async def run_cases(
    arguments: Arguments,
    url: URL,
    cases: Sequence[Case],
    *,
    seconds: float,
    jobs: int,
    told: Callable[[Result], None],
) -> list[Result]:
    """Run ``cases``, ``jobs`` of them concurrently; ``told`` gets each result in order.

    Raises :class:`~h2static.client.ConnectError`.
    """
    options = script_options(arguments)
    results: dict[int, Result] = {}
    failures: list[Exception] = []
    next_told = 0
    limiter = anyio.CapacityLimiter(jobs)

    async def one(number: int, case: Case) -> None:
        nonlocal next_told
        async with limiter:
            try:
                results[number] = await run_case(
                    case, url.origin, options, path=url.target.decode("ascii"), seconds=seconds
                )
            except Exception as error:
                failures.append(error)
                tasks.cancel_scope.cancel()
                return
        while next_told in results:
            told(results[next_told])
            next_told += 1

    async with anyio.create_task_group() as tasks:
        for number, case in enumerate(cases):
            tasks.start_soon(one, number, case)
    if failures:
        raise failures[0]
    return [results[number] for number in range(len(cases))]


#: How a verdict is shown.
_MARKS: Final = {
    Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.SILENT: "silent",
    Verdict.WIDENED: "widened", Verdict.SKIPPED: "skipped",
}  # fmt: skip


def line_of(result: Result) -> str:
    """A line for a case."""
    case = result.case
    level = "" if case.level == "MUST" else f" ({case.level})"
    return f"{_MARKS[result.verdict]:<8} {case.section:<26} {case.name}{level}\n"


def summary(results: Sequence[Result]) -> str:
    """The number of cases by verdict."""
    counts = Counter(result.verdict for result in results)
    parts = [f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict]]
    cases = "case" if len(results) == 1 else "cases"
    return f"{len(results)} {cases}: {', '.join(parts)}\n"
