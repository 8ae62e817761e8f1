"""A site over a temporary folder, and short ways to ask it."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path
from typing import Any, NoReturn

import pytest

from h2static.http.bodies import Body
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig
from h2static.site.files import FileHandle, FileVersion
from h2static.site.limits import SiteLimits
from tests.support.exchange import ask


class Clock:
    """Seconds since 1970, moved by the test."""

    def __init__(self) -> None:
        self.offset = 0.0

    def __call__(self) -> float:
        return time.time() + self.offset

    def settle(self) -> None:
        """Let every file that exists now count as settled."""
        self.offset = 10.0


def request(path: str | bytes, method: str = "GET", **fields: str | bytes | None) -> Request:
    """A request; ``if_none_match="…"`` is the field if-none-match, ``authority`` is apart."""
    authority = fields.pop("authority", "localhost:8080")
    return Request(
        method=method.encode(),
        scheme=b"http",
        authority=_octets(authority or ""),
        path=_octets(path),
        fields=tuple(
            (name.replace("_", "-").encode(), _octets(value))
            for name, value in fields.items()
            if value is not None
        ),
    )


def _octets(value: str | bytes) -> bytes:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value


class Client:
    """Asks a site and gets whole responses."""

    def __init__(self, site: Site, clock: Clock) -> None:
        self.site = site
        self.clock = clock

    def ask(self, question: Request) -> Response:
        """The response, work for threads done."""
        return ask(self.site, question)

    def get(self, path: str | bytes, method: str = "GET", **fields: str | bytes | None) -> Response:
        """The response to a new request."""
        return self.ask(request(path, method, **fields))

    def status(self, path: str | bytes, method: str = "GET", **fields: str | bytes | None) -> int:
        return self.get(path, method, **fields).status

    def body(self, path: str | bytes, method: str = "GET", **fields: str | bytes | None) -> bytes:
        return octets_of(self.get(path, method, **fields))


def octets_of(response: Response) -> bytes:
    """The whole body of ``response``."""
    if isinstance(response.body, bytes):
        return response.body
    return read_whole(response.body)


def read_whole(body: Body, size: int = 65536) -> bytes:
    """One reading of ``body``, waiting where it must."""
    reader = body.open()
    parts: list[bytes] = []
    try:
        while True:
            part = reader.read(size)
            if part is None:
                woken: list[bool] = []
                reader.wait(lambda woken=woken: woken.append(True))  # type: ignore[misc]  # a default binds the loop's list
                assert woken, "the default submit runs at once"
            elif not part:
                return b"".join(parts)
            else:
                parts.append(bytes(part))
    finally:
        reader.close()


def field(response: Response, name: str) -> str | None:
    """The value of the one field ``name``."""
    values = [value for key, value in response.fields if key == name.encode()]
    assert len(values) <= 1, values
    return values[0].decode("latin-1") if values else None


def write(root: Path, name: str, content: str | bytes = b"content") -> Path:
    """A file below ``root``, its folders made."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_octets(content))
    return path


def forget_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the next read that must not wait find the page cache empty.

    A real cache cannot be emptied without luck: asking what it holds begins to fill it.
    """

    def not_at_hand(*_: object) -> NoReturn:
        monkeypatch.undo()
        raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    monkeypatch.setattr(os, "preadv", not_at_hand)


def cannot_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a file system that cannot tell what is in the page cache: all reads may wait."""

    def refuse(*_: object) -> NoReturn:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "preadv", refuse)


def turn_off_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a system without inotify."""
    monkeypatch.setattr("h2static.site.change_watch.LOCAL_FILE_SYSTEMS", frozenset())


def make_client(
    root: Path,
    clock: Clock | None = None,
    limits: SiteLimits | None = None,
    **options: Any,
) -> Client:
    """A client of a new site over ``root``; ``options`` are those of :class:`SiteConfig`."""
    clock = clock or Clock()
    config = SiteConfig(root=os.fspath(root), **options)
    return Client(Site(config, clock=clock, limits=limits), clock)


class HandleDuringWrite(FileHandle):
    """A file whose time a write has set already and whose size it has not, for so many looks."""

    __slots__ = ("hidden", "looks")

    def __init__(self, descriptor: int) -> None:
        super().__init__(descriptor)
        self.hidden: FileVersion | None = None
        self.looks = 0

    def version(self) -> FileVersion:
        version = super().version()
        if self.hidden is None or not self.looks:
            return version
        self.looks -= 1
        return version._replace(size=self.hidden.size)
