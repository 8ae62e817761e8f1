"""A connection without any rules: it sends the given frames and records what it receives.

Contract: a :class:`Channel` reads everything that arrives, in the background, and wakes its waiters
for each frame.  By default it acknowledges SETTINGS and PING and returns the credit of DATA, as
every client does, once it has sent SETTINGS of its own, which must be its first frame (RFC 9113
section 3.4).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio

from h2static.client.wire import Wire
from h2static.h2get.script.build import Reader, Writer
from h2static.h2get.script.model import FramePattern, FrameSpec, Received
from h2static.http2 import frames as f
from h2static.http2 import registry as r

_READ_SIZE = 262_144
#: Octets that are kept at most of what a server sends.
_MOST_KEPT = 64 * 1024 * 1024
#: Between the pieces of what is sent in pieces.
_SPLIT_SECONDS = 0.001


class Channel:
    """A connection of a script."""

    def __init__(self, name: str, wire: Wire, told: Callable[[str, str, object], None]) -> None:
        """``told`` gets everything sent (``>``) and received (``<``)."""
        self.name = name
        self._wire = wire
        self._told = told
        self._writer = Writer()
        self._reader = Reader()
        self._began = time.monotonic()
        self._kept = 0
        self._news = anyio.Event()
        #: Held while something is sent: what is sent in pieces stays together.
        self._sending = anyio.Lock()
        #: Everything that came, in order.
        self.received: list[Received] = []
        #: What shows nothing.
        self.tolerated: list[FramePattern] = []
        self.auto = True
        #: Responses to send after SETTINGS.
        self._unanswered: list[Received] | None = []
        self.over = False
        #: The highest stream that was used.
        self.last_stream = -1

    # ------------------------------------------------------------------ receiving

    async def run(self) -> None:
        """Read until the connection is over."""
        problem = ""
        try:
            while True:
                octets = self._wire.read(_READ_SIZE)
                if octets is None:
                    await self._wire.readable()
                    continue
                if not octets:
                    break
                self._kept += len(octets)
                if self._kept > _MOST_KEPT:
                    problem = "too much data received"
                    break
                for frame in self._reader.receive(octets, self._now()):
                    frame.number = len(self.received) + 1
                    self._told(self.name, "<", frame)
                    self.received.append(frame)
                    if self.auto:
                        await self._react(frame)
                self._wake()
        except OSError as error:
            problem = error.strerror or str(error)
        if self._reader.rest and not problem:
            problem = "within a frame"
        end = Received(type=None, time=self._now(), problem=problem)
        self._told(self.name, "<", end)
        self.received.append(end)
        self.over = True
        self._wake()

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _wake(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def news(self) -> None:
        """Wait until something has been received."""
        await self._news.wait()

    async def _react(self, frame: Received) -> None:
        """Do what every client does."""
        if frame.problem:
            return
        async with self._sending:
            if self._unanswered is not None:
                self._unanswered.append(frame)
            else:
                await self._answer(frame)

    async def _answer(self, frame: Received) -> None:
        if frame.type == r.SETTINGS and not frame.flags & r.ACK:
            for key, value in frame.values.items():
                if key == f"setting {r.SETTINGS_HEADER_TABLE_SIZE}" and isinstance(value, int):
                    self._writer.encoder.change_maximum(value)
            await self._write(f.Settings(flags=r.ACK).serialize())
        elif frame.type == r.PING and not frame.flags & r.ACK:
            await self._write(f.Ping(flags=r.ACK, opaque=frame.payload).serialize())
        elif frame.type == r.DATA and frame.length:
            update = f.WindowUpdate(stream_id=0, increment=frame.length).serialize()
            if not frame.flags & r.END_STREAM:
                update += f.WindowUpdate(stream_id=frame.stream, increment=frame.length).serialize()
            await self._write(update)

    # ------------------------------------------------------------------ sending

    async def send(self, what: list[FrameSpec | bytes], split: int = 0) -> None:
        """Send frames and octets together, in pieces of ``split`` octets where that is not 0.

        That the server has gone does not matter: it is what came that is looked at.
        """
        octets = b"".join(map(self._octets, what))
        for one in what:
            self._told(self.name, ">", one)
        async with self._sending:
            if not split:
                await self._write(octets)
            else:
                for start in range(0, len(octets), split):
                    await self._write(octets[start : start + split])
                    await anyio.sleep(_SPLIT_SECONDS)
            if self._unanswered is not None and any(map(_is_settings, what)):
                waiting, self._unanswered = self._unanswered, None
                for frame in waiting:
                    await self._answer(frame)

    def _octets(self, what: FrameSpec | bytes) -> bytes:
        if isinstance(what, FrameSpec):
            if what.type == r.HEADERS and what.stream % 2:
                self.last_stream = max(self.last_stream, what.stream)
            if what.type == r.SETTINGS and not what.flags & r.ACK:
                self._allow(what.payload or b"")
        return self._writer.octets(what)

    def _allow(self, payload: bytes) -> None:
        """Apply the size that we announce for the decoder's table."""
        for at in range(0, len(payload) - 5, 6):
            if int.from_bytes(payload[at : at + 2], "big") == r.SETTINGS_HEADER_TABLE_SIZE:
                size = int.from_bytes(payload[at + 2 : at + 6], "big")
                # The server may still use the larger one.
                self._reader.decoder.allowed = max(self._reader.decoder.allowed, size)

    async def _write(self, octets: bytes) -> None:
        try:
            while octets and not self.over:
                taken = self._wire.write([octets])
                octets = octets[taken:]
                if octets:
                    await self._wire.writable()
        except OSError:
            return

    def end_output(self) -> None:
        """Send nothing more."""
        self._wire.end_output()

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()


def _is_settings(what: FrameSpec | bytes) -> bool:
    return isinstance(what, FrameSpec) and what.type == r.SETTINGS
