"""How the loop's task waits for its poller.

Contract: :meth:`Waiting.wait` returns once the poller's descriptor is readable, or after
:meth:`Waiting.wake`; one task waits at a time.  :meth:`Waiting.close` gives the descriptor up.

Strategy: anyio watches a descriptor anew for each wait, which costs two system calls and several
turns of the event loop.  asyncio can watch it all the time; then a wait is one future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import anyio


class Waiting(Protocol):
    """See the module."""

    async def wait(self) -> None:
        """Wait until there is something to do."""

    def wake(self) -> None:
        """There is something to do, of which the descriptor does not tell."""

    def close(self) -> None:
        """Nobody waits any more."""


def make_waiting(descriptor: int, otherwise: Callable[[], None]) -> Waiting:
    """What waits for ``descriptor`` in the running event loop.

    ``otherwise`` is called by :meth:`Waiting.wake` where the event loop has no quick way: what is
    to be done has to be done by another task then.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return _OfAnyio(descriptor, otherwise)
    return _OfAsyncio(descriptor, loop)


class _OfAsyncio:
    """Watches the descriptor all the time."""

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop) -> None:
        self._descriptor = descriptor
        self._loop = loop
        self._future: asyncio.Future[None] | None = None
        self._loop.add_reader(descriptor, self.wake)

    async def wait(self) -> None:
        self._future = future = self._loop.create_future()
        try:
            await future
        finally:
            self._future = None

    def wake(self) -> None:
        future = self._future
        if future is not None and not future.done():
            future.set_result(None)

    def close(self) -> None:
        self._loop.remove_reader(self._descriptor)


class _OfAnyio:
    """Watches it for each wait."""

    def __init__(self, descriptor: int, otherwise: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self.wake = otherwise

    async def wait(self) -> None:
        await anyio.wait_readable(self._descriptor)

    def close(self) -> None:
        """Nothing is watched."""
