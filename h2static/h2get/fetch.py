"""One URI: send the request, write the content, and follow up.

Contract: a :class:`Fetch` describes a request; a :class:`Fetcher` sends it on a connection.
Failures, redirects and assets are reported to :class:`Work`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
import anyio.lowlevel

from h2static.client import URL, Client, ClientError, OptionError, Response, ResponseError
from h2static.errors import UsageError
from h2static.h2get import output
from h2static.h2get.arguments import Arguments
from h2static.h2get.requests import Upload, fields
from h2static.http.fields import Field

#: Statuses that redirect to Location (RFC 9110 section 15.4).
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
#: Fields that no other origin may see.
_PRIVATE: Final = frozenset((b"authorization", b"cookie"))
#: How often a request that was not processed is sent again.
_MOST_ATTEMPTS: Final = 3
#: Seconds to wait for 100 (Continue).
_EXPECT_SECONDS: Final = 1.0
#: Requests that are made before responses get their turn.
_BURST: Final = 100
#: Octets of a page that are looked through for assets, and of content that a HAR holds: a server
#: may send without end.
_LARGEST_KEPT: Final = 8 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class Fetch:
    """A request to send."""

    url: URL
    #: The index of its URI on the command line.
    index: int
    method: str
    #: Redirects that were followed.
    redirects: int = 0
    attempts: int = 0
    #: Another origin has sent us here.
    foreign: bool = False
    #: It was found in a page.
    asset: bool = False


@dataclass(slots=True, kw_only=True)
class Finished:
    """The result of a fetch; one for each response, including pushed ones."""

    url: str
    response: Response
    client: Client
    #: The decoded content, if it is needed afterward; ``None``: it was
    #: too much to be kept.
    content: bytes | None = b""
    #: Its octets.
    size: int = 0


@dataclass(slots=True, kw_only=True)
class Work:
    """Pending and finished requests of all origins."""

    #: In the order in which it came up.
    waiting: list[Fetch] = field(default_factory=list)
    finished: list[Finished] = field(default_factory=list)
    #: Something has failed.
    failed: bool = False
    #: There was no connection.
    unconnected: bool = False
    #: URLs that were requested or promised, so that no asset is requested twice.
    known: set[str] = field(default_factory=set)

    def fail(self, text: str) -> None:
        """Report a failure."""
        self.failed = True
        output.complain(text)


class _Kept:
    """The beginning of some content."""

    def __init__(self) -> None:
        self.octets = bytearray()
        #: Octets of all of it.
        self.size = 0

    def add(self, piece: bytes) -> None:
        """Keep ``piece`` as far as there is room."""
        self.octets += piece[: _LARGEST_KEPT - len(self.octets)]
        self.size += len(piece)

    def whole(self) -> bytes | None:
        """The content; ``None`` if this is not all of it."""
        return bytes(self.octets) if len(self.octets) == self.size else None


class Fetcher:
    """Asks for what there is at one origin; see the module."""

    def __init__(
        self,
        client: Client,
        arguments: Arguments,
        work: Work,
        upload: Upload,
        standard: output.Standard,
    ) -> None:
        self._client = client
        self._arguments = arguments
        self._work = work
        self._upload = upload
        self._standard = standard
        self._turns = output.Turns()
        self._keeps = arguments.har is not None

    async def run(self, fetches: list[Fetch]) -> None:
        """Ask for all of ``fetches``, at the same time as far as the server lets us.

        Raises :class:`UsageError` for what cannot be asked, in a group of exceptions.
        """
        while fetches:
            async with anyio.create_task_group() as tasks:
                for fetch in fetches:
                    response = self._send(fetch)
                    if response is not None:
                        tasks.start_soon(self._receive, fetch, response, self._turns.take())
                        if self._turns.given % _BURST == 0:
                            await anyio.lowlevel.checkpoint()
            fetches = self._next_here()

    def _next_here(self) -> list[Fetch]:
        """Requests that were added meanwhile and can use this connection."""
        if self._client.is_over:
            return []
        here = [one for one in self._work.waiting if one.url.origin == self._client.origin]
        self._work.waiting = [one for one in self._work.waiting if one not in here]
        return here

    def _send(self, fetch: Fetch) -> Response | None:
        fetch.attempts += 1
        arguments = self._arguments
        uploads = fetch.method not in ("GET", "HEAD") or fetch.redirects == 0
        body = self._upload.body() if uploads and not fetch.asset else None
        try:
            return self._client.send(
                fetch.method,
                fetch.url.target.decode("ascii"),
                self._fields(fetch, fields(arguments, fetch.index, body)),
                b"" if body is None else body,
                expect_seconds=_EXPECT_SECONDS if arguments.expect_continue else None,
            )
        except OptionError as error:
            if not fetch.asset and not fetch.redirects:
                raise UsageError(f"{fetch.url}: {error}") from error
            self._work.fail(f"{fetch.url}: {error}")
            return None

    @staticmethod
    def _fields(fetch: Fetch, wanted: list[Field]) -> list[Field]:
        if fetch.asset or fetch.redirects:
            # Replacements of the request line are for the URI on the command line only.
            wanted = [one for one in wanted if not one[0].startswith(b":")]
        if fetch.foreign:
            wanted = [one for one in wanted if one[0] not in _PRIVATE and one[0] != b"host"]
        return wanted

    # ------------------------------------------------------------------ what comes back

    async def _receive(self, fetch: Fetch, response: Response, place: int) -> None:
        seconds = self._arguments.timeout
        try:
            with anyio.fail_after(seconds or None):
                await self._take(fetch, response, place)
        except TimeoutError:
            response.cancel()
            self._work.fail(f"{fetch.url}: not complete within {seconds:g} s")
        except ResponseError as error:
            if self._standard.is_broken:
                return
            if error.may_retry and fetch.attempts < _MOST_ATTEMPTS:
                self._work.waiting.append(fetch)
            else:
                self._work.fail(f"{fetch.url}: {error}")
        except ClientError as error:
            response.cancel()
            self._work.fail(f"{fetch.url}: {error}")
        finally:
            self._turns.end(place)

    async def _take(self, fetch: Fetch, response: Response, place: int) -> None:
        """Take the response to where it belongs.  Raises ClientError."""
        arguments = self._arguments
        await response.started()
        finished = Finished(url=str(fetch.url), response=response, client=self._client)
        self._work.finished.append(finished)
        target = self._redirect(fetch, response)
        refused = arguments.fail and response.status >= 400
        wants_page = self._wants_page(fetch, response)
        kept = _Kept() if wants_page or self._keeps else None
        with ExitStack() as stack:
            unwanted = target is not None or refused
            write = None if unwanted else self._sink(fetch, stack)
            if write == self._standard.write_octets:
                await self._turns.wait(place)
                if arguments.include or arguments.head:
                    self._standard.write(output.head_text(self._client.protocol, response))
            await self._pour(response, write, kept)
        if write is not None:
            self._standard.flush()
        if kept is not None and self._keeps:
            finished.content, finished.size = kept.whole(), kept.size
        await self._take_pushes(fetch, response)
        if refused:
            self._work.fail(f"{fetch.url}: status {response.status}")
        if target is not None:
            self._work.waiting.append(target)
        if kept is not None and wants_page:
            self._find_assets(fetch, bytes(kept.octets))

    def _sink(self, fetch: Fetch, stack: ExitStack) -> Callable[[bytes], object] | None:
        """The destination of the content; ``None``: it is discarded."""
        arguments = self._arguments
        if fetch.index < len(arguments.output) and not fetch.asset:
            name = arguments.output[fetch.index]
            if name != "-":
                return stack.enter_context(output.open_file(name)).write
        elif arguments.remote_name:
            return stack.enter_context(output.open_file(output.file_name(fetch.url))).write
        if arguments.null_out or arguments.json:
            return None
        return self._standard.write_octets

    @staticmethod
    async def _pour(
        response: Response,
        write: Callable[[bytes], object] | None,
        kept: _Kept | None,
    ) -> None:
        """Write the decoded content to its destinations."""
        if write is None and kept is None:
            await response.ended()
            return
        decoder = output.decoder(response)
        async for piece in response:
            for part in [piece] if decoder is None else decoder.decode(piece):
                if write is not None:
                    write(part)
                if kept is not None:
                    kept.add(part)
        if decoder is not None:
            decoder.end()

    async def _take_pushes(self, fetch: Fetch, response: Response) -> None:
        """Pushed responses are counted and logged; their content is discarded."""
        for push in response.pushes:
            target = push.request.path.decode("latin-1")
            url = f"{fetch.url.origin}{target}"
            self._work.known.add(url)
            # The server initiated it: its failure is not ours.
            with suppress(ResponseError):
                await push.ended()
                finished = Finished(url=url, response=push, client=self._client)
                self._work.finished.append(finished)

    # ------------------------------------------------------------------ what follows

    def _redirect(self, fetch: Fetch, response: Response) -> Fetch | None:
        """The target of a redirect, if redirects are followed.  Raises ClientError."""
        location = response.header("location")
        if not self._arguments.location or location is None or response.status not in _REDIRECTS:
            return None
        if fetch.redirects >= self._arguments.max_redirects:
            raise ClientError(f"more than {self._arguments.max_redirects} redirects")
        url = fetch.url.join(location)
        # RFC 9110 section 15.4: after 303 GET or HEAD; after 301 and 302 most make GET of POST.
        method = fetch.method
        if (response.status == 303 and method != "HEAD") or (
            response.status in (301, 302) and method == "POST"
        ):
            method = "GET"
        return replace(
            fetch,
            url=url,
            method=method,
            redirects=fetch.redirects + 1,
            attempts=0,
            foreign=fetch.foreign or url.origin != fetch.url.origin,
        )

    def _wants_page(self, fetch: Fetch, response: Response) -> bool:
        kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
        return (
            self._arguments.get_assets
            and not fetch.asset
            and response.status == 200
            and kind in ("text/html", "application/xhtml+xml")
        )

    def _find_assets(self, fetch: Fetch, page: bytes) -> None:
        from h2static.h2get.assets import find_assets

        for url in find_assets(page, fetch.url):
            if url.origin == fetch.url.origin and str(url) not in self._work.known:
                self._work.known.add(str(url))
                self._work.waiting.append(
                    Fetch(url=url, index=fetch.index, method="GET", asset=True)
                )
