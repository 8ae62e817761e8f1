"""The command line of ``h2get``.

Contract: :func:`parse` turns the command line into :class:`Arguments`, or raises
:class:`~h2static.errors.UsageError` with a one-line message.  nghttp's letters keep their meanings.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Final, NoReturn, TypeVar

from h2static.client.options import Place
from h2static.errors import UsageError
from h2static.h2get import values
from h2static.quantities import integer

_DESCRIPTION = "Request URIs over HTTP/2, several on one connection, and show every frame."
_EPILOG = """\
For http://, h2get uses HTTP/2 with prior knowledge; for https://, ALPN with HTTP/1.1 as fallback.
SIZE may end in K, M or G (powers of 1024), TIME in h, m, s or ms. SSLKEYLOGFILE names a file for
TLS secrets. Exit status: 0 success, 1 a response or an expectation failed, 2 usage error, 3 could
not connect. Commands (in place of URI): record, replay, conformance, completion; see h2get COMMAND
--help.
"""


class Arguments(argparse.Namespace):
    """The parsed command line; an attribute for each option."""

    uris: list[str]
    # --- requests
    request: str | None
    head: bool
    header: list[tuple[bytes, bytes]]
    data: str | None
    trailer: list[tuple[bytes, bytes]]
    expect_continue: bool
    no_content_length: bool
    continuation: bool
    multiply: int
    get_assets: bool
    location: bool
    max_redirects: int
    weight: list[int]
    extpri: list[str]
    timeout: float
    max_time: float
    ws: bool
    # --- connections
    upgrade: bool
    http1: bool
    resolve: list[tuple[Place, tuple[str, ...]]]
    connect_to: list[tuple[Place, Place]]
    unix_socket: str | None
    proxy: str | None
    connect_timeout: float
    insecure: bool
    cacert: str | None
    sni: str | None
    cert: str | None
    key: str | None
    # --- HTTP/2
    window_bits: int | None
    connection_window_bits: int | None
    header_table_size: list[int]
    encoder_header_table_size: int
    padding: int
    peer_max_concurrent_streams: int
    max_concurrent_streams: int
    no_push: bool
    # --- output
    verbose: bool
    json: bool
    null_out: bool
    output: list[str]
    remote_name: bool
    include: bool
    fail: bool
    stat: bool
    har: str | None
    expect: list[str]
    expect_file: list[str]
    no_frame: list[str]
    script: str | None
    hexdump: bool
    color: bool | None


_A = TypeVar("_A", bound=Arguments)


class _Parser(argparse.ArgumentParser):
    """``argparse`` that raises exceptions instead of exiting."""

    def error(self, message: str) -> NoReturn:
        """Raise :class:`UsageError`."""
        message = message.replace("unrecognized arguments:", "unknown option")
        raise UsageError(message.removeprefix("argument "))


def option_type(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """``parse`` for ``argparse``, with its own error messages."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    parser = _Parser(
        prog="h2get", usage="h2get [OPTION]... URI...", description=_DESCRIPTION, epilog=_EPILOG,
        add_help=False, argument_default=None,
    )  # fmt: skip
    parser.add_argument("uris", nargs="*", metavar="URI", help="what to request")
    _add_requests(parser)
    _add_connections(parser)
    _add_protocol(parser)
    _add_output(parser)
    _add_expectations(parser)
    other = parser.add_argument_group("Other")
    other.add_argument("--version", action="store_true", help="print the version")
    other.add_argument("-h", "--help", action="store_true", help="print this text")
    return parser


