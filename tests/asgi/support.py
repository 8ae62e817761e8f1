"""An application behind an engine in memory, in the loop of a test.

Promise: :class:`Talk` has an ASGI application answer the requests of a client on the wire.
:meth:`Talk.settle` gives connection and tasks their turns until nothing moves.  What the
application does wrong is in :attr:`Talk.reports`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from h2static.asgi.application import AsgiApplication
from h2static.asgi.config import LifespanMode
from h2static.asgi.files import Files
from h2static.asgi.lifespan import Lifespan
from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.asgi.types import AsgiCallable, Message, Receive, Scope, Send
from h2static.asgi.websocket import serve_websocket
from h2static.http.fields import Field
from h2static.http.messages import Client, Request, Response
from h2static.site.bodies import FileAccess
from h2static.site.refusals import Refusals
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect
from tests.support.processes import DEADLINE
from tests.support.wire_clients.shape import Reply

#: Turns of connection and loop that bring everything to rest.
_TURNS = 12


def run_at_once(job: Callable[[], None]) -> None:
    job()


class Talk:
    """See the module."""

    def __init__(
        self,
        dialect: Dialect,
        application: AsgiCallable,
        *,
        root_path: str = "",
        limits: AsgiLimits = DEFAULT_LIMITS,
        client: Client | None = None,
        state: dict[str, object] | None = None,
    ) -> None:
        #: What the error log would have: who was served, the line, the lines below it.
        self.reports: list[tuple[Client | None, str, Sequence[str]]] = []
        self.lifespan = Lifespan(application, "test", self._lifespan_reports, limits=limits)
        self.lifespan.state = state
        self.application = AsgiApplication(
            application,
            self.lifespan,
            root_path=root_path,
            refuse=Refusals().refuse,
            report=lambda *told: self.reports.append(told),
            files=Files(FileAccess(submit=run_at_once)),
            protocols={b"websocket": serve_websocket},
            limits=limits,
        )
        self.conversation = Conversation(dialect, self.application)
        if client is not None:
            self.conversation.peer = client

    def _lifespan_reports(self, text: str, lines: Sequence[str]) -> None:
        self.reports.append((None, text, lines))

    @property
    def running(self) -> int:
        """Tasks that have not ended."""
        return len(self.application.tasks.running)

    async def settle(self) -> None:
        """Go on until nothing moves."""
        for _ in range(_TURNS):
            self.conversation.settle()
            await asyncio.sleep(0)

    async def until_whole(self, number: int) -> None:
        """Go on until a reply is whole that a thread has a part in."""
        async with asyncio.timeout(DEADLINE):
            await self.settle()
            while not self.conversation.reply(number).whole:
                await asyncio.sleep(0.01)
                await self.settle()

    async def ask(
        self,
        path: bytes = b"/",
        *,
        method: bytes = b"GET",
        fields: tuple[Field, ...] = (),
        content: bytes | None = None,
    ) -> Reply:
        """The reply to a request, as far as it has come when nothing moves any more."""
        length = None if content is None else len(content)
        number = self.conversation.request(
            path, method=method, fields=fields, content=content, length=length
        )
        await self.settle()
        return self.conversation.reply(number)


class Recorder:
    """An application that writes its scopes down and then does what it is told."""

    def __init__(
        self, act: Callable[[Scope, Receive, Send], Awaitable[None]] | None = None
    ) -> None:
        self.scopes: list[Scope] = []
        self._act = say(b"hello") if act is None else act

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await self._act(scope, receive, send)

    @property
    def scope(self) -> Scope:
        """The only one."""
        (scope,) = self.scopes
        return scope


def start(status: int = 200, *headers: tuple[bytes, bytes], **more: object) -> Message:
    """``http.response.start``."""
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: bytes = b"", *, more: bool = False) -> Message:
    """``http.response.body``."""
    return {"type": "http.response.body", "body": data, "more_body": more}


def say(
    data: bytes, *headers: tuple[bytes, bytes], status: int = 200
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An application that answers with ``data``."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(status, *headers))
        await send(body(data))

    return application


def sends(*messages: Message) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """An application that sends ``messages``."""

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return application


async def read_content(receive: Receive) -> bytes:
    """The whole content of a request."""
    content = bytearray()
    while True:
        message = await receive()
        assert message["type"] == "http.request", message
        content += message["body"]
        if not message["more_body"]:
            return bytes(content)


def request_of(path: bytes = b"/", **values: object) -> Request:
    """A request for parts that are tested alone."""
    settings: dict[str, object] = {
        "method": b"GET",
        "scheme": b"http",
        "authority": b"localhost",
        "path": path,
        "fields": (),
    }
    return Request(**{**settings, **values})  # type: ignore[arg-type]  # names of its attributes


async def no_application(scope: Scope, receive: Receive, send: Send) -> None:
    """Is never called."""
    raise AssertionError(scope["type"])


def refuses(status: int, request: Request | None) -> Response:
    """Refuses with nothing but a status."""
    return Response(status=status, fields=())


__all__ = ["LifespanMode", "Recorder", "Talk", "body", "read_content", "say", "sends", "start"]
