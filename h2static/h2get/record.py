"""``h2get record``: ordinary requests, and a script that repeats them.

Contract: :func:`write_script` turns the observed frames into a script that passes if the server
behaves the same again.  Values that vary between runs are expected by form only: dates, and how
content is split into frames.  What every client does automatically (acknowledgments, credit,
GOAWAY) is omitted, because scripts do it, too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from h2static.client.urls import URL
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import build_parser, parse, refuse_others
from h2static.h2get.exit_codes import OK, UNCONNECTED
from h2static.h2get.run import Run
from h2static.h2get.script import words
from h2static.h2get.script.model import Received
from h2static.h2get.script.render import render
from h2static.h2get.watch import Capture, Seen
from h2static.http.fields import Fields
from h2static.http2 import registry as r
from h2static.version import __version__

#: Fields whose values are other ones each time.
VOLATILE: Final = frozenset((b"date", b"age", b"expires"))

#: Options that record nothing, or write to the same place as the script.
_OTHER_USES: Final = frozenset(
    {
        *("json", "verbose", "hexdump", "color", "stat", "har", "remote_name", "include"),
        *("http1", "upgrade", "ws", "script"),
    }
)

#: How an octet that no field has is shown; it stands for the sign of a variable.
_VARIABLE: Final = "\\x01"

USAGE: Final = """\
Usage: h2get record [OPTION]... URI... > FILE

Request the URIs, which must share one origin, as h2get does with the same options, and print a
script that sends the same frames and expects the same responses. -o FILE writes it to a file. The
script is for h2get --script and h2get replay; see docs/h2get.md.
"""


def run_record(words: Sequence[str]) -> int:
    """Run the command.  Raises :class:`UsageError`."""
    if "-h" in words or "--help" in words:
        print(USAGE, end="")
        return OK
    arguments = parse(words)
    taken = vars(arguments).keys() - _OTHER_USES
    refuse_others(build_parser(), arguments, "record", taken)
    target = arguments.output[0] if arguments.output else None
    arguments.output = []
    arguments.null_out = True
    capture = Capture()
    run = Run(arguments, capture)
    if len({url.origin for url in run.urls}) != 1:
        raise UsageError("record: the URIs do not share one origin")
    code = run.start()
    if code == UNCONNECTED:
        return code
    if not any(one.sent and one.frame.type == r.SETTINGS for one in capture.seen):
        raise UsageError(f"record: {run.urls[0].origin} does not speak HTTP/2")
    text = write_script(capture.seen, run.urls[0])
    if target is None:
        output.Standard().write(text)
        return code
    with output.open_file(target) as file:
        file.write(text.encode())
    return code


def write_script(seen: Sequence[Seen], url: URL) -> str:
    """The script of what was seen at the origin of ``url``."""
    lines = [f"# Recorded by h2get {__version__}", f"# uri: {url}", "", "case: recorded"]
    connections = 0
    for number, one in enumerate(seen):
        frame = one.frame
        if one.sent and frame.type == r.SETTINGS and not frame.flags & r.ACK:
            connections += 1
            if connections > 1:
                lines.append(f"connect c{connections}")
            settings = render(frame).removeprefix("SETTINGS").strip()
            lines.append(f"handshake {settings}".rstrip())
        elif one.sent:
            lines += _sent(frame, url)
        else:
            lines += _received(frame, seen[number + 1 :])
    return "\n".join(lines) + "\n"


def _sent(frame: Received, url: URL) -> list[str]:
    if frame.type in (r.SETTINGS, r.PING, r.GOAWAY):
        return []
    if frame.type == r.WINDOW_UPDATE and frame.stream:
        return []
    if frame.type == r.CONTINUATION:
        return []
    shown = Received(
        type=frame.type, flags=frame.flags, stream=frame.stream, values=frame.values,
        fields=None if frame.fields is None else _portable(frame.fields, url),
    )  # fmt: skip
    if frame.type == r.HEADERS:
        # A script cuts blocks by itself.
        shown.flags |= r.END_HEADERS
    text = render(shown).replace("$", "\\x24")
    return ["> " + text.replace(_VARIABLE, "$")]


def _portable(fields: Fields, url: URL) -> Fields:
    """Replace the server's name by variables, so that the script works with other servers."""
    authority = url.origin.authority
    result = []
    for name, value in fields:
        if name == b":authority" and value == authority:
            result.append((name, b"\x01authority"))
        elif name == b":scheme":
            result.append((name, b"\x01scheme"))
        else:
            result.append((name, value))
    return tuple(result)


def _received(frame: Received, later: Sequence[Seen]) -> list[str]:
    if frame.type == r.DATA:
        if not frame.flags & r.END_STREAM:
            return []
        return [f"< DATA stream={frame.stream} END_STREAM"]
    if frame.type == r.HEADERS:
        end = " END_STREAM" if frame.flags & r.END_STREAM else ""
        return [f"< HEADERS stream={frame.stream}{end}", *_expected(frame.fields or ())]
    if frame.type == r.PUSH_PROMISE:
        promised = frame.values.get("promised")
        head = f"< PUSH_PROMISE stream={frame.stream} promised={promised}"
        path = dict(frame.fields or ()).get(b":path", b"")
        return [head, f"    :path: {_value(path)}"]
    if frame.type == r.RST_STREAM or (
        frame.type == r.GOAWAY and frame.values.get("code") != r.ErrorCode.NO_ERROR
    ):
        code = frame.values.get("code")
        assert isinstance(code, int)
        name = r.error_name(code)
        code_text = name if name != "UNKNOWN" else str(code)
        stream = f" stream={frame.stream}" if frame.stream else ""
        return [f"< {r.FRAME_NAMES[frame.type]}{stream} code={code_text}"]
    return []


def _expected(fields: Fields) -> list[str]:
    lines = []
    for name, value in fields:
        shown = "~.*" if name in VOLATILE else _value(value)
        lines.append(f"    {words.escape_name(name)}: {shown}")
    return lines


def _value(value: bytes) -> str:
    text = words.escape(value).replace("$", "\\x24")
    # A tilde would begin a regular expression.
    return f"\\x7e{text[1:]}" if text.startswith("~") else text
