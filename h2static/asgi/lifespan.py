"""The lifespan of an application in one worker: ``lifespan`` scope, version 2.0.

Contract: :meth:`Lifespan.start_up` returns when the application is ready, or does not support
lifespan and need not; otherwise it raises :class:`~h2static.errors.ApplicationFailed`.
:meth:`Lifespan.shut_down` is called when every connection is closed; it has an effect only once,
and only if the application has started.  What the application puts into ``state`` is available to
each of its requests.

Assumes: start-up and shut-down happen in the loop in which requests are answered.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from typing import Final

from h2static.asgi.config import LifespanMode
from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.asgi.scope import ASGI_VERSION
from h2static.asgi.types import AsgiCallable, Message
from h2static.errors import ApplicationFailed

SPEC_VERSION: Final = "2.0"

#: Takes one line and those below it.
Report = Callable[[str, Sequence[str]], None]


class Lifespan:
    """The lifespan of one application in one worker."""

    def __init__(
        self,
        application: AsgiCallable,
        name: str,
        report: Report,
        *,
        mode: LifespanMode = LifespanMode.AUTO,
        limits: AsgiLimits = DEFAULT_LIMITS,
    ) -> None:
        """``name`` is how messages call the application."""
        self._application = application
        self._name = name
        self._report = report
        self._mode = mode
        self._limits = limits
        #: The state, of which requests get a copy; ``None``: lifespan is not supported.
        self.state: dict[str, object] | None = None
        self._task: asyncio.Task[None] | None = None
        self._events: asyncio.Queue[Message] = asyncio.Queue()
        self._started: asyncio.Future[None] | None = None
        self._stopped: asyncio.Future[None] | None = None
        #: The application was asked to shut down.
        self._ending = False
        #: The message of ``lifespan.startup.failed``.
        self._failure: str | None = None
        self._error: BaseException | None = None

    async def start_up(self) -> None:
        """Start the application.  Raises :class:`~h2static.errors.ApplicationFailed`."""
        if self._mode is LifespanMode.OFF or self._task is not None:
            # Off, or started by another mount.
            return
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        state: dict[str, object] = {}
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run(state), name=f"lifespan of {self._name}")
        try:
            await asyncio.wait((self._started, self._task), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            # The wait was canceled; but an application that has started must shut down.
            if self._started.done() and self._failure is None:
                self.state = state
            else:
                self._task.cancel()
            raise
        if self._failure is not None:
            await self._end()
            reason = f": {self._failure}" if self._failure else ""
            raise ApplicationFailed(f"{self._name}: the application could not start{reason}")
        if self._started.done():
            self.state = state
            return
        # It returned silently, or raised: it does not support lifespan.
        if self._mode is LifespanMode.ON:
            what = "does not support lifespan" if self._error is None else "failed during lifespan"
            raise ApplicationFailed(f"{self._name}: the application {what}", _lines(self._error))

    async def shut_down(self) -> None:
        """Shut the application down; errors are reported."""
        if self.state is None or self._task is None or self._stopped is None:
            return
        self.state = None
        if self._task.done():
            return
        self._ending = True
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await asyncio.wait(
            (self._stopped, self._task),
            return_when=asyncio.FIRST_COMPLETED,
            timeout=self._limits.shutdown_seconds,
        )
        if not self._stopped.done() and not self._task.done():
            self._report(f"{self._name}: the application did not shut down in time", ())
        await self._end()

    async def _end(self) -> None:
        """The application is done; give its coroutine a moment to return."""
        if self._task is None:
            return
        await asyncio.wait((self._task,), timeout=self._limits.cancelled_seconds)
        if not self._task.done():
            self._task.cancel()
            await asyncio.wait((self._task,), timeout=self._limits.cancelled_seconds)

    async def _run(self, state: dict[str, object]) -> None:
        scope = {
            "type": "lifespan",
            "asgi": {"version": ASGI_VERSION, "spec_version": SPEC_VERSION},
            "state": state,
        }
        try:
            await self._application(scope, self._events.get, self._take)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # the loop would end with KeyboardInterrupt
            self._error = error
            if self._started is not None and self._started.done():
                self._report(f"{self._name}: lifespan failed: {error!r}", _lines(error))

    async def _take(self, message: Message) -> None:
        """``send`` of ASGI."""
        kind = message["type"]
        started, stopped = self._started, self._stopped
        assert started is not None
        assert stopped is not None
        if kind.startswith("lifespan.startup.") and not started.done():
            if kind == "lifespan.startup.failed":
                self._failure = str(message.get("message", ""))
                started.set_result(None)
                return
            if kind == "lifespan.startup.complete":
                started.set_result(None)
                return
        if kind.startswith("lifespan.shutdown.") and self._ending and not stopped.done():
            if kind == "lifespan.shutdown.failed":
                text = str(message.get("message", ""))
                self._report(f"{self._name}: the application failed to shut down", [text])
                stopped.set_result(None)
                return
            if kind == "lifespan.shutdown.complete":
                stopped.set_result(None)
                return
        raise RuntimeError(f"{kind!r} is not expected here")


def _lines(error: BaseException | None) -> list[str]:
    """The traceback of ``error``."""
    if error is None:
        return []
    return "".join(traceback.format_exception(error)).splitlines()
