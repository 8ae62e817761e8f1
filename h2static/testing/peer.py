"""A server as a test sees it: send requests, and compare its frames with expectations.

Contract: every call opens a new connection, waits for the complete response, and closes.  No call
waits longer than ``seconds``.  The calls are blocking: callers need no event loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import anyio

from h2static.client import HTTP2, ConnectOptions, Observers, Response, connect
from h2static.client.client import Content, Header
from h2static.client.options import default_settings
from h2static.client.urls import parse_url
from h2static.h2get.expect import difference
from h2static.h2get.script.model import Case, Received
from h2static.h2get.script.parse import parse_expectation, parse_script
from h2static.h2get.script.run import Result, Verdict, run_case
from h2static.h2get.scripts import failure, transcript, variables
from h2static.h2get.watch import Capture
from h2static.http.fields import Fields

#: Seconds.  No request to a server on this machine should take longer.
_SECONDS = 10.0


@dataclass(slots=True, kw_only=True, frozen=True)
class Exchange:
    """A response, and all frames received until it was complete."""

    status: int
    #: Field names are in lower case.
    fields: Fields
    content: bytes
    trailers: Fields
    #: Statuses of informational responses, in order.
    informational: tuple[int, ...]
    #: Paths and contents of pushed responses, in the order of the promises.
    pushes: tuple[tuple[str, bytes], ...]
    #: Frames of the whole connection.
    frames: tuple[Received, ...]

    def header(self, name: str) -> str | None:
        """The first value of a field, or ``None``."""
        wanted = name.lower().encode("latin-1")
        return next((value.decode("latin-1") for key, value in self.fields if key == wanted), None)

    def expect(self, *expectations: str) -> None:
        """Assert that these frames were received, in this order.  Raises ``AssertionError``."""
        self._hold(expectations)

    def never(self, *patterns: str) -> None:
        """Assert that none of these frames was received.  Raises ``AssertionError``."""
        self._hold([f"! {pattern}" for pattern in patterns])

    def _hold(self, expectations: Sequence[str]) -> None:
        text = difference([parse_expectation(one) for one in expectations], self.frames)
        if text is not None:
            raise AssertionError(f"frames differ:\n{text}")


class Peer:
    """A server under test, at a URL; each call uses a connection of its own."""

    def __init__(
        self, url: str, options: ConnectOptions | None = None, *, seconds: float = _SECONDS
    ) -> None:
        """``options``: how to connect (default: HTTP/2, with server push enabled)."""
        #: The URL of the server's root.
        self.url = url
        self._origin = parse_url(url).origin
        self._seconds = seconds
        self._options = options or ConnectOptions(
            protocols=(HTTP2,), settings=default_settings(enable_push=True)
        )

    def get(self, path: str, headers: Sequence[Header] = ()) -> Exchange:
        """Send a GET request for ``path``; see :meth:`request`."""
        return self.request("GET", path, headers)

    def request(
        self,
        method: str,
        path: str,
        headers: Sequence[Header] = (),
        content: Content = b"",
        *,
        trailers: Sequence[Header] = (),
    ) -> Exchange:
        """Send a request, and wait for the complete response, including trailers and pushes.

        Raises :class:`~h2static.client.errors.ClientError` if there is no response, and
        ``TimeoutError``.
        """
        return anyio.run(self._request, method, path, headers, content, trailers)

    async def _request(
        self,
        method: str,
        path: str,
        headers: Sequence[Header],
        content: Content,
        trailers: Sequence[Header],
    ) -> Exchange:
        capture = Capture()
        with anyio.fail_after(self._seconds):
            async with connect(self._origin, self._options, capture.beside(Observers())) as client:
                response = await client.request(method, path, headers, content, trailers=trailers)
                octets = await response.read()
                pushes = [(_path(one), await one.read()) for one in response.pushes]
        return Exchange(
            status=response.status,
            fields=response.fields,
            content=octets,
            trailers=response.trailers,
            informational=tuple(one.status for one in response.informational),
            pushes=tuple(pushes),
            frames=tuple(capture.frames),
        )

    def run_script(self, text: str, *, path: str = "/") -> None:
        """Run a script, all of whose cases must pass; ``path`` is the value of its ``$path``.

        Raises ``AssertionError`` with everything sent and received if a case fails,
        :class:`~h2static.h2get.script.model.ScriptError` if the script is malformed, and
        :class:`~h2static.client.errors.ConnectError`.
        """
        url = parse_url(f"{self._origin}{path}")
        for case in parse_script(text, "script", variables(url)):
            result = anyio.run(self._run_case, case, path)
            if result.verdict not in (Verdict.PASSED, Verdict.SKIPPED):
                raise AssertionError(f"{transcript(result)}{failure('script', result)}")

    async def _run_case(self, case: Case, path: str) -> Result:
        return await run_case(case, self._origin, self._options, path=path, seconds=self._seconds)


def _path(response: Response) -> str:
    return response.request.path.decode("latin-1")
