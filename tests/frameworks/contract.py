"""What each application of the contract does, and what it tells.

An application has these paths:

- ``/hello?name=…``: ``hello …``, and the Host that it was asked for in ``x-host``
- ``/echo`` sends back what comes in one piece, ``/count`` how much came
- ``/form``: of ``field`` and ``file`` in a form, the value, the file's name and its size
- ``/stream``: :data:`COUNT` times :data:`PIECE`; ``/endless``: for ever, and ``gone`` when over
- ``/cookies``: the names of the request's cookies; sets ``one`` and ``two``
- ``/fail`` raises; ``/download`` is a file; ``/state`` what the lifespan put there
- ``/later``: ``now``, and the diary has ``later`` after that
- ``/where``: the URL of itself
- WebSockets: ``/ws`` sends text back, and takes ``chat`` as subprotocol; ``/close`` closes with
  4001; ``/deny`` accepts none
"""

from __future__ import annotations

import asyncio
import gc
from typing import Final

PIECE: Final = b"piece of the stream\n" * 100
COUNT: Final = 200


class Diary:
    """What became of what an application has begun."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def note(self, line: str) -> None:
        """Write ``line``; in any thread."""
        self.lines.append(line)
        self._loop.call_soon_threadsafe(self._changed.set)

    async def wait_for(self, line: str) -> None:
        """Wait until ``line`` was written."""
        while line not in self.lines:
            self._changed.clear()
            # Some frameworks leave a generator that they do not need any more to the collector.
            gc.collect()
            await asyncio.wait((asyncio.ensure_future(self._changed.wait()),), timeout=0.1)
