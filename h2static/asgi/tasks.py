"""Tasks of the event loop that begin at once.

Contract: :meth:`Tasks.start` runs a coroutine as a task until it waits for the first time, and
returns the task.  One that never waits, as most small handlers, is done by then, and what it sent
leaves with the same turn of its connection.  The task is one like any other: it is the current task
while it runs, and has a context of its own.

Strategy: Python 3.12 has eager tasks.  Python 3.11 does not; but there a task is made by handing
its first step to ``loop.call_soon``, which is intercepted and done here and now.  Python 3.11
gets no changes any more.  A loop that cannot be intercepted starts its tasks in its own time.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from contextvars import Context
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
        self._loop = loop
        #: Those that are not done: the loop itself holds tasks weakly.
        self.running: set[asyncio.Task[None]] = set()
        self._begin = _eager if sys.version_info >= (3, 12) else _intercepted

    def start(self, work: Work) -> bool:
        """Run ``work``, which never raises, as far as it goes without waiting; whether that was to
        its end."""
        task = self._begin(self._loop, work)
        if task.done():
            return True
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return False


def _eager(loop: asyncio.AbstractEventLoop, work: Work) -> asyncio.Task[None]:
    if sys.version_info >= (3, 12):
        return asyncio.Task(work, loop=loop, eager_start=True)
    raise AssertionError("needs Python 3.12")


def _intercepted(loop: asyncio.AbstractEventLoop, work: Work) -> asyncio.Task[None]:
    steps: list[tuple[Step, Context | None]] = []

    def keep(step: Step, *, context: Context | None = None) -> None:
        steps.append((step, context))

    try:
        loop.call_soon = keep  # type: ignore[assignment,method-assign]  # see the module
    except AttributeError:
        return loop.create_task(work)
    try:
        task = asyncio.Task(work, loop=loop)
    finally:
        del loop.call_soon
    step, context = steps[0]
    outer: asyncio.Task[None] | None = asyncio.current_task(loop)
    if outer is not None:
        _leave(loop, outer)
    try:
        if context is None:
            step()
        else:
            context.run(step)
    finally:
        if outer is not None:
            _enter(loop, outer)
    return task


async def turn_of(waiting: list[asyncio.Future[None]]) -> None:
    """Wait until those in ``waiting`` are woken."""
    future = asyncio.get_running_loop().create_future()
    waiting.append(future)
    await future


def wake(waiting: list[asyncio.Future[None]]) -> None:
    for future in waiting:
        # Whoever waited may have been cancelled.
        if not future.done():
            future.set_result(None)
    waiting.clear()
