"""What there is to ask for, and how each answer is checked.

Promise: every :class:`Ask` knows the right answer when it is made; that of the edited page is the
version that was there then, or a later one.
"""

from __future__ import annotations

import hashlib
import os
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from h2static.http.fields import Fields

PAGES: Final = 200
LARGE: Final = 8 * 1024 * 1024
#: What slow readers read.
MIDDLE: Final = 768 * 1024
UPLOAD: Final = b"content that nobody wants " * 2_000
EDIT_SECONDS: Final = 0.1

Check: TypeAlias = Callable[[int, bytes], str | None]
AskMaker: TypeAlias = Callable[[random.Random], "Ask"]


@dataclass(slots=True, kw_only=True, frozen=True)
class Ask:
    """A request, and what is wrong with its answer, if anything is."""

    path: str
    check: Check
    method: str = "GET"
    fields: Fields = ()
    body: bytes = b""


def content(name: str, size: int) -> bytes:
    """The same octets for the same name."""
    return hashlib.shake_256(name.encode()).digest(size)


class Pages:
    """A folder and the requests for it."""

    def __init__(self, root: Path) -> None:
        root.mkdir()
        self.root = root
        self._pages = [content(f"page {number}", 100 + 97 * number) for number in range(PAGES)]
        for number, octets in enumerate(self._pages):
            (root / f"{number}.bin").write_bytes(octets)
        self._large = content("large", LARGE)
        (root / "large.bin").write_bytes(self._large)
        self._middle = content("middle", MIDDLE)
        (root / "middle.bin").write_bytes(self._middle)
        self._version = 0
        self.edit()

    # ------------------------------------------------------------------ edits

    def edit(self) -> None:
        """Put the next version of the edited page in the place of the last one."""
        following = self._version + 1
        new = self.root / ".edited.new"
        new.write_bytes(b"version %09d\n" % following * 100)
        os.replace(new, self.root / "edited.txt")
        self._version = following

    def edit_until(self, stopping: threading.Event) -> None:
        """Edit again and again."""
        while not stopping.wait(EDIT_SECONDS):
            self.edit()

    @property
    def edits(self) -> int:
        """How often it was edited."""
        return self._version

    # ------------------------------------------------------------------ requests

    def page(self, chance: random.Random) -> Ask:
        """One of the small files."""
        number = chance.randrange(PAGES)
        return Ask(path=f"/{number}.bin", check=_equals(self._pages[number]))

    def large(self, chance: random.Random) -> Ask:
        """More than any buffer in between holds."""
        return Ask(path="/large.bin", check=_equals(self._large))

    def middle(self, chance: random.Random) -> Ask:
        """What a slow reader takes some seconds for."""
        return Ask(path="/middle.bin", check=_equals(self._middle))

    def some(self, chance: random.Random) -> Ask:
        """A range of the large file."""
        first = chance.randrange(LARGE)
        last = min(first + chance.randrange(1, 100_000), LARGE) - 1
        field = (b"range", b"bytes=%d-%d" % (first, last))
        part = self._large[first : last + 1]
        return Ask(path="/large.bin", check=_equals(part, 206), fields=(field,))

    def edited(self, chance: random.Random) -> Ask:
        """The edited page: as it is now, or as it will be by the time of the answer."""
        before = self._version

        def check(status: int, octets: bytes) -> str | None:
            lines = octets.splitlines(keepends=True)
            if status != 200 or len(lines) != 100 or len(set(lines)) != 1:
                return f"status {status}, {len(octets)} octets of {len(set(lines))} versions"
            version = int(lines[0][8:])
            return None if version >= before else f"version {version} after {before}"

        return Ask(path="/edited.txt", check=check)

    def upload(self, chance: random.Random) -> Ask:
        """Content for a file, which is refused."""
        body = UPLOAD[: chance.randrange(1, len(UPLOAD))]

        def check(status: int, octets: bytes) -> str | None:
            return None if status == 405 else f"status {status}"

        return Ask(path="/0.bin", check=check, method="POST", body=body)


def _equals(expected: bytes, status: int = 200) -> Check:
    def check(found: int, octets: bytes) -> str | None:
        if found == status and octets == expected:
            return None
        return f"status {found}, {len(octets)} octets instead of {status}, {len(expected)} octets"

    return check
