"""The application of the contract in Quart."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from quart import Quart, Response, request, send_file, url_for, websocket

from tests.frameworks.contract import COUNT, PIECE, Diary


def make(file: Path, diary: Diary) -> Quart:
    app = Quart(__name__)
    words: list[str] = []

    @app.before_serving
    async def start() -> None:
        words.append("state")
        diary.note("start")

    @app.after_serving
    async def stop() -> None:
        diary.note("stop")

    @app.get("/hello")
    async def hello() -> Response:
        return Response(f"hello {request.args.get('name', '')}", headers={"x-host": request.host})

    @app.post("/echo")
    async def echo() -> Response:
        return Response(await request.get_data(as_text=False))

    @app.post("/count")
    async def count() -> str:
        size = 0
        async for piece in request.body:
            size += len(piece)
        return str(size)

    @app.post("/form")
    async def form() -> str:
        fields, files = await request.form, await request.files
        upload = files["file"]
        return f"{fields['field']} {upload.filename} {len(upload.read())}"

    @app.get("/stream")
    async def stream() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(COUNT):
                yield PIECE

        return Response(pieces())

    @app.get("/endless")
    async def endless() -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield PIECE
            finally:
                diary.note("gone")

        response = Response(pieces())
        response.timeout = None
        return response

    @app.get("/cookies")
    async def cookies() -> Response:
        response = Response(" ".join(sorted(request.cookies)))
        response.set_cookie("one", "1")
        response.set_cookie("two", "2")
        return response

    @app.get("/fail")
    async def fail() -> str:
        raise ValueError("a bug")

    @app.get("/download")
    async def download() -> Response:
        return await send_file(file, conditional=True)

    @app.get("/state")
    async def state() -> str:
        return words[0]

    @app.get("/later")
    async def later() -> str:
        app.add_background_task(diary.note, "later")
        return "now"

    @app.get("/where")
    async def where() -> str:
        return url_for("where", _external=True)

    @app.websocket("/ws")
    async def echo_messages() -> None:
        chosen = "chat" if "chat" in websocket.requested_subprotocols else None
        await websocket.accept(subprotocol=chosen)
        try:
            while True:
                await websocket.send(await websocket.receive())
        finally:
            diary.note("left")

    @app.websocket("/close")
    async def close() -> None:
        await websocket.accept()
        await websocket.close(4001, "enough")

    @app.websocket("/deny")
    async def deny() -> tuple[str, int]:
        return "no", 403

    return app
