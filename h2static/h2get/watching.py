"""Observers by option: logs while it happens, expectations at the end.

Contract: :class:`Watching` gives each connection its observers, and reports at the end which
expectation failed.
"""

from __future__ import annotations

import os
import ssl
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from h2static.client import HTTP1, Observers, Origin
from h2static.h2get import output
from h2static.h2get.arguments import Arguments

if TYPE_CHECKING:
    from h2static.h2get.script.model import Expect, Never
    from h2static.h2get.watch import Capture
    from h2static.logs.client_frames import ClientFrameLog


class Watching:
    """Creates the observers of connections, and checks expectations at the end."""

    def __init__(
        self, arguments: Arguments, standard: output.Standard, capture: Capture | None = None
    ) -> None:
        """``capture`` writes down what is sent and received.

        Raises :class:`~h2static.errors.UsageError` for expectations that cannot be read.
        """
        self._arguments = arguments
        self._standard = standard
        self._capture = capture
        self._expectations: list[Expect | Never] = []
        if arguments.expect or arguments.expect_file or arguments.no_frame:
            from h2static.h2get.expect import read_expectations
            from h2static.h2get.watch import Capture

            self._expectations = read_expectations(
                arguments.expect, arguments.expect_file, arguments.no_frame
            )
            self._capture = capture or Capture()

    def difference(self) -> str | None:
        """The first expectation that does not hold, as lines to show; ``None``: all hold."""
        if self._capture is None:
            return None
        from h2static.h2get.expect import difference

        return difference(self._expectations, self._capture.frames)

    def observers(self, origin: Origin) -> Observers:
        """The observers of a connection to ``origin``."""
        arguments, standard = self._arguments, self._standard
        observers = Observers()
        if arguments.json:
            from h2static.h2get.json_log import JSONLog

            observers = JSONLog(origin, standard.write, standard.flush).observers()
        elif arguments.verbose or arguments.hexdump:
            log = self._log() if arguments.verbose else None
            observers = Observers(
                frames=log,
                heads=log,
                octets=self._dump if arguments.hexdump else _nothing,
                turned=standard.flush,
                connected=_shown(log) if log is not None else _nothing,
            )
        if self._capture is None:
            return observers
        return self._capture.beside(observers)

    def _log(self) -> ClientFrameLog:
        from h2static.logs.client_frames import ClientFrameLog

        began = time.monotonic()
        color = self._arguments.color
        if color is None:
            color = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        return ClientFrameLog(self._standard.write, lambda: time.monotonic() - began, color=color)

    def _dump(self, octets: bytes) -> None:
        from h2static.logs.frames import hexdump

        self._standard.write(hexdump(octets))


def _nothing(*_: object) -> None:
    """The observer that does nothing."""


def _shown(log: ClientFrameLog) -> Callable[[ssl.SSLSocket | None, str], None]:
    def connected(tls: ssl.SSLSocket | None, protocol: str) -> None:
        log.connected()
        if tls is not None:
            log.negotiated(tls.selected_alpn_protocol() or f"none, so {HTTP1}")

    return connected
