"""``--ws``: a WebSocket over HTTP/2 on the command line.

Contract: :func:`run_websocket` returns the exit status: 0 if the WebSocket was closed with 1000 or
1001.  Each line of standard input is a text message, without its end; after the end of input the
WebSocket is closed, as soon as nothing has come for a second: servers drop what they have not said
when a client closes.  Each message is a line of standard output, binary ones in hexadecimal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import anyio

from h2static.client import ClientError, ConnectError, OptionError, TunnelRefused, connect
from h2static.client.urls import URL, parse_url
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import Arguments
from h2static.h2get.exit_codes import FAILED, OK, UNCONNECTED
from h2static.h2get.requests import connect_options, fields
from h2static.h2get.watching import Watching
from h2static.logs.escape import escape

#: Seconds of silence after which nothing more is waited for.
_SILENCE: Final = 1.0
#: Characters of a refusal that are shown.
_LONGEST_LINE: Final = 200

if TYPE_CHECKING:
    from h2static.client.websocket import WebSocket

#: The schemes of WebSockets, and those under which the same servers are reached (RFC 8441 section
#: 5).
_SCHEMES = {"ws": "http", "wss": "https"}


def run_websocket(arguments: Arguments) -> int:
    """Open the WebSocket.  Raises :class:`UsageError` or :class:`~h2static.h2get.output.Gone`."""
    scheme, separator, rest = arguments.uris[0].partition("://")
    try:
        url = parse_url(_SCHEMES.get(scheme.lower(), scheme) + separator + rest)
    except OptionError as error:
        raise UsageError(str(error)) from error
    return anyio.run(_run, arguments, url)


async def _run(arguments: Arguments, url: URL) -> int:
    standard = output.Standard()
    watching = Watching(arguments, standard)
    code = OK
    try:
        with anyio.fail_after(arguments.max_time or None):
            await _talk(arguments, url, watching, standard)
    except TimeoutError:
        code = _failed(f"{url}: not finished within {arguments.max_time:g} s")
    except ConnectError as error:
        output.complain(str(error))
        return UNCONNECTED
    except OptionError as error:
        raise UsageError(str(error)) from error
    except TunnelRefused as error:
        code = _failed(f"{url}: {error}{_said(error)}")
    except ClientError as error:
        code = _failed(f"{url}: {error}")
    standard.flush()
    text = watching.difference()
    if text is not None:
        code = _failed("an expectation failed")
        output.show(text)
    return code


def _said(error: TunnelRefused) -> str:
    """The first line of a refusal's content, if it is readable."""
    kind = dict(error.fields).get(b"content-type", b"")
    line = error.content.partition(b"\n")[0].decode("utf-8", "replace").strip()
    return f": {line[:_LONGEST_LINE]}" if line and kind.startswith(b"text/plain") else ""


def _failed(text: str) -> int:
    output.complain(text)
    return FAILED


async def _talk(
    arguments: Arguments, url: URL, watching: Watching, standard: output.Standard
) -> None:
    """Send and print until it is closed.  Raises ClientError."""
    usual = (b"accept", b"accept-encoding")
    asked = [one for one in fields(arguments, 0, None) if one[0] not in usual]
    options = connect_options(arguments)
    async with (
        connect(url.origin, options, watching.observers(url.origin)) as client,
        client.websocket(url.target.decode("ascii"), asked) as websocket,
    ):
        failure: ClientError | None = None
        async with anyio.create_task_group() as tasks:
            came = anyio.Event()
            tasks.start_soon(_send_lines, websocket, lambda: came)
            try:
                async for message in websocket:
                    came.set()
                    came = anyio.Event()
                    if not arguments.null_out and not arguments.json:
                        standard.write(_line(message))
                        standard.flush()
            except ClientError as error:
                # The task group would wrap it in an exception group.
                failure = error
            tasks.cancel_scope.cancel()
        if failure is not None:
            raise failure


async def _send_lines(websocket: WebSocket, news: Callable[[], anyio.Event]) -> None:
    """Send what standard input has, line by line, and close at its end, after a silence.

    ``news`` gives what is set when the next message has come.
    """
    try:
        async for line in _lines():
            await websocket.send(line.decode("utf-8", "replace").rstrip("\r\n"))
        silent = False
        while not silent:
            with anyio.move_on_after(_SILENCE) as scope:
                await news().wait()
            silent = scope.cancelled_caught
        await websocket.close()
    except ClientError:
        # The receiving task gets the error, too.
        return


async def _lines() -> AsyncIterator[bytes]:
    """The lines of standard input, as they arrive."""
    rest = b""
    while octets := await _read():
        *lines, rest = (rest + octets).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest


async def _read() -> bytes:
    """Available octets of standard input; waits for some without a blocking thread."""
    try:
        descriptor = sys.stdin.fileno()
    except OSError:
        # It was put into the place of a file by this process.
        return sys.stdin.buffer.read()
    # Files are always ready, and cannot be waited for.
    with suppress(PermissionError):
        await anyio.wait_readable(descriptor)
    return os.read(descriptor, 65_536)


def _line(message: str | bytes) -> str:
    """A message as a line; a terminal is not to be written to by strangers."""
    if isinstance(message, bytes):
        return f"{message.hex()}\n"
    return f"{escape(message) if sys.stdout.isatty() else message}\n"
