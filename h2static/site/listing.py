"""Lists of the files in a folder, as a page and as JSON.

Contract: what is listed is what would be served: no hidden names, nothing that is neither a
regular file nor a folder, no link out of the root.  Folders come first, then files, each sorted as
a person would.  Names from the file system are escaped for where they stand, whatever octets they
are made of.

Blocking: reads the folder and the attributes of all its files.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape

from h2static.http.dates import MAX_DATE
from h2static.site.descriptors import close_descriptor
from h2static.site.files import Folder, Walk
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.pages import page
from h2static.site.paths import encode_path, is_hidden

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_NUMBER = re.compile(r"(\d+)")


@dataclass(slots=True, frozen=True, kw_only=True)
class Entry:
    """One file or folder in a list."""

    name: bytes
    is_folder: bool
    #: Octets; 0 for folders.
    size: int
    #: Seconds since 1970.
    modified: int


@dataclass(slots=True, frozen=True, kw_only=True)
class Listing:
    """What a folder contains."""

    #: Names from the root to the folder.
    names: tuple[bytes, ...]
    entries: tuple[Entry, ...]
    #: Entries that were left out because there are too many.
    left_out: int


def read_listing(
    walk: Walk,
    folder: Folder,
    names: tuple[bytes, ...],
    private: Collection[bytes] = (),
    limits: SiteLimits = DEFAULTS,
) -> Listing:
    """The list of ``folder``; ``private`` files are left out like hidden ones.

    Raises ``OSError``.
    """
    descriptor = os.open(
        b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.descriptor
    )
    try:
        with os.scandir(descriptor) as iterator:
            # A descriptor gives names as text; the octets are behind it.
            found = [os.fsencode(item.name) for item in iterator]
    finally:
        close_descriptor(descriptor)
    found = [name for name in found if not is_hidden(name) and name not in private]
    left_out = max(0, len(found) - limits.list_entries)
    if left_out:
        found = sorted(found)[: limits.list_entries]
    entries = filter(None, (_entry(walk, folder, name) for name in found))
    return Listing(names=names, entries=tuple(sorted(entries, key=_order)), left_out=left_out)


def _entry(walk: Walk, folder: Folder, name: bytes) -> Entry | None:
    """What is listed for ``name``; ``None`` for what would not be served."""
    try:
        version = walk.peek(folder, name)
        if version is None:
            modified = os.stat(name, dir_fd=folder.descriptor).st_mtime_ns
        else:
            modified = version.modified
    except OSError:
        return None
    return Entry(
        name=name,
        is_folder=version is None,
        size=0 if version is None else version.size,
        modified=modified // 1_000_000_000,
    )


def _order(entry: Entry) -> tuple[bool, list[tuple[int, str]], bytes]:
    """Folders first; then without regard to case, and numbers by their value."""
    words = _NUMBER.split(text_of(entry.name).casefold())
    key = [(int(word), "") if word.isdecimal() else (-1, word) for word in words]
    return (not entry.is_folder, key, entry.name)


def text_of(name: bytes) -> str:
    """A name for people: octets that are not UTF-8 are replaced."""
    return name.decode("utf-8", "replace")


def listing_json(listing: Listing) -> bytes:
    """The list as JSON (RFC 8259)."""
    entries = [
        {
            "name": text_of(entry.name),
            "href": _href(entry),
            "type": "directory" if entry.is_folder else "file",
            "size": None if entry.is_folder else entry.size,
            "modified": _date(entry).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        for entry in listing.entries
    ]
    path = text_of(encode_path(listing.names, directory=True))
    document = {"path": path, "entries": entries, "left_out": listing.left_out}
    return json.dumps(document, ensure_ascii=False, indent=1).encode("utf-8") + b"\n"


def _href(entry: Entry) -> str:
    """A relative reference; ``./`` keeps a colon in the name from making it a URI scheme."""
    return "." + encode_path((entry.name,), directory=entry.is_folder).decode("ascii")


def _date(entry: Entry) -> datetime:
    return datetime.fromtimestamp(min(max(entry.modified, 0), MAX_DATE), UTC)


_STYLE = """\
main{max-width:60rem;margin:0 auto;padding:2rem 1rem 4rem}
h1{margin:0 0 1.25rem;padding:0 .75rem;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}
h1 span{color:var(--dim);font-weight:400}
table{width:100%;border-collapse:collapse;font-variant-numeric:tabular-nums}
th{text-align:left;font-size:.8125rem;font-weight:600;color:var(--dim);\
border-bottom:1px solid var(--line)}
th,td{padding:.375rem .75rem}
tbody tr:hover{background:var(--row)}
td:first-child{overflow-wrap:anywhere}
td:first-child a{display:block}
.size,.date{width:1%;white-space:nowrap;text-align:right;color:var(--dim)}
.folder{font-weight:600}
p{color:var(--dim);padding:0 .75rem}
@media(max-width:32rem){.date{display:none}}
"""


def listing_page(listing: Listing) -> bytes:
    """The list as a page."""
    title = text_of(b"/" + b"".join(name + b"/" for name in listing.names))
    rows = []
    if listing.names:
        rows.append('<tr><td><a class="folder" href="../">../</a></td><td></td><td></td></tr>\n')
    rows += map(_row, listing.entries)
    notes = ""
    if not listing.entries:
        notes = "<p>This folder is empty.</p>\n"
    elif listing.left_out:
        notes = f"<p>{listing.left_out} more are not shown.</p>\n"
    content = (
        f"<main>\n<h1>{_trail(listing.names)}</h1>\n<table>\n"
        '<thead><tr><th>Name</th><th class="size">Size</th><th class="date">Modified (UTC)</th>'
        f"</tr></thead>\n<tbody>\n{''.join(rows)}</tbody>\n</table>\n{notes}</main>\n"
    )
    return page(title, content, _STYLE)


def _trail(names: tuple[bytes, ...]) -> str:
    """The path as a heading, each folder a link."""
    parts = ['<a href="/">/</a>' if names else "<span>/</span>"]
    for position, name in enumerate(names, 1):
        text = escape(text_of(name))
        if position == len(names):
            parts.append(f"{text}<span>/</span>")
        else:
            href = escape(encode_path(names[:position], directory=True).decode("ascii"))
            parts.append(f'<a href="{href}">{text}</a><span>/</span>')
    return "".join(parts)


def _row(entry: Entry) -> str:
    text = escape(text_of(entry.name))
    date = _date(entry).strftime("%Y-%m-%d %H:%M")
    link = f'href="{escape(_href(entry))}"'
    if entry.is_folder:
        name, size = f'<a class="folder" {link}>{text}/</a>', ""
    else:
        name, size = f"<a {link}>{text}</a>", readable_size(entry.size)
    return f'<tr><td>{name}</td><td class="size">{size}</td><td class="date">{date}</td></tr>\n'


def readable_size(size: int) -> str:
    """``size`` octets for people: one decimal, units of 1024."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{size / 1024**power:.1f} {_UNITS[power]}"
