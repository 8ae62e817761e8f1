"""Adapts an ASGI application to the server's application interface.

Contract: :class:`AsgiApplication` is an :class:`~h2static.http.exchange.Application` and a
:class:`~h2static.http.lifecycle.Lifecycle`.  It recalls nothing: each request is handled by a task
of its own, in the loop in which :meth:`AsgiApplication.start_up` ran.  An exception in the
application ends its own exchange only, and is written to the error log with its traceback.

``request.protocol`` selects the handler of an exchange; unknown protocols get 501.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from h2static.asgi.errors import ClientDisconnected
from h2static.asgi.files import Files
from h2static.asgi.http import EARLY_HINT, PATHSEND, PUSH, HttpConversation
from h2static.asgi.lifespan import Lifespan
from h2static.asgi.limits import DEFAULT_LIMITS, AsgiLimits
from h2static.asgi.responses import Responses
from h2static.asgi.scope import Scopes, tls_extension
from h2static.asgi.sections import Section, Sections
from h2static.asgi.tasks import Tasks
from h2static.asgi.types import AsgiCallable, Message, Scope
from h2static.http.bodies import Body
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Client, Request, Response

#: Refuses a request: takes a status and the request.
Refuse: TypeAlias = Callable[[int, Request | None], Response]
#: Takes the client that was served, one line, and the lines below it.
Report: TypeAlias = Callable[[Client | None, str, Sequence[str]], None]


class Conversation(Protocol):
    """A conversation with an application: a request and its response, or a WebSocket."""

    @property
    def exchange(self) -> Exchange:
        """The exchange of the conversation."""

    @property
    def lost(self) -> bool:
        """Whether the client went before it was over."""

    async def next_event(self) -> Message:
        """``receive`` of ASGI."""

    async def take_event(self, message: Message) -> None:
        """``send`` of ASGI."""

    def returned(self) -> bool:
        """The application has returned; returns whether something is missing."""

    def give_up(self) -> None:
        """The application has failed."""

    def drain(self) -> None:
        """The server is about to stop."""


#: Answers a request for another protocol.
Speak: TypeAlias = Callable[["AsgiApplication", Exchange], None]


class AsgiApplication(Lifecycle):
    """Serves an ASGI application."""

    def __init__(
        self,
        application: AsgiCallable,
        lifespan: Lifespan,
        *,
        root_path: str = "",
        refuse: Refuse,
        report: Report,
        files: Files,
        protocols: Mapping[bytes, Speak] | None = None,
        limits: AsgiLimits = DEFAULT_LIMITS,
    ) -> None:
        """``lifespan`` is that of ``application``, and may be that of other mounts too.

        ``refuse`` makes the responses for what does not get as far as the application.
        ``protocols``: who speaks what a request may ask for, by :attr:`Request.protocol`.
        """
        self.application = application
        self.limits = limits
        self.sections = Sections(limits)
        self.responses = Responses(limits)
        self.scopes = Scopes(root_path=root_path, state=lambda: lifespan.state, limits=limits)
        self.refuse = refuse
        self.lifespan = lifespan
        #: The server is about to stop.
        self.draining = False
        #: Remaining tasks are canceled.
        self._finishing = False
        self._report = report
        self._files = files
        self._tasks: Tasks | None = None
        #: Conversations that are not over, for the end.
        self._open: set[Conversation] = set()
        self._protocols = protocols or {}

    # ------------------------------------------------------------------ the application

    def recall(self, request: Request) -> Response | None:
        """Nothing: the application must see each request."""
        return None

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        request = exchange.request
        speak = self._protocols.get(request.protocol) if request.protocol else serve_http
        if speak is None or (request.method == b"CONNECT" and speak is serve_http):
            # RFC 9220 section 3: "a server that does not support the :protocol … SHOULD respond
            # with … 501"; nor is this a proxy.
            exchange.respond(self.refuse(501, request))
        else:
            speak(self, exchange)

    @property
    def tasks(self) -> Tasks:
        """The tasks in which the application runs."""
        if self._tasks is None:
            self._tasks = Tasks(asyncio.get_running_loop())
        return self._tasks

    async def serve(self, conversation: Conversation, scope: Scope) -> None:
        """Run the application for ``conversation``."""
        try:
            await self.application(scope, conversation.next_event, conversation.take_event)
        except asyncio.CancelledError as error:
            if not self._finishing:
                # The application has canceled itself, and its client must learn that.
                self.tell(conversation, error)
            conversation.give_up()
            raise
        except BaseException as error:
            # Whatever it is: the loop would pass KeyboardInterrupt on, to the end of the process,
            # and keep others for itself, with a client that waits forever.
            if not (conversation.lost and _is_disconnect(error)):
                self.tell(conversation, error)
            conversation.give_up()
        else:
            if conversation.returned():
                self.tell(conversation, None)
                conversation.give_up()
        finally:
            self._open.discard(conversation)

    def tell(self, conversation: Conversation, error: BaseException | None) -> None:
        """Report to the error log what the application has done wrong."""
        request = conversation.exchange.request
        what = "returned without a complete response" if error is None else f"raised {error!r}"
        shown = f"{request.method.decode('ascii')} {request.path.decode('latin-1')}"
        lines = [] if error is None else traceback_of(error, self.limits.traceback_lines)
        self._report(conversation.exchange.client, f"{shown}: the application {what}", lines)

    def file(
        self, path: str, request: Request, status: int, section: Section
    ) -> tuple[int, Fields, bytes | Body]:
        """Implement :meth:`h2static.asgi.http.Host.file`."""
        return self._files.response(path, request, status, section)

    # ------------------------------------------------------------------ lifecycle

    def release(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.release`."""
        self.scopes.release()
        self.sections.release()
        self.responses.release()

    def drain(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`: streams of events end."""
        self.draining = True
        for conversation in list(self._open):
            conversation.drain()

    async def start_up(self) -> None:
        """Have the application start; see :meth:`h2static.asgi.lifespan.Lifespan.start_up`."""
        self._tasks = Tasks(asyncio.get_running_loop())
        await self.lifespan.start_up()

    async def finish(self) -> None:
        """No connection is left: end what still runs."""
        self._finishing = True
        running = set() if self._tasks is None else set(self._tasks.running)
        if running:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=self.limits.cancelled_seconds)

    async def shut_down(self) -> None:
        """Have the application shut down."""
        await self.lifespan.shut_down()

    def begin(self, conversation: Conversation, scope: Scope) -> None:
        """Start the task of ``conversation``."""
        if not self.tasks.start(self.serve(conversation, scope)):
            self._open.add(conversation)


def serve_http(application: AsgiApplication, exchange: Exchange) -> None:
    """An ordinary request."""
    conversation = HttpConversation(exchange, application)
    scope = application.scopes.http(exchange)
    client = exchange.client
    extensions: dict[str, dict[str, object]] = scope["extensions"]
    extensions[PATHSEND] = {}
    if client.version != "HTTP/1.1":
        extensions[EARLY_HINT] = {}
        if exchange.may_push:
            extensions[PUSH] = {}
    if client.tls is not None:
        extensions["tls"] = tls_extension(client.tls)
    application.begin(conversation, scope)
    if not conversation.complete:
        exchange.when_lost(conversation.lose)


def traceback_of(error: BaseException, most: int) -> list[str]:
    """The traceback of ``error``: its last ``most`` lines, without our own first one."""
    inner = error.__traceback__
    if inner is not None and inner.tb_next is not None:
        inner = inner.tb_next
    text = "".join(traceback.format_exception(type(error), error, inner))
    return text.splitlines()[-most:]


def _is_disconnect(error: BaseException | None) -> bool:
    """Whether ``error``, or its cause, only means that the client has disconnected.

    Frameworks have exceptions of their own for that; what they mean is in their names alone.
    """
    while error is not None:
        if isinstance(error, BaseExceptionGroup):
            return all(map(_is_disconnect, error.exceptions))
        if isinstance(error, ClientDisconnected) or "Disconnect" in type(error).__name__:
            return True
        error = error.__cause__
    return False
