"""Start and end of an application: the ``lifespan`` scope (ASGI lifespan 2.0)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from h2static.asgi.config import LifespanMode
from h2static.asgi.lifespan import Lifespan
from h2static.asgi.limits import AsgiLimits
from h2static.asgi.types import AsgiCallable, Receive, Scope, Send
from h2static.errors import ApplicationFailed

pytestmark = pytest.mark.anyio

Play = Callable[[Scope, Receive, Send], Awaitable[None]]
LIMITS = AsgiLimits(shutdown_seconds=0.05, cancelled_seconds=0.05)
_STARTED = {"type": "lifespan.startup.complete"}
_STOPPED = {"type": "lifespan.shutdown.complete"}


class Told:
    """What was reported."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, text: str, lines: Sequence[str]) -> None:
        self.lines += [text, *lines]


def make(application: AsgiCallable, told: Told, mode: LifespanMode = LifespanMode.AUTO) -> Lifespan:
    return Lifespan(application, "shop:app", told, mode=mode, limits=LIMITS)


async def good(scope: Scope, receive: Receive, send: Send) -> None:
    """What most frameworks do."""
    assert scope["type"] == "lifespan"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.0"}
    assert await receive() == {"type": "lifespan.startup"}
    scope["state"]["database"] = "open"
    await send(_STARTED)
    assert await receive() == {"type": "lifespan.shutdown"}
    scope["state"]["database"] = "closed"
    await send(_STOPPED)


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows no lifespan, and says nothing."""


async def raising(scope: Scope, receive: Receive, send: Send) -> None:
    """Knows no lifespan, as ASGI says that it should say so."""
    raise ValueError("no lifespan")


async def interrupting(scope: Scope, receive: Receive, send: Send) -> None:
    """Raises what would end the loop."""
    raise KeyboardInterrupt


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def test_start_state_and_end() -> None:
    told = Told()
    lifespan = make(good, told)
    await lifespan.start_up()
    state = lifespan.state
    assert state == {"database": "open"}
    await lifespan.start_up()
    assert lifespan.state is state, "another mount of it starts nothing"
    await lifespan.shut_down()
    await lifespan.shut_down()
    assert state == {"database": "closed"}
    assert told.lines == []


@pytest.mark.parametrize("application", [silent, raising, interrupting])
async def test_one_without_a_lifespan(application: AsgiCallable) -> None:
    told = Told()
    lifespan = make(application, told)
    await lifespan.start_up()
    assert lifespan.state is None, "requests have no state then"
    await lifespan.shut_down()
    assert told.lines == []


@pytest.mark.parametrize(
    ("application", "reason"),
    [
        (silent, "does not support lifespan"),
        (raising, "failed during lifespan"),
        (interrupting, "failed during lifespan"),
    ],
)
async def test_one_that_has_to_have_a_lifespan(application: AsgiCallable, reason: str) -> None:
    lifespan = make(application, Told(), LifespanMode.ON)
    with pytest.raises(ApplicationFailed, match=f"^shop:app: the application {reason}$") as raised:
        await lifespan.start_up()
    assert ("ValueError: no lifespan" in raised.value.details) == (application is raising)


@pytest.mark.parametrize("mode", [LifespanMode.AUTO, LifespanMode.ON])
async def test_one_that_refuses_to_start(mode: LifespanMode) -> None:
    with pytest.raises(ApplicationFailed, match=r"could not start: no database$"):
        await make(refusing, Told(), mode).start_up()


async def test_one_that_is_not_asked() -> None:
    lifespan = make(refusing, Told(), LifespanMode.OFF)
    await lifespan.start_up()
    assert lifespan.state is None
    await lifespan.shut_down()


async def fails_later(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(_STARTED)
    raise RuntimeError("a bug")


async def test_one_that_fails_while_it_serves() -> None:
    """It goes on, and is not told of the end."""
    told = Told()
    lifespan = make(fails_later, told)
    await lifespan.start_up()
    await asyncio.sleep(0)
    assert "lifespan failed: RuntimeError('a bug')" in told.lines[0]
    assert told.lines[-1] == "RuntimeError: a bug"
    assert lifespan.state == {}
    await lifespan.shut_down()


async def test_a_start_that_nobody_waits_for_any_more() -> None:
    """A server that is stopped while it starts shuts down what has started."""
    ended: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(_STARTED)
        starting.cancel()
        ended.append((await receive())["type"])
        await send(_STOPPED)

    told = Told()
    lifespan = make(application, told)
    starting = asyncio.ensure_future(lifespan.start_up())
    await asyncio.wait((starting,))
    assert starting.cancelled()
    await lifespan.shut_down()
    await lifespan.shut_down()
    assert (ended, told.lines) == (["lifespan.shutdown"], [])


async def fails_at_the_end(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(_STARTED)
    await receive()
    await send({"type": "lifespan.shutdown.failed", "message": "could not save"})


async def never_ends(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    await send(_STARTED)
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize(
    ("application", "told"),
    [
        (
            fails_at_the_end,
            ["shop:app: the application failed to shut down", "could not save"],
        ),
        (never_ends, ["shop:app: the application did not shut down in time"]),
    ],
)
async def test_an_end_that_is_none(application: AsgiCallable, told: list[str]) -> None:
    found = Told()
    lifespan = make(application, found)
    await lifespan.start_up()
    await lifespan.shut_down()
    assert found.lines == told


@pytest.mark.parametrize(
    "events",
    [
        [{"type": "lifespan.shutdown.complete"}],
        [{"type": "http.response.start"}],
    ],
)
async def test_events_that_nobody_expects(events: list[dict[str, object]]) -> None:
    raised: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        for event in events:
            try:
                await send(event)
            except RuntimeError as error:
                raised.append(str(error))
        await asyncio.get_running_loop().create_future()

    lifespan = make(application, Told())
    task = asyncio.ensure_future(lifespan.start_up())
    await asyncio.sleep(0.01)
    assert raised == [f"{events[-1]['type']!r} is not expected here"]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    # The application is cancelled as well.
    await asyncio.sleep(0)
    assert not [one for one in asyncio.all_tasks() if one.get_name().startswith("lifespan")]
