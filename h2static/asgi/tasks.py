"""Tasks of the event loop that start immediately.

Contract: :meth:`Tasks.start` runs a coroutine as a task until it first waits, and returns the task.
A coroutine that never waits, like most small handlers, is done by then, and its output leaves in
the same turn of its connection.  The task behaves like any other: it is the current task while it
runs, and has a context of its own: always a copy of the owner's.

Strategy: Python 3.12 has eager tasks.  Python 3.11 does not, but passes the first step of a task to
``loop.call_soon``, which is intercepted and run directly.  Python 3.11 no longer changes.  A loop
that cannot be intercepted starts its tasks in its own time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Final, TypeAlias

Step: TypeAlias = Callable[[], object]
Work: TypeAlias = Coroutine[object, object, None]

#: Documented for implementations of tasks ("Extending asyncio").
_enter: Final[Callable[[asyncio.AbstractEventLoop, asyncio.Task[None]], None]] = (
    asyncio.tasks._enter_task
)
_leave: Final[Callable[[asyncio.AbstractEventLoop, asyncio.Task[None]], None]] = (
    asyncio.tasks._leave_task
)


class Tasks:
    """The tasks of one owner in one loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Made in the context that tasks get copies of."""
        self._loop = loop
        # A task that another task starts answers pushed requests.
        self._base = copy_context()
        #: Those that are not done: the loop itself holds tasks weakly.
        self.running: set[asyncio.Task[None]] = set()
        #: The first step of the task that is being made.
        self._step: Step = _nothing
        self._context: Context | None = None

    def start(self, work: Work) -> bool:
        """Run ``work``, which never raises, as far as it goes without waiting; whether that was to
        its end."""
        if sys.version_info >= (3, 12):
            context = self._base.copy()
            task = asyncio.Task(work, loop=self._loop, context=context, eager_start=True)
        else:
            task = self._intercepted(work)
        if task.done():
            return True
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return False

    def _intercepted(self, work: Work) -> asyncio.Task[None]:
        loop, base = self._loop, self._base.copy()
        try:
            loop.call_soon = self._keep  # type: ignore[assignment,method-assign]  # see the module
        except AttributeError:
            return loop.create_task(work, context=base)
        try:
            task = asyncio.Task(work, loop=loop, context=base)
        finally:
            del loop.call_soon
        outer: asyncio.Task[None] | None = asyncio.current_task(loop)
        context = self._context
        assert context is not None
        if outer is None:
            context.run(self._step)
            return task
        _leave(loop, outer)
        try:
            context.run(self._step)
        finally:
            _enter(loop, outer)
        return task

    def _keep(self, step: Step, *, context: Context | None = None) -> None:
        """Stands in for ``loop.call_soon`` while a task is made."""
        self._step = step
        self._context = context


def _nothing() -> None:
    """No task was created."""


async def turn_of(waiting: list[asyncio.Future[None]]) -> None:
    """Wait until those in ``waiting`` are woken."""
    future = asyncio.get_running_loop().create_future()
    waiting.append(future)
    await future


def wake(waiting: list[asyncio.Future[None]]) -> None:
    """Wake those in ``waiting``."""
    for future in waiting:
        # The waiter may have been canceled.
        if not future.done():
            future.set_result(None)
    waiting.clear()
