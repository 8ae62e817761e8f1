"""The application of the contract in Litestar."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar, MediaType, Request, Response, WebSocket, get, post, websocket
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.exceptions import WebSocketDisconnect
from litestar.params import Body
from litestar.response import File, Stream

from tests.frameworks.contract import COUNT, PIECE, Diary

# Any: the types of user, credentials and state, of which there are none.
Asked = Request[Any, Any, Any]
Socket = WebSocket[Any, Any, Any]


def make(file: Path, diary: Diary) -> Litestar:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        diary.note("start")
        app.state.word = "state"
        yield
        diary.note("stop")

    @get("/hello", media_type=MediaType.TEXT)
    async def hello(request: Asked) -> Response[str]:
        name = request.query_params.get("name", "")
        return Response(f"hello {name}", headers={"x-host": request.headers["host"]})

    @post("/echo", status_code=200)
    async def echo(request: Asked) -> Response[bytes]:
        return Response(await request.body(), media_type="application/octet-stream")

    @post("/count", status_code=200, media_type=MediaType.TEXT)
    async def count(request: Asked) -> str:
        size = 0
        async for piece in request.stream():
            size += len(piece)
        return str(size)

    @post("/form", status_code=200, media_type=MediaType.TEXT)
    async def form(
        data: Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)],
    ) -> str:
        upload = data["file"]
        assert isinstance(upload, UploadFile)
        return f"{data['field']} {upload.filename} {len(await upload.read())}"

    @get("/stream")
    async def stream() -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(COUNT):
                yield PIECE

        return Stream(pieces())

    @get("/endless")
    async def endless() -> Stream:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                diary.note("gone")

        return Stream(pieces())

    @get("/cookies", media_type=MediaType.TEXT)
    async def cookies(request: Asked) -> Response[str]:
        response = Response(" ".join(sorted(request.cookies)))
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return response

    @get("/fail")
    async def fail() -> None:
        raise ValueError("a bug")

    @get("/download")
    async def download() -> File:
        return File(file)

    @get("/state", media_type=MediaType.TEXT)
    async def state(request: Asked) -> str:
        return str(request.app.state.word)

    @get("/later", media_type=MediaType.TEXT)
    async def later() -> Response[str]:
        async def write() -> None:
            diary.note("later")

        return Response("now", background=BackgroundTask(write))

    @get("/where", media_type=MediaType.TEXT, name="where")
    async def where(request: Asked) -> str:
        return request.url_for("where")

    @websocket("/ws")
    async def echo_messages(socket: Socket) -> None:
        chosen = "chat" if "chat" in socket.scope["subprotocols"] else None
        await socket.accept(subprotocols=chosen)
        try:
            while True:
                await socket.send_text(await socket.receive_text())
        except WebSocketDisconnect:
            diary.note("left")

    @websocket("/close")
    async def close(socket: Socket) -> None:
        await socket.accept()
        await socket.close(4001, "enough")

    @websocket("/deny")
    async def deny(socket: Socket) -> None:
        await socket.close()

    return Litestar(
        [
            hello, echo, count, form, stream, endless, cookies, fail, download, state, later, where,
            echo_messages, close, deny,
        ],
        lifespan=[lifespan],
    )  # fmt: skip
