"""Runs ``h2get``: connections one after the other, requests on a connection concurrently.

Contract: :func:`run` carries out :class:`~h2static.h2get.arguments.Arguments` and returns the exit
status.  URIs with the same origin share one connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

from h2static.client import ConnectError, OptionError, connect, parse_url
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import Arguments
from h2static.h2get.exit_codes import FAILED, OK, UNCONNECTED
from h2static.h2get.fetch import Fetch, Fetcher, Work
from h2static.h2get.requests import Upload, connect_options, method
from h2static.h2get.watching import Watching

if TYPE_CHECKING:
    from h2static.h2get.watch import Capture


def run(arguments: Arguments) -> int:
    """Ask for everything.  Raises :class:`UsageError` or :class:`~h2static.h2get.output.Gone`."""
    return Run(arguments).start()


class Run:
    """One run of the command."""

    def __init__(self, arguments: Arguments, capture: Capture | None = None) -> None:
        """``capture`` writes down what is sent and received."""
        self._arguments = arguments
        self._standard = output.Standard()
        self._watching = Watching(arguments, self._standard, capture)
        self._work = Work()
        try:
            self._options = connect_options(arguments)
            self._work.waiting = [
                Fetch(url=parse_url(uri), index=index, method=method(arguments))
                for index, uri in enumerate(arguments.uris)
                for _ in range(arguments.multiply)
            ]
            self._upload = Upload(arguments)
        except OptionError as error:
            raise UsageError(str(error)) from error
        #: The URIs on the command line.
        self.urls = [fetch.url for fetch in self._work.waiting]
        self._work.known = {str(url) for url in self.urls}

    def start(self) -> int:
        """Run; returns the exit status."""
        return anyio.run(self._run)

    async def _run(self) -> int:
        seconds = self._arguments.max_time
        try:
            with anyio.fail_after(seconds or None):
                while self._work.waiting:
                    await self._ask_one_origin()
        except TimeoutError:
            self._work.fail(f"not finished within {seconds:g} s")
        self._report()
        self._check()
        if self._work.unconnected:
            return UNCONNECTED
        return FAILED if self._work.failed else OK

    async def _ask_one_origin(self) -> None:
        """Connect to the origin of the first pending request, and send all requests for it."""
        work = self._work
        origin = work.waiting[0].url.origin
        fetches = [one for one in work.waiting if one.url.origin == origin]
        work.waiting = [one for one in work.waiting if one.url.origin != origin]
        try:
            async with connect(origin, self._options, self._watching.observers(origin)) as client:
                fetcher = Fetcher(client, self._arguments, work, self._upload, self._standard)
                await fetcher.run(fetches)
        except ConnectError as error:
            work.unconnected = True
            output.complain(str(error))
        except OptionError as error:
            raise UsageError(str(error)) from error

    def _check(self) -> None:
        """Hold what came against what was expected."""
        text = self._watching.difference()
        if text is not None:
            self._work.fail("an expectation failed")
            output.show(text)

    def _report(self) -> None:
        """Write statistics and HAR, if requested."""
        if self._arguments.stat:
            from h2static.h2get.statistics import table

            self._standard.write(table(self._work.finished))
        if self._arguments.har is not None:
            from h2static.h2get.har import document

            text = document(self._work.finished)
            if self._arguments.har == "-":
                self._standard.write(text)
            else:
                try:
                    with open(self._arguments.har, "w", encoding="utf-8") as file:
                        file.write(text)
                except OSError as error:
                    self._work.fail(f"{self._arguments.har}: {error.strerror}")
        self._standard.flush()
