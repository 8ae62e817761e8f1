"""The application of the contract in FastAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import (
    BackgroundTasks,
    FastAPI,
    File,
    Form,
    Request,
    Response,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

from tests.frameworks.contract import COUNT, PIECE, Diary


def make(file: Path, diary: Diary) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
        diary.note("start")
        yield {"word": "state"}
        diary.note("stop")

    app = FastAPI(lifespan=lifespan)

    @app.get("/hello", response_class=PlainTextResponse)
    def hello(request: Request, response: Response, name: str = "") -> str:
        response.headers["x-host"] = request.headers["host"]
        return f"hello {name}"

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.post("/count", response_class=PlainTextResponse)
    async def count(request: Request) -> str:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return str(size)

    @app.post("/form", response_class=PlainTextResponse)
    async def form(field: Annotated[str, Form()], file: Annotated[UploadFile, File()]) -> str:
        return f"{field} {file.filename} {file.size}"

    @app.get("/stream")
    def stream() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            for _ in range(COUNT):
                yield PIECE

        return StreamingResponse(pieces())

    @app.get("/endless")
    async def endless() -> StreamingResponse:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                diary.note("gone")

        return StreamingResponse(pieces())

    @app.get("/cookies", response_class=PlainTextResponse)
    async def cookies(request: Request, response: Response) -> str:
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return " ".join(sorted(request.cookies))

    @app.get("/fail")
    def fail() -> None:
        raise ValueError("a bug")

    @app.get("/download")
    async def download() -> FileResponse:
        return FileResponse(file)

    @app.get("/state", response_class=PlainTextResponse)
    async def state(request: Request) -> str:
        return str(request.state.word)

    @app.get("/later", response_class=PlainTextResponse)
    async def later(background: BackgroundTasks) -> str:
        background.add_task(diary.note, "later")
        return "now"

    @app.get("/where", response_class=PlainTextResponse)
    async def where(request: Request) -> str:
        return str(request.url_for("where"))

    @app.websocket("/ws")
    async def echo_messages(socket: WebSocket) -> None:
        await socket.accept(subprotocol="chat" if "chat" in socket.scope["subprotocols"] else None)
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            diary.note("left")

    @app.websocket("/close")
    async def close(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close(4001, "enough")

    @app.websocket("/deny")
    async def deny(socket: WebSocket) -> None:
        await socket.close()

    return app
