"""``h2get replay``: runs a script against its server, another one, or two to compare them.

Contract: :func:`run_replay` returns 0 if nothing differs from the script, or between the two.
Everything is sent whatever arrives, and all differences are shown, not only the first.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Final

import anyio

from h2static.client import ConnectError, OptionError
from h2static.client.urls import URL, parse_url
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import CONNECTING, Arguments, build_parser, parse_with, refuse_others
from h2static.h2get.exit_codes import FAILED, OK, UNCONNECTED
from h2static.h2get.record import VOLATILE
from h2static.h2get.script.model import Case, Received
from h2static.h2get.script.render import render
from h2static.h2get.script.run import Result, run_case
from h2static.h2get.scripts import EXPECTATION_SECONDS, read_script, script_options, within
from h2static.http2 import registry as r

_URI: Final = re.compile(r"# uri: (\S+)")

USAGE: Final = """\
Usage: h2get replay [OPTION]... SCRIPT [URI] [--against URI]

Send the frames in SCRIPT (recorded by h2get record or written by hand) to URI, or to the server
that SCRIPT names, and show where the responses differ from those in SCRIPT. With --against, send
them to both servers and show where the two differ. --ignore NAME ignores a field; repeatable.
h2get's options for connections and time limits work, too. Exit status: 0 no differences, 1 some,
2 usage error, 3 could not connect.
"""


class _Arguments(Arguments):
    against: str | None
    ignore: list[str]


def run_replay(words: Sequence[str]) -> int:
    """Run the command.  Raises :class:`UsageError`."""
    if "-h" in words or "--help" in words:
        print(USAGE, end="")
        return OK
    parser = build_parser()
    parser.add_argument("--against", metavar="URI")
    parser.add_argument("--ignore", metavar="NAME", action="append", default=[])
    arguments = parse_with(parser, words, _Arguments())
    refuse_others(parser, arguments, "replay", {*CONNECTING, "against", "ignore"})
    if not 1 <= len(arguments.uris) <= 2:
        raise UsageError("replay: expected SCRIPT [URI]; see h2get replay --help")
    name, *uris = arguments.uris
    try:
        first = parse_url(uris[0] if uris else _recorded_uri(name))
        second = None if arguments.against is None else parse_url(arguments.against)
    except OptionError as error:
        raise UsageError(str(error)) from error
    return anyio.run(within, arguments.max_time, partial(_replay, arguments, name, first, second))


def _recorded_uri(name: str) -> str:
    try:
        match = _URI.search(Path(name).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"{name}: {reason}") from error
    if match is None:
        raise UsageError(f"{name}: contains no URI: pass one")
    return match[1]


async def _replay(arguments: _Arguments, name: str, first: URL, second: URL | None) -> int:
    standard = output.Standard()
    urls = [first] if second is None else [first, second]
    found: list[list[Result]] = []
    for url in urls:
        cases = read_script(name, url)
        try:
            found.append([await _run(arguments, case, url) for case in cases])
        except OptionError as error:
            raise UsageError(str(error)) from error
        except ConnectError as error:
            output.complain(str(error))
            return UNCONNECTED
    if second is not None:
        one, other = (
            _normal(results, arguments.ignore, url.origin.authority)
            for results, url in zip(found, urls, strict=True)
        )
        names = str(first.origin), str(second.origin)
        text = "\n".join(difflib.unified_diff(one, other, *names, lineterm="", n=100))
    else:
        text = "\n".join(_differences(name, found[0]))
    if text:
        standard.write(text + "\n")
        standard.flush()
    return FAILED if text else OK


async def _run(arguments: _Arguments, case: Case, url: URL) -> Result:
    return await run_case(
        case,
        url.origin,
        script_options(arguments),
        path=url.target.decode("ascii"),
        seconds=arguments.timeout or EXPECTATION_SECONDS,
        go_on=True,
    )


def _differences(name: str, results: Sequence[Result]) -> list[str]:
    """Where the answers are not those of the script."""
    lines = []
    for result in results:
        for line, expected, got in result.differences:
            lines += [f"{name}:{line}:", f"- {expected}", f"+ {got}"]
    return lines


# ---------------------------------------------------------------------- two servers


def _normal(results: Sequence[Result], ignored: Sequence[str], authority: bytes) -> list[str]:
    """The responses by stream, without values that vary between runs and the server's name."""
    left_out = {name.lower().encode() for name in ignored}
    lines: list[str] = []
    for result in results:
        for connection, frames in result.received.items():
            lines.append(f"{result.case.name}, connection {connection}")
            for stream, some in sorted(_by_stream(frames).items()):
                lines.append(f"  stream {stream}" if stream else "  the connection")
                for frame in some:
                    lines += [f"    {one}" for one in _lines(frame, left_out, authority)]
    return lines


def _by_stream(frames: Sequence[Received]) -> Mapping[int, list[Received]]:
    streams: dict[int, list[Received]] = {}
    for frame in frames:
        if frame.type in (None, r.WINDOW_UPDATE, r.PING) or (
            frame.type == r.SETTINGS and frame.flags & r.ACK
        ):
            continue
        row = streams.setdefault(frame.stream, [])
        if frame.type == r.DATA and row and row[-1].type == r.DATA:
            # How content is cut does not matter.
            last = row[-1]
            row[-1] = replace(
                last,
                flags=last.flags | frame.flags,
                values={"data": _data(last) + _data(frame)},
            )
        else:
            row.append(frame)
    return streams


def _data(frame: Received) -> bytes:
    data = frame.values.get("data", b"")
    return data if isinstance(data, bytes) else b""


def _lines(frame: Received, left_out: set[bytes], authority: bytes) -> list[str]:
    if frame.type == r.DATA:
        data = _data(frame)
        end = " END_STREAM" if frame.flags & r.END_STREAM else ""
        return [f"DATA{end} octets={len(data)} sha256={sha256(data).hexdigest()[:16]}"]
    fields = frame.fields
    if fields is not None:
        fields = tuple(
            (name, b"(varies)" if name in VOLATILE else value.replace(authority, b"$authority"))
            for name, value in fields
            if name not in left_out
        )
    values = {key: value for key, value in frame.values.items() if key != "padding"}
    shown = replace(frame, fields=fields, values=values, flags=frame.flags & ~r.PADDED)
    return render(shown).split("\n")
