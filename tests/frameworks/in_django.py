"""The application of the contract in Django, with Channels for its WebSockets.

Django answers requests in threads where its views are synchronous, and has no lifespan.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import django
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path

from tests.frameworks.contract import COUNT, PIECE, Diary

#: Those of the applications that were made, in a process that has one set of settings.
_made: dict[str, Any] = {}


def make(file: Path, diary: Diary) -> object:
    _made.update(file=file, diary=diary)
    if not settings.configured:
        settings.configure(
            ROOT_URLCONF=__name__,
            ALLOWED_HOSTS=["*"],
            SECRET_KEY="for tests",
            INSTALLED_APPS=["channels"],
            MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
            LOGGING_CONFIG=None,
            DATA_UPLOAD_MAX_MEMORY_SIZE=None,
        )
        django.setup()
    return ProtocolTypeRouter(
        {
            "http": get_asgi_application(),
            "websocket": URLRouter(
                [
                    path("ws", Echo.as_asgi()),
                    path("close", Close.as_asgi()),
                    path("deny", Deny.as_asgi()),
                ]
            ),
        }
    )


def hello(request: HttpRequest) -> HttpResponse:
    name = request.GET.get("name", "")
    return HttpResponse(f"hello {name}", headers={"x-host": request.get_host()})


def echo(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.body)


def count(request: HttpRequest) -> HttpResponse:
    size = 0
    while piece := request.read(65_536):
        size += len(piece)
    return HttpResponse(str(size))


def form(request: HttpRequest) -> HttpResponse:
    upload = request.FILES["file"]
    return HttpResponse(f"{request.POST['field']} {upload.name} {upload.size}")


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(COUNT):
            yield PIECE

    return StreamingHttpResponse(pieces())


async def endless(request: HttpRequest) -> StreamingHttpResponse:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield PIECE
                await asyncio.sleep(0)
        finally:
            _made["diary"].note("gone")

    return StreamingHttpResponse(pieces())


def cookies(request: HttpRequest) -> HttpResponse:
    response = HttpResponse(" ".join(sorted(request.COOKIES)))
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


def fail(request: HttpRequest) -> HttpResponse:
    raise ValueError("a bug")


def download(request: HttpRequest) -> FileResponse:
    return FileResponse(_made["file"].open("rb"))


def where(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.build_absolute_uri())


# Any: Channels has no types.
class Echo(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.accept("chat" if "chat" in self.scope["subprotocols"] else None)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        await self.send(text_data)

    async def disconnect(self, code: int) -> None:
        _made["diary"].note("left")


class Close(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.accept()
        await self.close(4001, "enough")


class Deny(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        await self.close()


urlpatterns = [
    path(view.__name__, view)
    for view in (hello, echo, count, form, stream, endless, cookies, fail, download, where)
]
