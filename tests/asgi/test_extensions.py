"""The extensions of ``http`` on the wire: early hints, trailers, files by path."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.asgi.errors import InvalidEvent
from h2static.asgi.types import Message, Receive, Scope, Send
from h2static.http.fields import Field, Fields
from tests.asgi.support import Recorder, Talk, body, sends, start
from tests.contracts.dialects import Dialect

pytestmark = pytest.mark.anyio

CONTENT = bytes(range(256)) * 400
TE: Field = (b"te", b"trailers")
#: HTTP/1.1 names it in Connection too (RFC 9110 section 10.1.4).
CONNECTION: Field = (b"connection", b"te")
TRAILERS: Message = {"type": "http.response.trailers", "headers": [(b"X-Sum", b"42")]}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some reads."""
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


def pathsend(path: object) -> Message:
    return {"type": "http.response.pathsend", "path": str(path)}


# ---------------------------------------------------------------------- early hints


async def test_early_hints_come_before_the_response(dialect: Dialect) -> None:
    hints: list[Message] = [
        {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>"]},
        {"type": "http.response.early_hint", "links": iter([b"</c.js>"])},
    ]
    application = Recorder(sends(*hints, start(), body(b"page")))
    reply = await Talk(dialect, application).ask()
    offered = "http.response.early_hint" in application.scope["extensions"]
    # "servers may ignore it" (ASGI): old clients of HTTP/1.1 take 103 for the response.
    assert offered == dialect.multiplexed
    expected = [
        (103, ((b"link", b"</a.css>; rel=preload"), (b"link", b"</b.js>"))),
        (103, ((b"link", b"</c.js>"),)),
    ]
    assert reply.informational == (expected if offered else [])
    assert (reply.status, reply.content, reply.whole) == (200, b"page", True)


# ---------------------------------------------------------------------- trailers


def te_fields(dialect: Dialect) -> Fields:
    return (TE,) if dialect.multiplexed else (TE, CONNECTION)


@pytest.mark.parametrize("declared", [False, True])
async def test_trailers_for_whoever_takes_them(dialect: Dialect, declared: bool) -> None:
    length = [(b"content-length", b"7")] if declared else []
    application = Recorder(
        sends(
            start(200, (b"trailer", b"x-sum"), *length, trailers=True),
            body(b"content"),
            {"type": "http.response.trailers", "headers": [(b"x-a", b"1")], "more_trailers": True},
            TRAILERS,
        )
    )
    reply = await Talk(dialect, application).ask(fields=te_fields(dialect))
    assert "http.response.trailers" in application.scope["extensions"]
    assert (reply.content, reply.whole) == (b"content", True)
    assert reply.trailers == ((b"x-a", b"1"), (b"x-sum", b"42"))


async def test_trailers_are_left_out_for_others(dialect: Dialect) -> None:
    """The response ends all the same."""
    application = Recorder(sends(start(trailers=True), body(b"content"), TRAILERS))
    reply = await Talk(dialect, application).ask()
    assert "http.response.trailers" not in application.scope["extensions"]
    assert (reply.content, reply.trailers, reply.whole) == (b"content", (), True)


# ---------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("method", "asked", "status", "content", "length"),
    [
        (b"GET", None, 200, CONTENT, len(CONTENT)),
        (b"GET", b"bytes=10-19", 206, CONTENT[10:20], 10),
        (b"GET", b"bytes=-1", 206, CONTENT[-1:], 1),
        (b"GET", b"bytes=0-1,5-6", 200, CONTENT, len(CONTENT)),
        (b"HEAD", None, 200, b"", len(CONTENT)),
    ],
)
async def test_files(
    dialect: Dialect,
    file: Path,
    method: bytes,
    asked: bytes | None,
    status: int,
    content: bytes,
    length: int,
) -> None:
    fields = () if asked is None else ((b"range", asked),)
    application = sends(start(200, (b"content-length", b"%d" % len(CONTENT))), pathsend(file))
    talk = Talk(dialect, application)
    reply = await talk.ask(method=method, fields=fields)
    assert (reply.status, reply.whole, talk.reports) == (status, True, [])
    assert reply.content == content
    assert reply.value(b"content-length") == b"%d" % length


async def test_an_empty_file(dialect: Dialect, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    reply = await Talk(dialect, sends(start(), pathsend(tmp_path / "empty"))).ask()
    assert (reply.status, reply.content, reply.whole) == (200, b"", True)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("none", "No such file or directory"),
        ("", "not a regular file"),
        ("file.bin", "content-length is 1"),
        ("a\0b", "null byte"),
    ],
)
async def test_files_that_cannot_be_sent(
    dialect: Dialect, file: Path, path: str, reason: str
) -> None:
    """The application hears of it, and can still respond."""
    raised: list[str] = []

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        await send(start(200, (b"content-length", b"1")))
        try:
            await send(pathsend(f"{file.parent}/{path}"))
        except InvalidEvent as error:
            raised.append(str(error))
        await send(body(b"x"))

    reply = await Talk(dialect, application).ask()
    assert reason in raised[0]
    assert (reply.status, reply.content) == (200, b"x")


async def test_files_are_named_in_full(dialect: Dialect) -> None:
    talk = Talk(dialect, sends(start(), {"type": "http.response.pathsend", "path": "x"}))
    assert (await talk.ask()).status == 500
    assert "'x' is not an absolute path" in talk.reports[0][1]
