"""``make conformance``: run ``h2get conformance`` against every server; results go to ``docs/``.

Contract: one command runs each installed server, one after the other, and writes
``docs/conformance.md``; servers that are not installed are listed with the command to install them.
The exit code is 1 if h2static breaks a MUST.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import anyio

from benchmarks.conformance_peers import PEERS, Absent, Peer, running
from benchmarks.peers import PeerFailed
from h2static.client.urls import parse_url
from h2static.h2get.arguments import parse
from h2static.h2get.conformance import run_cases, shipped_cases
from h2static.h2get.script.run import Result, Verdict

TARGET: Final = Path(__file__).resolve().parent.parent / "docs/conformance.md"
#: Seconds to wait for an answer; a local server that has not answered by then never will.
_SECONDS: Final = 3.0
#: Number of concurrent cases.
_JOBS: Final = 4

_MARKS: Final = {
    Verdict.PASSED: "ok", Verdict.FAILED: "**fails**", Verdict.SILENT: "silent",
    Verdict.WIDENED: "widened", Verdict.SKIPPED: "n/a",
}  # fmt: skip

_HEAD: Final = """\
# HTTP/2 conformance of eight servers

`make conformance` runs `h2get conformance` against each server and writes this page. All servers
use cleartext HTTP/2 with prior knowledge, in the versions of Debian or PyPI, with few settings
(`benchmarks/configuration/`). Each case expects the frame that the RFC names, with its error code
and last stream; that the same connection (after stream errors) or another one (after connection
errors) survives; and that nothing forbidden arrives.

| word | meaning |
|---|---|
| ok | the server does what the RFC says |
| **fails** | it does something else; in *italics* if the RFC says SHOULD or RECOMMENDED |
| widened | it turns a stream error into a connection error with the right code: allowed (RFC 9113 \
section 5.4.1), but other streams end with it |
| silent | it closes the connection without the GOAWAY that the RFC says it SHOULD send |
| n/a | the server does not offer the tested feature |

hypercorn, granian and uvicorn serve a small application
(`benchmarks/configuration/application.py`), which is responsible for the results on methods and
conditions.

"""


@dataclass(slots=True, kw_only=True)
class Column:
    """A server and the results of its cases."""

    name: str
    version: str
    results: list[Result]


async def _run(url: str) -> list[Result]:
    address = parse_url(url)
    return await run_cases(
        parse([url]), address, shipped_cases(address), seconds=_SECONDS, jobs=_JOBS,
        told=lambda result: None,
    )  # fmt: skip


def measure(peer: Peer) -> Column:
    """Run the suite against ``peer``.

    Raises :class:`~benchmarks.conformance_peers.Absent` and PeerFailed.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        running(peer, Path(folder)) as url,
    ):
        results = anyio.run(partial(_run, url))
        return Column(name=peer.name, version=peer.version_line(), results=results)


def markdown(columns: Sequence[Column], absent: Sequence[tuple[str, str]]) -> str:
    """The page in Markdown."""
    names = [column.name for column in columns]
    lines = [_HEAD.rstrip(), "", "## In short", ""]
    lines += [_row(["", *names]), _row(["---", *["---"] * len(names)])]
    for verdict, text in (
        (Verdict.PASSED, "ok"), (Verdict.FAILED, "fails a MUST"), (None, "fails a SHOULD"),
        (Verdict.WIDENED, "widened"), (Verdict.SILENT, "silent"), (Verdict.SKIPPED, "n/a"),
    ):  # fmt: skip
        lines.append(_row([text, *(str(_count(column, verdict)) for column in columns)]))
    lines += ["", *(f"- {column.name}: {column.version}" for column in columns)]
    lines += [f"- {name}: not installed ({install})" for name, install in absent]
    lines += ["", "## Case by case", "", _row(["section", "case", *names])]
    lines.append(_row(["---"] * (2 + len(names))))
    for number, result in enumerate(columns[0].results):
        marks = [_mark(column.results[number]) for column in columns]
        lines.append(_row([result.case.section, _escaped(result.case.name), *marks]))
    for column in columns:
        broken = [one for one in column.results if one.is_broken]
        if broken:
            lines += ["", f"## What {column.name} does otherwise", ""]
            lines += [_difference(one) for one in broken]
    return "\n".join(lines) + "\n"


def _count(column: Column, verdict: Verdict | None) -> int:
    if verdict in (Verdict.FAILED, None):
        counts = Counter(one.is_broken for one in column.results if one.verdict is Verdict.FAILED)
        return counts[verdict is Verdict.FAILED]
    return sum(one.verdict is verdict for one in column.results)


def _mark(result: Result) -> str:
    if result.verdict is Verdict.FAILED and not result.is_broken:
        return "*fails*"
    return _MARKS[result.verdict]


def _difference(result: Result) -> str:
    got = result.got if len(result.got) < 160 else f"{result.got[:160]}…"
    return (
        f"- {result.case.name} ({result.case.section}): expected `{_code(result.expected)}`, "
        f"got `{_code(got)}`"
    )


def _code(text: str) -> str:
    return text.replace("`", "'")


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("_", "\\_")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all servers, or those named, and write the page."""
    options = argparse.ArgumentParser(prog="make conformance", description=__doc__)
    options.add_argument("names", nargs="*", help="servers (default: all)")
    options.add_argument("--output", default=TARGET, type=Path, help="where to write the page")
    chosen = options.parse_args(arguments)
    columns: list[Column] = []
    absent: list[tuple[str, str]] = []
    for peer in PEERS:
        if chosen.names and peer.name not in chosen.names:
            continue
        try:
            columns.append(measure(peer))
        except Absent as error:
            absent.append((peer.name, str(error)))
            print(f"{peer.name}: not installed ({error})")
            continue
        except PeerFailed as error:
            print(error, file=sys.stderr)
            return 1
        counts = Counter(one.verdict.value for one in columns[-1].results)
        print(f"{peer.name}: {', '.join(f'{count} {name}' for name, count in counts.items())}")
    if not columns:
        return 1
    chosen.output.write_text(markdown(columns, absent), encoding="utf-8")
    print(f"{chosen.output} written")
    ours = [one for column in columns if column.name == "h2static" for one in column.results]
    return 1 if any(one.is_broken for one in ours) else 0


if __name__ == "__main__":
    sys.exit(main())
