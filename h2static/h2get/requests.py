"""From a URI and ``h2get``'s options to the request, its content, and how to connect.

Contract: pure, except for the file of ``-d``, which is read or opened here.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import Final

from h2static.client.content import FileBody, OctetsBody
from h2static.client.options import (
    HTTP1,
    HTTP2,
    LARGEST_CONNECTION_WINDOW,
    LARGEST_STREAM_WINDOW,
    ConnectOptions,
)
from h2static.errors import UsageError
from h2static.h2get.arguments import Arguments
from h2static.http.bodies import Body
from h2static.http.fields import Field, Fields
from h2static.http.priority import DEFAULT_URGENCY
from h2static.http2 import registry as r
from h2static.http2.settings import LocalSettings
from h2static.version import __version__

#: Octets of padding that a frame can carry, the Pad Length octet included.
_MOST_PADDING: Final = 256
#: Fields that do not fit into one frame.
_LARGE_FIELDS: Final = tuple(
    (b"x-continuation-%d" % number, b"-" * 4_096) for number in range(1, 7)
)


def connect_options(arguments: Arguments) -> ConnectOptions:
    """How to connect."""
    return ConnectOptions(
        protocols=(HTTP1,) if arguments.http1 else (HTTP2, HTTP1),
        upgrade=arguments.upgrade,
        resolve=tuple(arguments.resolve),
        connect_to=tuple(arguments.connect_to),
        unix_socket=arguments.unix_socket,
        proxy=arguments.proxy,
        connect_seconds=arguments.connect_timeout or None,
        verify=not arguments.insecure,
        ca_file=arguments.cacert,
        cert_file=arguments.cert,
        key_file=arguments.key,
        server_name=arguments.sni,
        key_log_file=os.environ.get("SSLKEYLOGFILE") or None,
        settings=_settings(arguments),
    )


def _settings(arguments: Arguments) -> LocalSettings:
    sizes = arguments.header_table_size
    smallest = min(sizes[:-1], default=None)
    connection = arguments.connection_window_bits
    stream = arguments.window_bits
    return LocalSettings(
        header_table_size=sizes[-1] if sizes else None,
        # nghttp's rule: given several times, the table is as if it had been changed in between.
        passing_header_table_size=(
            smallest if smallest is not None and smallest < sizes[-1] else None
        ),
        encoder_header_table_size=arguments.encoder_header_table_size,
        max_concurrent_streams=arguments.max_concurrent_streams,
        initial_window_size=r.INITIAL_WINDOW_SIZE if stream is None else stream,
        largest_stream_window=LARGEST_STREAM_WINDOW if stream is None else 0,
        connection_window_size=r.INITIAL_WINDOW_SIZE if connection is None else connection,
        largest_connection_window=LARGEST_CONNECTION_WINDOW if connection is None else 0,
        assumed_streams=arguments.peer_max_concurrent_streams,
        padding=min(arguments.padding, _MOST_PADDING),
        enable_push=not arguments.no_push,
    )


def method(arguments: Arguments) -> str:
    """The method of the requests for the URIs."""
    if arguments.request is not None:
        return arguments.request
    if arguments.head:
        return "HEAD"
    return "GET" if arguments.data is None else "POST"


def fields(arguments: Arguments, index: int, content: Body | None) -> list[Field]:
    """The fields of the request for URI number ``index``: the usual ones and those of ``-H``.

    An empty value of ``-H`` takes a usual field away.
    """
    usual: list[Field] = [
        (b"accept", b"*/*"),
        (b"accept-encoding", b"gzip, deflate"),
        (b"user-agent", b"h2get/" + __version__.encode("ascii")),
    ]
    priority = _priority(arguments, index)
    if priority:
        usual.append((b"priority", priority))
    if content is not None:
        if content.length is not None and not arguments.no_content_length:
            usual.append((b"content-length", b"%d" % content.length))
        if arguments.trailer:
            usual.append((b"trailer", b", ".join(name for name, _ in arguments.trailer)))
        if arguments.expect_continue:
            usual.append((b"expect", b"100-continue"))
    written = {name for name, _ in arguments.header}
    known = {name for name, _ in usual}
    result = [field for field in usual if field[0] not in written]
    result += [field for field in arguments.header if field[1] or field[0] not in known]
    if arguments.continuation:
        result += _LARGE_FIELDS
    return result


def _priority(arguments: Arguments, index: int) -> bytes:
    """The priority field of URI number ``index``; the last value holds for all that follow."""
    if arguments.extpri:
        return arguments.extpri[min(index, len(arguments.extpri) - 1)].encode("latin-1", "replace")
    if arguments.weight:
        urgency = arguments.weight[min(index, len(arguments.weight) - 1)]
        return b"" if urgency == DEFAULT_URGENCY else b"u=%d" % urgency
    return b""


class Upload:
    """The content of ``-d``, for as many requests as there are."""

    def __init__(self, arguments: Arguments) -> None:
        """Raises :class:`UsageError` when the file cannot be read."""
        self._path = arguments.data
        self._trailers: Fields = tuple(arguments.trailer)
        self._counted = not arguments.no_content_length
        self._octets: bytes | None = None
        if self._path is None:
            return
        try:
            if self._path == "-":
                self._octets = sys.stdin.buffer.read()
                return
            with open(self._path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    self._octets = file.read()
        except OSError as error:
            raise UsageError(f"--data {self._path}: {error.strerror}") from error

    def body(self) -> Body | None:
        """The content, to be read once; ``None`` without ``-d``.  Raises :class:`UsageError`."""
        if self._path is None:
            return None
        if self._octets is not None:
            return OctetsBody(self._octets, self._trailers, counted=self._counted)
        try:
            return FileBody(self._path, self._trailers, counted=self._counted)
        except OSError as error:
            raise UsageError(f"--data {self._path}: {error.strerror}") from error
