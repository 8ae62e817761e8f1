"""Requests as browsers and proxies make them, as octets of HTTP/2: what each connection sends.

Promise: the same in every run (a seeded generator makes them).  The octets are those of another
encoder than ours, so that nothing here knows how they were made.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from hpack import Encoder

#: What a client begins with: the preface, SETTINGS, and a large connection window.
OPENING = (
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff"
    b"\x00\x00\x00\x04\x01\x00\x00\x00\x00"
    b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x70\x00\x00\x00"
)
#: Any seed would do; a fixed one makes runs comparable.
SEED = 9113


@dataclass(slots=True, kw_only=True)
class Visit:
    """The reads of one connection: one with what it begins with, then one for each request."""

    reads: list[bytes]
    #: Requests that are not counted: what they ask for is to be known.
    warm: int = 0

    @property
    def requests(self) -> int:
        """How many requests it makes."""
        return len(self.reads) - 1


def connection(
    requests: Iterable[list[tuple[str, str]]],
    *,
    warm: int = 0,
    index: bool = True,
    authority: str | None = None,
    scheme: str | None = None,
) -> Visit:
    """A connection that makes ``requests``, one after the other; of another authority and scheme
    where they are given.

    ``index=False``: paths enter no table, as with h2load, so that the same one comes in the same
    octets again.
    """
    encoder = Encoder()
    reads = [OPENING]
    given = {":authority": authority, ":scheme": scheme}
    for number, asked in enumerate(requests):
        fields = [(name, given.get(name) or value) for name, value in asked]
        if index:
            block = encoder.encode(fields)
        else:
            ((_, path),) = [field for field in fields if field[0] == ":path"]
            pseudo = [field for field in fields if field[0][0] == ":" and field[0] != ":path"]
            regular = [field for field in fields if field[0][0] != ":"]
            literal = b"\x04" + bytes([len(path)]) + path.encode("ascii")
            block = encoder.encode(pseudo) + literal + encoder.encode(regular)
        head = len(block).to_bytes(3, "big") + b"\x01\x05" + (2 * number + 1).to_bytes(4, "big")
        reads.append(head + block)
    return Visit(reads=reads, warm=warm)


def browser(
    path: str, *, agent: str, referer: str = "", cookie: str = "", language: str = "en-US,en;q=0.9"
) -> list[tuple[str, str]]:
    """The fields of a browser's request for ``path``."""
    fields = [
        (":method", "GET"),
        (":authority", "www.example.org"),
        (":scheme", "http"),
        (":path", path),
        ("sec-ch-ua-platform", '"Linux"'),
        ("user-agent", agent),
        ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "no-cors"),
        ("sec-fetch-dest", "document"),
        ("accept-encoding", "gzip, deflate, br, zstd"),
        ("accept-language", language),
    ]
    if referer:
        fields.append(("referer", referer))
    if cookie:
        fields.append(("cookie", cookie))
    return fields


def agents(generator: random.Random) -> Iterator[str]:
    """Agents: no two are equal, as versions and builds differ."""
    for number in itertools.count():
        yield (
            f"Mozilla/5.0 (X11; Linux x86_64; rv:{generator.randrange(60, 140)}.{number}) "
            f"AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{generator.randrange(90, 140)}.0.0.0"
        )


def cookies(generator: random.Random) -> Iterator[str]:
    """Cookies: each a session of its own."""
    while True:
        yield f"session={generator.randbytes(16).hex()}; theme=dark"


def visitors(
    count: int, paths: Callable[[int], str], *, cookie: bool = True, different: int | None = None
) -> list[Visit]:
    """``count`` requests, ten on a connection, each connection with its own agent and cookie.

    ``different``: after so many connections the first visitor comes again, and so on.
    """
    generator = random.Random(SEED)
    agent, session = agents(generator), cookies(generator)
    made: list[Visit] = []
    for visit in range(max(1, count // 10)):
        if different is not None and visit >= different:
            made.append(made[visit % different])
            continue
        own, token = next(agent), next(session) if cookie else ""
        made.append(
            connection(
                browser(
                    paths(number),
                    agent=own,
                    cookie=token,
                    referer="http://www.example.org/" if number else "",
                )
                for number in range(10)
            )
        )
    return made


def proxy(count: int) -> list[Visit]:
    """Long connections on which every request comes from another visitor."""
    generator = random.Random(SEED)
    agent, session = agents(generator), cookies(generator)
    return [
        connection(
            browser(
                f"/page/{generator.randrange(40)}.html",
                agent=next(agent),
                cookie=next(session),
                referer=f"http://www.example.org/page/{generator.randrange(1000)}",
            )
            for _ in range(count // 4)
        )
        for _ in range(4)
    ]


def repeated(
    count: int, paths: Callable[[int], str], *, fields: int = 6, warm: int = 0, index: bool = True
) -> list[Visit]:
    """A connection of one client that asks for ``paths`` and changes nothing else."""
    requests = (
        browser(paths(number), agent="curl/8.5.0", language="en")[:fields]
        for number in range(count)
    )
    return [connection(requests, warm=warm, index=index)]
