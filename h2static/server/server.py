"""A driver with everything that shares its lifetime: applications, logs, counters.

Contract: a :class:`Server` serves from :meth:`Server.run` until :meth:`Server.stop` or
:meth:`Server.force`.  It is created from :class:`Parts`, which it then owns.  It handles no signals
and starts no processes, so that a test suite or a program can run it alongside other tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import anyio
from anyio.abc import TaskStatus

from h2static.http.lifecycle import Lifecycle
from h2static.logs.errors import ErrorLog
from h2static.server.driver import Driver
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.memory_bound import MemoryBound, resident_octets

if TYPE_CHECKING:
    # Large modules that not every server needs.
    from h2static.logs.access import AccessLog


class Hosted(Protocol):
    """An application that must start before its first request."""

    async def start_up(self) -> None:
        """Get ready.  Raises :class:`~h2static.errors.StartError`."""

    async def finish(self) -> None:
        """No connection is left: end what still runs."""

    async def shut_down(self) -> None:
        """Give back everything; called once :meth:`finish` has returned.

        No effect unless :meth:`start_up` has got it started, however that ended; nor again.
        """


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a server, created by the assembly."""

    driver: Driver
    #: Of each application that is served, once.
    lifecycles: tuple[Lifecycle, ...]
    hosted: tuple[Hosted, ...] = ()
    #: Tasks that run alongside the driver; they never end by themselves.
    services: tuple[Callable[[], Coroutine[object, object, None]], ...] = ()
    error_log: ErrorLog
    access_log: AccessLog | None
    #: Warnings for the site's owner, one line each.
    warnings: Callable[[], tuple[str, ...]]
    #: Is told the warnings whenever they change after the start; ``None``: new ones go to the error
    #: log.
    warn: Callable[[Sequence[str]], None] | None
    #: Called as soon as the server is asked to stop, some time before it drains.
    on_stopping: Callable[[], None]
    #: Called with the reason if applications failed to restart.
    on_not_restarted: Callable[[str], None] = lambda text: None
    #: Called at every probe, to check for renewed certificates; returns immediately.
    renew: Callable[[], None] = lambda: None
    #: Octets of resident memory above which memories shrink; ``None``: no bound.
    max_memory: int | None = None
    #: Called with the octets in use if that was not enough; ``None``: no successor is possible.
    replace: Callable[[int], None] | None = None
    limits: ServerLimits = DEFAULT_LIMITS