def _add_requests(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("Requests").add_argument
    add("-X", "--request", metavar="METHOD", help="request method (default: GET, or POST with -d)")
    add("-I", "--head", action="store_true", help="send HEAD and print the header section")
    add("-H", "--header", metavar="FIELD", action="append", default=[],
        type=option_type(values.header),
        help="add a field, or replace a default one: -H ':method: PUT'")  # fmt: skip
    add("-d", "--data", metavar="PATH", help="send a file with POST; - reads standard input")
    add("--trailer", metavar="FIELD", action="append", default=[], type=option_type(values.trailer),
        help="send a trailer field after the content of -d")  # fmt: skip
    add("--expect-continue", action="store_true",
        help="with -d: wait up to a second for 100 (Continue)")  # fmt: skip
    add("--no-content-length", action="store_true", help="omit content-length")
    add("--continuation", action="store_true",
        help="send enough fields to require CONTINUATION")  # fmt: skip
    add("-m", "--multiply", metavar="N", type=option_type(integer(1, 1_000_000)), default=1,
        help="request each URI N times")  # fmt: skip
    add("-a", "--get-assets", action="store_true",
        help="also request style sheets, scripts and images of pages from the same origin"
        )  # fmt: skip
    add("-L", "--location", action="store_true", help="follow redirects")
    add("--max-redirects", metavar="N", type=option_type(integer(0, 1_000)), default=10,
        help="with -L: follow at most N redirects (default: 10)")  # fmt: skip
    add("-p", "--weight", metavar="N", action="append", default=[], type=option_type(values.weight),
        help="weight of the N-th URI, 1 to 256 (default: 16), sent as an RFC 9218 urgency"
        )  # fmt: skip
    add("--extpri", metavar="PRIORITY", action="append", default=[],
        help="RFC 9218 priority of the N-th URI, such as u=1,i")  # fmt: skip
    add("-t", "--timeout", metavar="TIME", type=option_type(values.duration), default=0.0,
        help="time limit for each request")  # fmt: skip
    add("--max-time", metavar="TIME", type=option_type(values.duration), default=0.0,
        help="time limit for the whole run")  # fmt: skip
    add("--ws", action="store_true",
        help="open a WebSocket: send lines from standard input, print messages"
        )  # fmt: skip


def _add_connections(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("Connections").add_argument
    add("-u", "--upgrade", action="store_true",
        help="upgrade a cleartext HTTP/1.1 connection to HTTP/2")  # fmt: skip
    add("--http1.1", dest="http1", action="store_true", help="use HTTP/1.1")
    add("--resolve", metavar="HOST:PORT:ADDRESS", action="append", default=[],
        type=option_type(values.resolve),
        help="use this address for a host; * matches any port")  # fmt: skip
    add("--connect-to", metavar="HOST1:PORT1:HOST2:PORT2", action="append", default=[],
        type=option_type(values.connect_to),
        help="connect to HOST2:PORT2 instead of HOST1:PORT1")  # fmt: skip
    add("--unix-socket", metavar="PATH", help="connect to a Unix domain socket")
    add("-x", "--proxy", metavar="URL", help="connect through an HTTP proxy, with CONNECT")
    add("--connect-timeout", metavar="TIME", type=option_type(values.duration), default=30.0,
        help="time limit for connecting (default: 30s)")  # fmt: skip
    add("-k", "--insecure", "-y", "--no-verify-peer", action="store_true",
        help="accept any certificate")  # fmt: skip
    add("--cacert", metavar="FILE", help="trust only the CA certificates in this PEM file")
    add("--sni", metavar="NAME", help="server name to send and to verify in the TLS handshake")
    add("--cert", metavar="FILE", help="client certificate, PEM")
    add("--key", metavar="FILE", help="private key of the client certificate, PEM")


def _add_protocol(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("HTTP/2").add_argument
    add("-w", "--window-bits", metavar="N", type=option_type(values.window_bits),
        help="stream windows of 2**N-1 octets (default: 16, growing)")  # fmt: skip
    add("-W", "--connection-window-bits", metavar="N", type=option_type(values.window_bits),
        help="connection window of 2**N-1 octets (default: 16, growing)")  # fmt: skip
    add("-c", "--header-table-size", metavar="SIZE", action="append", default=[],
        type=option_type(values.setting_size),
        help=("size of the HPACK decoder's table; given twice, the size changes from the first"
            " to the second"))  # fmt: skip
    add("--encoder-header-table-size", metavar="SIZE", default=4096,
        type=option_type(values.setting_size),
        help="maximum size of the HPACK encoder's table (default: 4096)")  # fmt: skip
    add("-b", "--padding", metavar="N", type=option_type(integer(0, 2**31 - 1)), default=0,
        help="pad frames with up to N octets")  # fmt: skip
    add("-M", "--peer-max-concurrent-streams", metavar="N", default=100,
        type=option_type(integer(1, 2**31 - 1)),
        help="streams to open at once before the server's SETTINGS arrive (default: 100)"
        )  # fmt: skip
    add("--max-concurrent-streams", metavar="N", default=100,
        type=option_type(integer(0, 2**31 - 1)),
        help="concurrent pushed streams to accept (default: 100)")  # fmt: skip
    add("--no-push", action="store_true", help="disable server push")


def _add_output(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("Output").add_argument
    add("-v", "--verbose", action="store_true", help="print every frame")
    add("--json", action="store_true", help="print every frame as one line of JSON")
    add("--hexdump", action="store_true", help="dump the octets received")
    add(
        "--color",
        action="store_true",
        default=None,
        help="color the log even if the output is not a terminal",
    )
    add("-n", "--null-out", action="store_true", help="discard content")
    add("-o", "--output", metavar="FILE", action="append", default=[],
        help="write the content of the N-th URI to FILE")  # fmt: skip
    add("-O", "--remote-name", action="store_true",
        help="write content to a file named after the URI")  # fmt: skip
    add("-i", "--include", action="store_true", help="print header sections before content")
    add(
        "-f",
        "--fail",
        action="store_true",
        help="treat a status of 400 or above as a failure and discard its content",
    )
    add("-s", "--stat", action="store_true", help="print timing statistics")
    add("-r", "--har", metavar="PATH", help="write requests and responses as HAR; - prints them")


def _add_expectations(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("Expectations (exit status 1 if one fails)").add_argument
    add("--expect", metavar="FRAME", action="append", default=[],
        help=("require this frame, in order: 'HEADERS stream=1 :status=200', '404', 'GOAWAY"
            " code=...'")
        )  # fmt: skip
    add("--expect-file", metavar="FILE", action="append", default=[],
        help="like --expect, one per line, each starting with <")  # fmt: skip
    add("--no-frame", metavar="FRAME", action="append", default=[],
        help="fail if this frame arrives, such as RST_STREAM")  # fmt: skip
    add("--script", metavar="FILE",
        help="run a script that sends and expects frames; see docs/h2get.md")  # fmt: skip


def parse(words: Sequence[str]) -> Arguments:
    """Parse ``words``.  Raises :class:`UsageError`."""
    arguments = parse_with(build_parser(), words, Arguments())
    if not arguments.help and not arguments.version and not arguments.uris:
        raise UsageError("missing URI; see h2get --help")
    return arguments


#: Options for connections and time limits.
CONNECTING: Final = frozenset(
    {
        *("uris", "resolve", "connect_to", "unix_socket", "proxy", "connect_timeout", "insecure"),
        *("cacert", "sni", "cert", "key", "timeout", "max_time"),
    }
)
#: Options that do not work with WebSockets.
_NOT_WITH_WEBSOCKETS: Final = frozenset(
    {
        *("request", "head", "data", "trailer", "expect_continue", "no_content_length"),
        *("multiply", "get_assets", "location", "max_redirects", "timeout", "http1", "upgrade"),
        *("output", "remote_name", "include", "fail", "stat", "har", "script"),
    }
)


def refuse_others(
    parser: argparse.ArgumentParser,
    arguments: Arguments,
    command: str,
    taken: AbstractSet[str],
) -> None:
    """Raise :class:`UsageError` for options other than ``taken``, which ``command`` supports."""
    usual = parser.parse_args([], type(arguments)())
    for name, value in vars(arguments).items():
        if name not in taken and value != getattr(usual, name):
            option = {"http1": "http1.1"}.get(name, name.replace("_", "-"))
            raise UsageError(f"--{option} cannot be combined with {command}")


def parse_with(parser: argparse.ArgumentParser, words: Sequence[str], arguments: _A) -> _A:
    """Parse ``words`` with a parser that has more options.  Raises :class:`UsageError`."""
    parser.parse_intermixed_args(list(words), arguments)
    if not arguments.help and not arguments.version:
        _check(arguments)
        if arguments.ws:
            taken = vars(arguments).keys() - _NOT_WITH_WEBSOCKETS
            refuse_others(parser, arguments, "--ws", taken)
        elif arguments.script is not None:
            refuse_others(parser, arguments, "--script", {*CONNECTING, "script", "verbose"})
    return arguments


def _check(arguments: Arguments) -> None:
    if arguments.trailer and arguments.data is None:
        raise UsageError("--trailer requires -d")
    if arguments.expect_continue and arguments.data is None:
        raise UsageError("--expect-continue requires -d")
    if arguments.key is not None and arguments.cert is None:
        raise UsageError("--key requires --cert")
    if arguments.upgrade and arguments.http1:
        raise UsageError("--upgrade and --http1.1 cannot be combined")
    if arguments.verbose and arguments.json:
        raise UsageError("--verbose and --json cannot be combined")
    if arguments.script is not None and len(arguments.uris) != 1:
        raise UsageError("--script requires exactly one URI")
    if arguments.ws and len(arguments.uris) != 1:
        raise UsageError("--ws requires exactly one URI")
    if len(arguments.output) > len(arguments.uris):
        raise UsageError("--output: more files than URIs")
    if arguments.output and arguments.remote_name:
        raise UsageError("--output and --remote-name cannot be combined")


def help_text() -> str:
    """The text of ``--help``."""
    return build_parser().format_help()
