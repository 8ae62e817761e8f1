"""Reports of ``h2get conformance``: JUnit's XML for CI servers, HTML for people.

Contract: both are complete documents; data from a server is escaped.  A JUnit failure is a violated
MUST, as for the exit status; other cases that did not pass are in the case's output.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from h2static.h2get.script.run import Result, Verdict
from h2static.h2get.scripts import transcript
from h2static.version import __version__

_NAMES: Final = {
    Verdict.PASSED: "ok", Verdict.FAILED: "failed", Verdict.SILENT: "silent",
    Verdict.WIDENED: "widened", Verdict.SKIPPED: "skipped",
}  # fmt: skip


def _printable(text: str) -> str:
    """``text`` without what XML cannot carry."""
    return "".join(one if one in "\n\t" or one.isprintable() else "�" for one in text)


def junit(results: Sequence[Result], uri: str) -> str:
    """The results as JUnit has them: a test case each."""
    failed = sum(result.is_broken for result in results)
    skipped = sum(result.verdict is Verdict.SKIPPED for result in results)
    seconds = sum(result.seconds for result in results)
    counts = f'tests="{len(results)}" failures="{failed}" skipped="{skipped}" errors="0"'
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="h2get conformance {escape(uri)}" {counts} time="{seconds:.3f}">',
    ]
    for result in results:
        case = result.case
        head = (
            f'  <testcase classname="{escape(case.section)}" name="{escape(case.name)}" '
            f'time="{result.seconds:.3f}"'
        )
        if result.verdict is Verdict.PASSED:
            lines.append(f"{head}/>")
            continue
        lines.append(f"{head}>")
        reason = escape(_printable(f"expected {result.expected}; got {result.got}"))
        if result.verdict is Verdict.SKIPPED:
            lines.append(f'    <skipped message="{reason}"/>')
        else:
            kind = escape(f"{case.level}: {result.verdict.value}")
            text = escape(_printable(f"{case.text}\n\n{transcript(result)}"))
            if result.is_broken:
                lines.append(f'    <failure type="{kind}" message="{reason}">{text}</failure>')
            else:
                lines.append(f"    <system-out>{kind}: {reason}\n{text}</system-out>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>", ""])


_STYLE: Final = """\
body { font: 15px/1.5 system-ui, sans-serif; margin: 2em auto; max-width: 70em; padding: 0 1em;
  color-scheme: light dark }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #8884; padding: .3em .6em; text-align: left; vertical-align: top }
.ok { color: #1a7f37 } .failed { color: #cf222e; font-weight: bold }
.silent, .widened { color: #9a6700 }
.skipped { color: #888 } pre { overflow-x: auto; font-size: 13px } q { color: #888 }
"""


def html(results: Sequence[Result], uri: str) -> str:
    """The results as a page: a row each, with what was sent and received behind it."""
    counts = [
        f'<span class="{name}">{sum(one.verdict is verdict for one in results)} {name}</span>'
        for verdict, name in _NAMES.items()
    ]
    rows = "\n".join(map(_row, results))
    return (
        "<!doctype html>\n<html lang=en><meta charset=utf-8>\n"
        f"<title>HTTP/2 conformance of {escape(uri)}</title>\n<style>\n{_STYLE}</style>\n"
        f"<h1>HTTP/2 conformance of {escape(uri)}</h1>\n"
        f"<p>{len(results)} cases by h2get {__version__}: {', '.join(counts)}.</p>\n"
        "<table>\n<tr><th>Result<th>Section<th>Level<th>Case\n"
        f"{rows}\n</table>\n"
    )


def _row(result: Result) -> str:
    case, name = result.case, _NAMES[result.verdict]
    detail = f"<q>{escape(case.text)}</q>"
    if result.verdict is not Verdict.PASSED:
        detail += (
            f"<p>Expected: <code>{escape(_printable(result.expected))}</code><br>"
            f"Got: <code>{escape(_printable(result.got))}</code></p>"
        )
    detail += f"<pre>{escape(_printable(transcript(result)))}</pre>"
    return (
        f'<tr><td class="{name}">{name}<td>{escape(case.section)}<td>{case.level}'
        f"<td><details><summary>{escape(case.name)}</summary>{detail}</details>"
    )
