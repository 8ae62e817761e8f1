"""``--script``: runs a script and reports the result.

Contract: :func:`run_script` returns the exit status: 0 if every case has passed.  With ``-v``,
everything sent and received is shown as it happens, otherwise only that of failing cases.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final

import anyio

from h2static.client import HTTP2, ConnectError, ConnectOptions, OptionError
from h2static.client.urls import URL, parse_url
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import Arguments
from h2static.h2get.exit_codes import FAILED, OK, UNCONNECTED
from h2static.h2get.requests import connect_options
from h2static.h2get.script.model import Case, ScriptError
from h2static.h2get.script.parse import parse_script
from h2static.h2get.script.run import Entry, Result, Verdict, run_case
from h2static.logs.escape import escape

#: Seconds that an expectation waits unless it says otherwise or ``-t`` does.
EXPECTATION_SECONDS: Final = 5.0


def script_options(arguments: Arguments) -> ConnectOptions:
    """How scripts connect: HTTP/2 is all that they speak."""
    return replace(connect_options(arguments), protocols=(HTTP2,), upgrade=False)


def variables(url: URL) -> dict[str, str]:
    """The variables for a script, which describe the server."""
    return {
        "scheme": url.origin.scheme,
        "authority": url.origin.authority.decode("ascii"),
        "path": url.target.decode("ascii"),
    }


def read_script(name: str, url: URL) -> list[Case]:
    """The cases of the file ``name``.  Raises :class:`UsageError`."""
    try:
        with open(name, encoding="utf-8") as file:
            return parse_script(file.read(), name, variables(url))
    except ScriptError as error:
        raise UsageError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{name}: {reason}") from error


def run_script(arguments: Arguments) -> int:
    """Carry out the script of ``--script``.  Raises :class:`UsageError`."""
    assert arguments.script is not None
    try:
        url = parse_url(arguments.uris[0])
    except OptionError as error:
        raise UsageError(str(error)) from error
    cases = read_script(arguments.script, url)
    return anyio.run(within, arguments.max_time, partial(_run, arguments, url, cases))


async def within(seconds: float, work: Callable[[], Awaitable[int]]) -> int:
    """The result of ``work``, or 1 if it takes longer than ``--max-time``; 0 means no limit."""
    try:
        with anyio.fail_after(seconds or None):
            return await work()
    except TimeoutError:
        output.complain(f"not finished within {seconds:g} s")
        return FAILED


async def _run(arguments: Arguments, url: URL, cases: list[Case]) -> int:
    standard = output.Standard()
    options = script_options(arguments)
    code = OK
    for case in cases:
        if arguments.verbose and len(cases) > 1:
            standard.write(f"case: {case.name}\n")
        try:
            result = await run_case(
                case,
                url.origin,
                options,
                path=url.target.decode("ascii"),
                seconds=arguments.timeout or EXPECTATION_SECONDS,
                told=partial(_show, standard) if arguments.verbose else None,
            )
        except OptionError as error:
            raise UsageError(str(error)) from error
        except ConnectError as error:
            output.complain(str(error))
            return UNCONNECTED
        if result.verdict is not Verdict.PASSED:
            code = FAILED
            if not arguments.verbose:
                output.show(transcript(result))
            output.show(failure(arguments.script or "", result))
        standard.flush()
    return code


def _show(standard: output.Standard, entry: Entry) -> None:
    standard.write(line_of(entry))
    standard.flush()


def line_of(entry: Entry) -> str:
    """An entry of a transcript as a line, and more lines for fields."""
    name = "" if entry.connection == "main" else f"{entry.connection} "
    first, *rest = entry.text.split("\n")
    lines = [f"[{entry.time:7.3f}] {name}{entry.sign} {first}"]
    lines += [f"          {line}" for line in rest]
    return "\n".join(lines) + "\n"


def transcript(result: Result) -> str:
    """Everything that was sent and received."""
    return "".join(map(line_of, result.transcript))


def failure(name: str, result: Result) -> str:
    """The expected and the received frame, as text."""
    where = f"{name}:{result.line}: " if result.line else ""
    text = f"h2get: {where}{escape(result.case.name)}: {result.verdict.value}\n"
    return text + f"--> expected: {result.expected}\n--> got: {result.got}\n"
