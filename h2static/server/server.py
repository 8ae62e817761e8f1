"""A driver and everything around it in one process: site, health check, logs, TLS, counters.

Contract: a :class:`Server` serves the sockets it was given from :meth:`Server.run` until
:meth:`Server.stop` or :meth:`Server.force`.  It owns the logs and the driver; the sockets are
the driver's.  It handles no signal and starts no process, so that a test suite or a program can run
one beside other tasks.
"""

from __future__ import annotations

import contextlib
import resource
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import anyio

from h2static.config import Config, describe
from h2static.errors import StartError
from h2static.http.messages import BatchApplication
from h2static.logs.access import AccessLog
from h2static.logs.console import is_colored
from h2static.logs.errors import ErrorLog
from h2static.server.driver import SPIN_SECONDS, Driver
from h2static.server.health import HealthApplication
from h2static.server.pool import Pool
from h2static.server.pusher import make_pusher
from h2static.site import Site

#: Seconds between two looks at how late the loop is and whether log lines were left out.
_PROBE_INTERVAL = 1.0
#: Seconds that a deleted file may still take up its place on the disk.
_TIDY_INTERVAL = 30.0
#: Seconds between two looks at whether the last stream has finished.
_DRAIN_POLL = 0.02


class Extension(Protocol):
    """Something around the site that needs to know when serving begins and ends: live reload."""

    def wrap(self, site: Site) -> BatchApplication:
        """The application to serve in place of ``site``."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the owner of the site is to know by now, one line each."""

    def start(self) -> None:
        """Serving begins."""

    def end_streams(self) -> None:
        """The server drains: end what would never end by itself."""

    def stop(self) -> None:
        """Serving has ended."""


