"""The application of the contract in Starlette."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.frameworks.contract import COUNT, PIECE, Diary


def make(file: Path, diary: Diary) -> Starlette:
    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
        diary.note("start")
        yield {"word": "state"}
        diary.note("stop")

    async def hello(request: Request) -> Response:
        name = request.query_params.get("name", "")
        return PlainTextResponse(f"hello {name}", headers={"x-host": request.headers["host"]})

    async def echo(request: Request) -> Response:
        return Response(await request.body())

    async def count(request: Request) -> Response:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return PlainTextResponse(str(size))

    async def form(request: Request) -> Response:
        async with request.form() as data:
            upload = data["file"]
            assert not isinstance(upload, str)
            return PlainTextResponse(f"{data['field']} {upload.filename} {upload.size}")

    async def stream(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(COUNT):
                yield PIECE

        return StreamingResponse(pieces())

    async def endless(request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                diary.note("gone")

        return StreamingResponse(pieces())

    async def cookies(request: Request) -> Response:
        response = PlainTextResponse(" ".join(sorted(request.cookies)))
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return response

    async def fail(request: Request) -> Response:
        raise ValueError("a bug")

    async def download(request: Request) -> Response:
        return FileResponse(file)

    async def state(request: Request) -> Response:
        return PlainTextResponse(request.state.word)

    async def later(request: Request) -> Response:
        return PlainTextResponse("now", background=BackgroundTask(diary.note, "later"))

    async def where(request: Request) -> Response:
        return PlainTextResponse(str(request.url_for("where")))

    async def echo_messages(socket: WebSocket) -> None:
        await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
        async for text in socket.iter_text():
            await socket.send_text(text)
        diary.note("left")

    async def close(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4001, "enough")

    async def deny(socket: WebSocket) -> None:
        await socket.close()

    async def pass_on(request: Request, following: RequestResponseEndpoint) -> Response:
        return await following(request)

    return Starlette(
        routes=[
            Route("/hello", hello),
            Route("/echo", echo, methods=["POST"]),
            Route("/count", count, methods=["POST"]),
            Route("/form", form, methods=["POST"]),
            Route("/stream", stream),
            Route("/endless", endless),
            Route("/cookies", cookies),
            Route("/fail", fail),
            Route("/download", download),
            Route("/state", state),
            Route("/later", later),
            Route("/where", where),
            WebSocketRoute("/ws", echo_messages),
            WebSocketRoute("/close", close),
            WebSocketRoute("/deny", deny),
        ],
        middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)],
        lifespan=lifespan,
    )