class Server:
    """Serves what was assembled."""

    def __init__(self, parts: Parts) -> None:
        self._driver = parts.driver
        self._lifecycles = parts.lifecycles
        self._hosted = parts.hosted
        self._services = parts.services
        self.error_log = parts.error_log
        self._access_log = parts.access_log
        self._current_warnings = parts.warnings
        self._on_stopping = parts.on_stopping
        self._renew = parts.renew
        #: Called with the reason if applications failed to restart.
        self.tell_not_restarted = parts.on_not_restarted
        self._limits = parts.limits
        #: Warnings about the owner's files at the start, one line each.
        self.warnings = parts.warnings()
        self._warn = parts.warn or self._report_new(self.warnings)
        self._memory_bound: MemoryBound | None = None
        if parts.max_memory is not None:
            self._memory_bound = MemoryBound(
                parts.max_memory,
                shrink=self._shrink,
                replace=parts.replace,
                rest_seconds=parts.limits.shrink_rest_seconds,
            )
        self._lag = 0.0
        self._started = time.monotonic()

    async def start_up(self) -> None:
        """Have applications get ready; to be awaited before :meth:`run`, in the same loop.

        Raises :class:`~h2static.errors.StartError`, and has shut down what had started then.
        """
        try:
            for one in self._hosted:
                await one.start_up()
        except BaseException:
            await self.end_applications()
            raise

    async def run(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Serve; returns after :meth:`stop` or :meth:`force`, or when canceled.

        ``task_status`` is notified once everything that may fail has started.
        """
        try:
            for one in self._lifecycles:
                one.start()
        except BaseException:
            await self.end_applications()
            raise
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._probe)
            tasks.start_soon(self._release)
            for service in self._services:
                tasks.start_soon(service)
            task_status.started()
            try:
                await self._driver.run()
            finally:
                tasks.cancel_scope.cancel()
                await self.end_applications()
                self._close_logs()
                for one in self._lifecycles:
                    one.stop()

    async def end_applications(self) -> None:
        """Have applications end what they do, and then themselves; no effect on those that have not
        started, or have ended.

        :meth:`run` does so; to be awaited where it does not come to that after :meth:`start_up`.
        """
        with anyio.CancelScope(shield=True):
            await _each([one.finish for one in self._hosted])
            await _each([one.shut_down for one in self._hosted])

    async def stop(self, *, delay: float, grace: float) -> None:
        """Stop gracefully.

        The health check turns 503 immediately; after ``delay`` seconds no more connections are
        accepted, and clients get GOAWAY (RFC 9113 section 6.8, two steps); their requests finish
        within ``grace`` seconds.
        """
        self._on_stopping()
        if delay:
            await anyio.sleep(delay)
        self._driver.stop_accepting()
        for one in self._lifecycles:
            one.drain()
        self._driver.drain(time.monotonic())
        with anyio.move_on_after(grace):
            await self._driver.wait_until_empty()
        if self._driver.connections:
            self.error_log.report(
                "process", "", f"{self._driver.connections} connections did not finish in time"
            )
        self.force()

    def force(self) -> None:
        """Close every connection now."""
        self._driver.stop_accepting()
        self._driver.close_all()

    def take_datagrams(self) -> None:
        """Start reading the HTTP/3 sockets: no predecessor reads them."""
        self._driver.take_datagrams()

    def leave_datagrams(self) -> None:
        """Leave the sockets of HTTP/3 to a successor."""
        self._driver.leave_datagrams()

    def stop_accepting(self) -> None:
        """Accept no more connections; existing ones continue."""
        self._driver.stop_accepting()

    def reopen_logs(self) -> None:
        """Open the log files again after they were renamed."""
        self.error_log.reopen()
        if self._access_log is not None:
            self._access_log.reopen()

    def counters(self) -> dict[str, object]:
        """The driver's counters, memory in KiB, largest delay of the loop in seconds."""
        counters: dict[str, object] = dict(self._driver.counters())
        counters["uptime"] = round(time.monotonic() - self._started, 1)
        counters["memory_kib"] = resident_octets() // 1024
        counters["loop_lag"] = round(self._lag, 4)
        self._lag = 0.0
        return counters

    async def _probe(self) -> None:
        """Measure the largest lateness of the loop since the last look at the counters, tell what
        there is to tell, and have what was renewed be found."""
        told = self.warnings
        interval = self._limits.probe_seconds
        while True:
            before = time.monotonic()
            await anyio.sleep(interval)
            self._lag = max(self._lag, time.monotonic() - before - interval)
            self._tell_of_access_log()
            warnings = self._current_warnings()
            if warnings != told:
                told = warnings
                self._warn(warnings)
            self._renew()
            if self._memory_bound is not None:
                self._memory_bound.check(time.monotonic())
            self.error_log.flush()

    def _tell_of_access_log(self) -> None:
        """Report what is missing in the access log."""
        if self._access_log is None:
            return
        left_out = self._access_log.take_left_out()
        if left_out:
            self.error_log.report("log", "", f"{left_out} access-log lines dropped")
        for problem in self._access_log.take_problems():
            self.error_log.report("log", "", problem)

    def _report_new(self, told: Sequence[str]) -> Callable[[Sequence[str]], None]:
        """A function that writes new warnings to the error log."""

        def report(warnings: Sequence[str]) -> None:
            nonlocal told
            for warning in warnings:
                if warning not in told:
                    self.error_log.report("site", "", warning)
            told = warnings

        return report

    async def _release(self) -> None:
        """Let applications empty stale caches periodically."""
        while True:
            await anyio.sleep(self._limits.release_seconds)
            for one in self._lifecycles:
                one.release()
            self._driver.release()

    def _shrink(self) -> None:
        """Empty all caches."""
        self.error_log.report("process", "", "memory limit exceeded; emptying caches")
        for one in self._lifecycles:
            one.shrink()
        self._driver.release()

    def _close_logs(self) -> None:
        if self._access_log is not None:
            self._access_log.close()
            self._tell_of_access_log()
        self.error_log.close()


async def _each(actions: Sequence[Callable[[], Coroutine[object, object, None]]]) -> None:
    """Do them all at the same time."""
    async with anyio.create_task_group() as tasks:
        for action in actions:
            tasks.start_soon(action)