class Server:
    """Serves the folder of a configuration on given sockets."""

    def __init__(
        self,
        config: Config,
        sockets: Sequence[socket.socket],
        *,
        shared: bool,
        spin: float = SPIN_SECONDS,
        extension: Extension | None = None,
        warn: Callable[[Sequence[str]], None] | None = None,
    ) -> None:
        """Prepare to serve.

        ``shared``: other processes serve the same addresses.  ``spin``: seconds to wait in the
        poller after activity, while other tasks of the event loop wait.  ``warn`` is told what is
        left out of the owner's files whenever that changes; by default the error log is.  Raises
        :class:`~h2static.errors.StartError` when a file cannot be used.
        """
        self._config = config
        context = None
        if not config.no_tls:
            from h2static.server.tls import make_context  # cleartext workers need no OpenSSL

            context = make_context(config, tickets=not shared)
        with contextlib.ExitStack() as undo:
            self._open_logs(undo)
            pool = Pool(lambda text: self.error_log.report("internal", "", text))
            undo.callback(pool.close)
            try:
                site = Site(config.site, clock=time.time, submit=pool.submit)
            except (OSError, ValueError) as error:
                raise StartError(describe(error)) from error
            self._site = site
            #: What was left out of the owner's files, one line each.
            self.warnings = site.warnings
            self._warn = warn or self._report_new(site.warnings)
            self._extension = extension
            application: BatchApplication = site if extension is None else extension.wrap(site)
            self._health = None
            if config.health is not None:
                application = self._health = HealthApplication(application, config.health)
            self._application = application
            self._driver = Driver(
                config,
                application,
                self.error_log,
                pool=pool,
                access_log=self._access_log,
                pusher=make_pusher(config, application),
                spin=spin,
            )
            undo.pop_all()
        for one in sockets:
            self._driver.add_listener(one, tls=context)
        self._lag = 0.0
        self._started = time.monotonic()

    def _open_logs(self, undo: contextlib.ExitStack) -> None:
        """Open the logs; ``undo`` closes them again.  Raises ``StartError``."""
        config = self._config
        self._access_log = None
        try:
            self.error_log = ErrorLog(config.error_log)
            undo.callback(self.error_log.close)
            if config.access_log is not None:
                colored = config.access_log == "-" and is_colored(config)
                self._access_log = AccessLog(config.access_log, config.log_format, color=colored)
                undo.callback(self._access_log.close)
        except OSError as error:
            raise StartError(f"cannot open the log {error.filename}: {error.strerror}") from error

    async def run(self) -> None:
        """Serve; returns after :meth:`stop` or :meth:`force`, or when cancelled."""
        if self._extension is not None:
            self._extension.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._probe)
            tasks.start_soon(self._tidy)
            try:
                await self._driver.run()
            finally:
                tasks.cancel_scope.cancel()
                self._close_logs()
                if self._extension is not None:
                    self._extension.stop()

    async def stop(self, *, delay: float, grace: float) -> None:
        """Stop as a good neighbour.

        The health check turns 503 at once; after ``delay`` seconds no connection is accepted any
        more and clients get GOAWAY (RFC 9113 section 6.8, two steps); what they had asked for is
        finished within ``grace`` seconds.
        """
        if self._health is not None:
            self._health.draining = True
        if delay:
            await anyio.sleep(delay)
        self._driver.stop_accepting()
        if self._extension is not None:
            self._extension.end_streams()
        self._driver.drain(time.monotonic())
        with anyio.move_on_after(grace):
            # The number changes with every octet of anybody; nobody else waits for it.
            while self._driver.connections:  # noqa: ASYNC110
                await anyio.sleep(_DRAIN_POLL)
        if self._driver.connections:
            self.error_log.report(
                "process", "", f"{self._driver.connections} connections did not finish in time"
            )
        self.force()

    def force(self) -> None:
        """Close every connection now."""
        self._driver.stop_accepting()
        self._driver.close_all()

    def reopen_logs(self) -> None:
        """Open the log files again after they were renamed."""
        self.error_log.reopen()
        if self._access_log is not None:
            self._access_log.reopen()

    def counters(self) -> dict[str, object]:
        """What the driver counts, memory in KiB, largest lateness of the loop in seconds."""
        counters: dict[str, object] = dict(self._driver.counters())
        counters["uptime"] = round(time.monotonic() - self._started, 1)
        counters["memory_kib"] = memory_kib()
        counters["loop_lag"] = round(self._lag, 4)
        self._lag = 0.0
        return counters

    async def _probe(self) -> None:
        """Measure the largest lateness of the loop since the last look at the counters, and tell
        what there is to tell."""
        told = self.warnings
        while True:
            before = time.monotonic()
            await anyio.sleep(_PROBE_INTERVAL)
            self._lag = max(self._lag, time.monotonic() - before - _PROBE_INTERVAL)
            if self._access_log is not None:
                left_out = self._access_log.take_left_out()
                if left_out:
                    self.error_log.report(
                        "log", "", f"{left_out} requests were left out of the access log"
                    )
            told = self._tell_other_warnings(told)
            self.error_log.flush()

    def _tell_other_warnings(self, told: tuple[str, ...]) -> tuple[str, ...]:
        """Tell what an edit of the owner's files brought."""
        warnings = self._site.warnings
        if self._extension is not None:
            warnings += self._extension.warnings
        if warnings is not told and warnings != told:
            self._warn(warnings)
        return warnings

    def _report_new(self, told: Sequence[str]) -> Callable[[Sequence[str]], None]:
        """What writes those warnings to the error log that were not among the last ones."""

        def report(warnings: Sequence[str]) -> None:
            nonlocal told
            for warning in warnings:
                if warning not in told:
                    self.error_log.report("site", "", warning)
            told = warnings

        return report

    async def _tidy(self) -> None:
        """Let deleted files go, now and then."""
        while True:
            await anyio.sleep(_TIDY_INTERVAL)
            self._application.release()

    def _close_logs(self) -> None:
        if self._access_log is not None:
            self._access_log.close()
        self.error_log.close()


def memory_kib() -> int:
    """Resident memory of this process in KiB; where the system does not say, its maximum."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * (resource.getpagesize() // 1024)
    except OSError:
        maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return maximum // 1024 if sys.platform == "darwin" else maximum
