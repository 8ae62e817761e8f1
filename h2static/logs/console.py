"""A worker's output on standard output: frames (``-v``) and octets (``--hexdump``).

Contract: nothing here raises or affects a connection; when the reader disappears
(``h2static -v | head``), the rest is not written.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from h2static.config import Config
from h2static.logs.escape import escape

if TYPE_CHECKING:
    # A large module that only ``-v`` needs.
    from h2static.logs.frames import FrameLog
    from h2static.logs.http3_frames import Http3FrameLog


def is_colored(config: Config) -> bool:
    """Whether to color standard output (https://no-color.org/)."""
    if config.color is not None:
        return config.color
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Console:
    """Standard output, shared by all connections of a worker."""

    def __init__(self, config: Config) -> None:
        """The clock of the lines starts now."""
        self._verbose = config.verbose
        #: Whether octets are shown.
        self.dumps = config.hexdump
        self._shows = config.verbose or config.hexdump
        self._color = is_colored(config)
        self._started = time.monotonic()
        self._unread = False

    def frame_log(self, number: int) -> FrameLog | None:
        """The frame log of connection ``number``, if one is wanted."""
        if not self._verbose:
            return None
        from h2static.logs.frames import FrameLog

        return FrameLog(
            number, self._write, lambda: time.monotonic() - self._started, color=self._color
        )

    def http3_frame_log(self, number: int) -> Http3FrameLog | None:
        """The frame log of connection ``number`` of HTTP/3, if one is wanted."""
        if not self._verbose:
            return None
        from h2static.logs.http3_frames import Http3FrameLog

        return Http3FrameLog(
            number, self._write, lambda: time.monotonic() - self._started, color=self._color
        )

    def dump(self, verb: str, peer: str, octets: bytes) -> None:
        """Show octets; ``verb`` is ``recv`` or ``send``."""
        from h2static.logs.frames import hexdump

        self._write(f"{verb} {escape(peer)}\n{hexdump(octets)}")

    def flush(self) -> None:
        """Have what was written be seen."""
        if self._shows and not self._unread:
            try:
                sys.stdout.flush()
            except OSError:
                self._unread = True

    def _write(self, text: str) -> None:
        if not self._unread:
            try:
                sys.stdout.write(text)
            except OSError:
                self._unread = True
