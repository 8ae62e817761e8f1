"""What real clients sent to a site, and what it answered: octets of both sides.

``NAME.session`` is a sequence of reads, length (4 octets) first; ``NAME.answers`` is all that the
server sent.  Both were written by :mod:`tests.contracts.recorded.record`.

Promise: :class:`RecordedSite` answers any of them with the same octets on every machine, at any
time and on either build: its clock stands still, and its files have fixed contents and times.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from h2static.http.shared import Shared
from h2static.http1.memory import Memory
from h2static.http2.limits import Limits
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from h2static.site import EtagSource, Site, SiteConfig
from h2static.site.limits import SiteLimits
from h2static.site.rules import parse_cache_rule
from tests.http2 import sessions
from tests.support.small_site import pattern
from tests.support.transports import WALL_CLOCK, Feed
from tests.support.twins import AtOnce, HTTP1Feed

FOLDER: Final = Path(__file__).resolve().parent
#: A page, with what a browser asks for because of it.
FILES: Final = {
    "index.html": b"<!doctype html><meta charset=utf-8><title>t</title>\n"
    b'<link rel=stylesheet href="/style.css"><link rel=icon href="/icon.svg">\n'
    b'<script defer src="/script.js"></script><img src="/picture.svg" alt=""><p>hello\n',
    "style.css": b"p { color: teal }\n" * 20,
    "script.js": b"document.title = 'done';\n" * 60,
    "icon.svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>\n',
    "picture.svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>\n',
    "empty.txt": b"",
    "large.bin": pattern(40_000),
}
#: When the first of them was written.
_WRITTEN: Final = 1_700_000_000
#: Larger files are read while they are sent.
_SMALL_FILE: Final = 10_000


def names() -> list[str]:
    """The sessions that exist."""
    return sessions.names(FOLDER)


def load(name: str) -> list[bytes]:
    """The reads of a session."""
    return sessions.load(name, FOLDER)


def answers(name: str) -> bytes:
    """What the server has to send in a session."""
    return (FOLDER / f"{name}.answers").read_bytes()


def is_http1(name: str) -> bool:
    """Whether a session is one of HTTP/1.1."""
    return name.startswith("http1-")


def is_secure(name: str) -> bool:
    """Whether the client spoke TLS; what is recorded is what was in it."""
    return name in ("chromium", "firefox")


class RecordedSite:
    """A server of :data:`FILES`, with memories or without."""

    def __init__(self, folder: Path, *, memories: bool = True) -> None:
        """``folder``: where the files are to be."""
        for number, (name, content) in enumerate(FILES.items()):
            (folder / name).write_bytes(content)
            # Files that all have one date were given it by a tool, and have none for clients.
            os.utime(folder / name, (_WRITTEN + number, _WRITTEN + number))
        # However young the files are, they count as settled.
        now = max(path.stat().st_ctime for path in folder.iterdir()) + 10
        self.memories = memories
        limits = SiteLimits(small_file=_SMALL_FILE, **({} if memories else {"key": 0}))
        rule = parse_cache_rule("/*.css=max-age=60")
        config = SiteConfig(root=os.fspath(folder), cache=(rule,), etag=EtagSource.DIGEST)
        self.site = Site(config, clock=lambda: now, limits=limits, survey=False)
        self.shared = Shared()
        self.shared.date.tick(WALL_CLOCK)
        self.memory = Memory(self.shared, **({} if memories else {"section_octets": 0}))
        self.services = {
            scheme: make_service(
                AtOnce(self.site),
                LocalSettings(),
                Limits(),
                self.shared,
                schemes=frozenset((scheme,)),
                memories=memories,
            )
            for scheme in (b"http", b"https")
        }

    def connect(self, name: str) -> Feed | HTTP1Feed:
        """A new connection for the client of a session."""
        if is_http1(name):
            return HTTP1Feed(AtOnce(self.site), self.shared, self.memory)
        return Feed(self.services[b"https" if is_secure(name) else b"http"])

    def play(self, name: str) -> bytes:
        """What is sent to the client of a session, who comes some time after the one before."""
        for later in (10, 0):
            self.shared.date.tick(WALL_CLOCK + later)
            for service in self.services.values():
                service.blocks.release()
        feed = self.connect(name)
        for read in load(name):
            self.site.new_batch()
            feed.deliver(read)
        assert feed.connection.problem is None
        return bytes(feed.output)
