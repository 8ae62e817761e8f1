"""The pages of the documentation, taken apart: fenced blocks, headings, links.

Notes for these tests stand in comments that readers do not see, each on a line of its own above the
block that it is for::

    <!-- test: server -->         the block starts a server, in a terminal of its own
    <!-- test: prints -->         the block is what that server has printed by then
    <!-- test: run -->            commands that are run also where a page is only looked up
    <!-- test: before: COMMAND --> a command that readers do not see
    <!-- test: start: COMMAND --> a server that readers do not see
    <!-- test: skip: REASON -->   the block is not run
    <!-- test: stop -->           anywhere: Ctrl-C for the server
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"
README = REPOSITORY / "README.md"
TUTORIALS = sorted(path for path in (DOCS / "tutorials").glob("*.md") if path.stem != "index")
#: What is checked: everything that a reader of the repository is sent to.
PAGES = [
    README,
    *(REPOSITORY / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")),
    *sorted(DOCS.rglob("*.md")),
]

_FENCE = re.compile(r"^(`{3,})(.*)$")
_NOTE = re.compile(r"^<!-- test: (.*) -->$")
_TITLE = re.compile(r'title="([^"]+)"')
_HEADING = re.compile(r"^#{1,6} +(.*?)#* *$")
_CODE = re.compile(r"(`+).+?\1")
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block, or a note that stands alone."""

    page: Path
    #: The line of the fence.
    line: int
    language: str
    title: str
    text: str
    notes: tuple[str, ...] = ()

    def note(self, verb: str) -> str | None:
        """What the note ``verb`` says, if there is one."""
        for note in self.notes:
            word, _, rest = note.partition(":")
            if word == verb:
                return rest.strip()
        return None

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """The fenced blocks of ``page`` in their order; one without language for lone notes."""
    found: list[Block] = []
    notes: list[str] = []
    lines = page.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        if note := _NOTE.match(line):
            notes.append(note[1])
            continue
        fence = _FENCE.match(line)
        if fence is None:
            if notes:
                found.append(_block(page, number, "", [], notes))
            notes = []
            continue
        first = number
        while lines[number] != fence[1]:
            number += 1
        found.append(_block(page, first, fence[2], lines[first:number], notes))
        notes = []
        number += 1
    return found


def _block(page: Path, line: int, info: str, lines: list[str], notes: list[str]) -> Block:
    title = _TITLE.search(info)
    return Block(
        page=page,
        line=line,
        language=info.split(" ")[0],
        title=title[1] if title else "",
        text="".join(f"{one}\n" for one in lines),
        notes=tuple(notes),
    )


def prose_of(page: Path) -> list[str]:
    """The lines of ``page``, those of fenced and of indented code left empty."""
    lines = []
    fence = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        opening = _FENCE.match(line)
        if fence:
            fence = "" if line == fence else fence
            lines.append("")
        elif opening:
            fence = opening[1]
            lines.append("")
        else:
            lines.append("" if line.startswith("    ") else line)
    return lines


def links_of(page: Path) -> list[str]:
    """The targets of the links in ``page``."""
    # Code may hold brackets; a link may hold code.
    text = "\n".join(prose_of(page))
    return _LINK.findall(_CODE.sub("code", text))


def anchors_of(page: Path) -> set[str]:
    """The fragments that lead to headings of ``page``, both on the site and on code hosts.

    The two make them by different rules; a heading whose fragments differ has none.
    """
    anchors = set()
    for line in prose_of(page):
        if heading := _HEADING.match(line):
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).replace("`", "").strip()
            kept = re.sub(r"[^\w\s-]", "", text).strip().lower()
            on_site, on_hosts = re.sub(r"[-\s]+", "-", kept), kept.replace(" ", "-")
            if on_site == on_hosts:
                anchors.add(on_site)
    return anchors
