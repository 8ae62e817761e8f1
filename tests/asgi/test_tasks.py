"""Tasks that begin at once."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar

import pytest

from h2static.asgi.tasks import Tasks

pytestmark = pytest.mark.anyio

WHOSE: ContextVar[str] = ContextVar("WHOSE", default="nobody's")


async def test_a_task_that_another_one_starts_has_nothing_of_its_context() -> None:
    """As what an application pushes is answered while it still runs."""
    loop = asyncio.get_running_loop()
    WHOSE.set("the server's")
    tasks = Tasks(loop)
    seen: list[str] = []

    async def inner() -> None:
        seen.append(WHOSE.get())
        WHOSE.set("inner")

    async def outer() -> None:
        WHOSE.set("outer")
        assert tasks.start(inner())
        seen.append(WHOSE.get())

    assert tasks.start(outer())
    assert seen == ["the server's", "outer"]
    assert WHOSE.get() == "the server's"


async def test_it_is_the_current_task_before_and_after_it_waits() -> None:
    loop = asyncio.get_running_loop()
    tasks = Tasks(loop)
    seen: list[asyncio.Task[object] | None] = []

    async def work() -> None:
        seen.append(asyncio.current_task())
        await asyncio.sleep(0)
        seen.append(asyncio.current_task())

    mine = asyncio.current_task()
    assert not tasks.start(work())
    (task,) = tasks.running
    assert asyncio.current_task() is mine
    await task
    assert seen == [task, task]
    await asyncio.sleep(0)
    assert not tasks.running
