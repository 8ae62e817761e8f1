"""Lists of the files in a folder, as a page and as JSON.

Contract: a list contains exactly what would be served: no names that are not public, nothing but
regular files and folders, no links out of the root, nothing unreadable.  Folders come first, then
files, each sorted as a person would.  Names from the file system are escaped for their context,
whatever octets they contain.

A list has a limited number of entries.  The following ones, in octet order of the names, are in the
list that :attr:`Listing.next` requests: each name is in exactly one list, even if files appear and
disappear meanwhile.

Programs also read lists: those that mirror folders and those that search for files by pattern.  A
link is just the encoded name, as in nginx and other servers.

Blocking: reads the folder and the attributes of all its files.  Rendering takes little more memory
than the result.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import islice
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from h2static.descriptors import close_descriptor
from h2static.http.dates import MAX_DATE
from h2static.site.files import Folder, Walk
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.list_view import FILTER, ORDERS, SORT, ListView, parameters
from h2static.site.names import DEFAULT_NAMES, PublicNames
from h2static.site.pages import page_around
from h2static.site.paths import Names, encode_name, encode_path

DEFAULT_VIEW: Final = ListView()
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_NUMBER = re.compile(r"[0-9]+")
#: Format of a packed entry: whether it is a folder, its size and its date.
_NUMBERS = struct.Struct("?qq")
#: The query parameter with the name (encoded as in its link) after which a list begins.
AFTER = "after"
#: Each octet of a name may take three; file systems limit names to 255.
_LONGEST_LINK = 3 * 255
#: Rows encoded in one step.
_ROWS = 256
#: From this many entries on, a list has a filter field.
_WORTH_A_FILTER = 12
#: Largest picture shown next to its name, in octets.
_LARGEST_PICTURE = 2 << 20
#: Check access with the effective IDs of the process, if the system supports that.
_EFFECTIVE = os.access in os.supports_effective_ids


class Entry(NamedTuple):
    """One file or folder in a list."""

    name: bytes
    is_folder: bool
    #: Octets; 0 for folders.
    size: int
    #: Seconds since 1970.
    modified: int

    @property
    def link(self) -> str:
        """A reference relative to the folder: ASCII, without octets that HTML would escape."""
        return encode_name(self.name) + ("/" if self.is_folder else "")

    def pack(self) -> bytes:
        """The entry in a packed form that takes a quarter of the memory."""
        return _NUMBERS.pack(self.is_folder, self.size, self.modified) + self.name


def _unpack(packed: bytes) -> Entry:
    return Entry(packed[_NUMBERS.size :], *_NUMBERS.unpack_from(packed))


@dataclass(slots=True, frozen=True, kw_only=True)
class Listing:
    """The contents of a folder."""

    #: Names from the root to the folder.
    names: Names
    #: Packed by :meth:`Entry.pack`, in octet order of the names: this is the memory that a large
    #: list takes while it is rendered, possibly in several threads.
    packed: Sequence[bytes]
    #: Number of entries after these.
    left_out: int = 0
    #: The query that requests them; empty if there are none.
    next: str = ""

    def entries(self, view: ListView = DEFAULT_VIEW) -> Iterator[Entry]:
        """The entries, folders first, each sorted as a person would, or as ``view`` says."""
        # Equal ones stay in octet order.
        packed = sorted(self.packed, key=_order, reverse=view.descending and view.sort == "name")
        if view.sort != "name":
            place = 1 if view.sort == "size" else 2
            packed.sort(key=lambda one: _NUMBERS.unpack_from(one)[place], reverse=view.descending)
        # Sort again, because folders come first in any order.
        packed.sort(key=lambda one: not _NUMBERS.unpack_from(one)[0])
        return map(_unpack, packed)


def read_after(query: bytes | None, limits: SiteLimits = DEFAULTS) -> bytes:
    """The name after which a list begins, from the request's query; empty: from the start."""
    return unquote_to_bytes(parameters(query, limits).get(AFTER.encode(), b""))


def read_listing(
    walk: Walk,
    folder: Folder,
    names: Names,
    public: PublicNames = DEFAULT_NAMES,
    *,
    after: bytes = b"",
    wanted: str = "",
    limits: SiteLimits = DEFAULTS,
) -> Listing:
    """The list of ``folder``, from the first name after ``after`` on, of names that contain
    ``wanted``, without regard to case.

    Raises ``OSError``.
    """
    found, left_out = _read_names(folder, names, public, after, wanted, limits)
    following = f"?{AFTER}={quote(encode_name(found[-1]))}" if left_out else ""
    if following and wanted:
        following += f"&{FILTER}={quote(wanted, safe='')}"
    # A path that is too long would not be served.
    room = limits.path - len("/".join(map(encode_name, names))) - len("//") - len("/")
    if room < _LONGEST_LINK:
        found = [name for name in found if len(encode_name(name)) <= room]
    for place, name in enumerate(found):
        found[place] = _packed_entry(walk, folder, name)
    packed = list(filter(None, found))
    return Listing(names=names, packed=packed, left_out=left_out, next=following)


def _read_names(
    folder: Folder,
    names: Names,
    public: PublicNames,
    after: bytes,
    wanted: str,
    limits: SiteLimits,
) -> tuple[list[bytes], int]:
    """The first public names after ``after``, in order, and how many follow."""
    most, total = limits.list_entries, 0
    found: list[bytes] = []
    descriptor = os.open(
        b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.descriptor
    )
    try:
        with os.scandir(descriptor) as iterator:
            for item in iterator:
                # Listing a descriptor gives names as text; convert them back to octets.
                name = os.fsencode(item.name)
                if wanted and wanted not in text_of(name).casefold():
                    continue
                if name > after and not public.hides(names, name):
                    total += 1
                    found.append(name)
                    if len(found) >= 2 * most:
                        found.sort()
                        del found[most:]
    finally:
        close_descriptor(descriptor)
    found.sort()
    del found[most:]
    return found, total - len(found)


def _packed_entry(walk: Walk, folder: Folder, name: bytes) -> bytes:
    """The packed entry of ``name``; empty if it would not be served."""
    try:
        version = walk.peek(folder, name)
        if version is None:
            modified = os.stat(name, dir_fd=folder.descriptor).st_mtime_ns
        else:
            modified = version.modified
        rights = os.R_OK if version is not None else os.R_OK | os.X_OK
        if not os.access(name, rights, dir_fd=folder.descriptor, effective_ids=_EFFECTIVE):
            return b""
    except OSError:
        return b""
    size = 0 if version is None else version.size
    return Entry(name, version is None, size, modified // 1_000_000_000).pack()


def _order(packed: bytes) -> str:
    """Sort key: folders first; then without regard to case, and numbers by value."""
    entry = _unpack(packed)
    text = _NUMBER.sub(_by_value, text_of(entry.name).casefold())
    return f"0{text}" if entry.is_folder else f"1{text}"


def _by_value(number: re.Match[str]) -> str:
    """A number as a sort key: preceded by the count of its digits, so that larger numbers follow.

    NUL does not occur in names, and makes a name that ends here precede one that continues.
    """
    digits = number[0].lstrip("0")
    return f"\0{chr(len(digits))}{digits}"


def text_of(name: bytes) -> str:
    """A name as text for people: octets that are not UTF-8 are replaced."""
    return name.decode("utf-8", "replace")


def listing_json(listing: Listing) -> bytearray:
    """The list as JSON (RFC 8259)."""
    path = text_of(encode_path(listing.names, directory=True))
    made = bytearray(_json(path=path).removesuffix(b"}") + b', "entries": [')
    comma = b"\n"
    for entry in listing.entries():
        made += comma + _json(
            name=text_of(entry.name),
            href=entry.link,
            type="directory" if entry.is_folder else "file",
            size=None if entry.is_folder else entry.size,
            modified=_date(entry).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        comma = b",\n"
    end = _json(left_out=listing.left_out, next=listing.next or None)
    made += b"\n], " + end.removeprefix(b"{") + b"\n"
    return made


def _json(**members: str | int | None) -> bytes:
    return json.dumps(members, ensure_ascii=False).encode("utf-8")


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
th button,p button{all:unset;cursor:pointer}
th button:hover,th button:focus-visible,p button{text-decoration:underline}
input{margin:0 .75rem 1rem;padding:.3rem .6rem;width:16rem;max-width:calc(100% - 1.5rem);\
font:inherit;color:inherit;background:none;border:1px solid var(--line);border-radius:6px}
td[class]{padding-left:2.5rem;position:relative}
td[class]::before{content:"";position:absolute;left:.75rem;top:.6rem;width:1rem;height:1rem;\
box-sizing:border-box;border-radius:3px;border:2px solid var(--dim);opacity:.55}
td.f::before{border-radius:2px 5px 3px 3px;background:var(--dim)}
td.i::before{border-radius:50% 3px 3px 3px}
td.v::before{border-radius:50%}
td.a::before{border-left-width:7px}
td.c::before{content:"{}";border:0;border-radius:0;font:700 .9rem/1rem ui-monospace,Menlo,\
Consolas,monospace;color:var(--dim);opacity:.8;letter-spacing:-.1em}
td.t img{position:absolute;left:.5rem;top:.3rem;width:1.5rem;height:1.5rem;object-fit:contain}
td.t::before{display:none}
td.size,td.date{padding-left:.75rem}
td.size::before,td.date::before{display:none}
@media(max-width:32rem){.date{display:none}}
"""


@dataclass(slots=True, frozen=True)
class ListPage:
    """Renders the page of a list in a view; equal views give equal pages."""

    view: ListView = DEFAULT_VIEW

    def __call__(self, listing: Listing) -> bytearray:
        """Render the list as a page."""
        view = self.view
        title = text_of(b"/" + b"".join(name + b"/" for name in listing.names))
        head, tail = page_around(title, _STYLE)
        made = bytearray(head)
        made += (
            f"<main data-h2static-list>\n<h1>{_trail(listing.names)}</h1>\n{_form(listing, view)}"
            f"<table>\n<thead><tr>{_heads(view)}</tr></thead>\n<tbody>\n"
        ).encode("utf-8", "replace")
        if listing.names:
            made += b'<tr><td><a class="folder" href="../">../</a></td><td></td><td></td></tr>\n'
        rows = (_row(entry, view) for entry in listing.entries(view))
        while some := "".join(islice(rows, _ROWS)):
            made += some.encode("utf-8")
        made += f"</tbody>\n</table>\n{_notes(listing, view)}</form>\n</main>\n".encode()
        made += tail
        return made


listing_page = ListPage()


def _form(listing: Listing, view: ListView) -> str:
    """The beginning of the form that sorts and filters without a script."""
    # The return key presses the first button.
    start = f'<form><button name="{SORT}" value="{view.order}" hidden></button>\n'
    if not view.filter and len(listing.packed) < _WORTH_A_FILTER:
        return start
    value = escape(view.filter)
    return (
        f'{start}<input type="search" name="{FILTER}" value="{value}" placeholder="Filter"'
        ' aria-label="Filter">\n'
    )


def _heads(view: ListView) -> str:
    """The column headers; each sorts by its column, or in reverse."""
    made = []
    for order, text in zip(ORDERS, ("Name", "Size", "Modified (UTC)"), strict=True):
        other, mark = order, ""
        if view.sort == order:
            other = order if view.descending else f"-{order}"
            mark = " ↓" if view.descending else " ↑"
        label = text.replace(" (UTC)", ' <span class="zone">(UTC)</span>')
        kind = "" if order == "name" else f' class="{order}"'
        made.append(f'<th{kind}><button name="{SORT}" value="{other}">{label}{mark}</button></th>')
    return "".join(made)


def _notes(listing: Listing, view: ListView) -> str:
    if listing.left_out:
        # A button, because programs that read lists would take a link for a file.
        name, _, value = listing.next.removeprefix("?").partition("&")[0].partition("=")
        button = f'<button name="{name}" value="{unquote_to_bytes(value).decode()}">Show</button>'
        return f"<p>{listing.left_out} more not shown. {button}</p>\n"
    if listing.packed:
        return ""
    if view.filter:
        return f"<p>No names contain “{escape(view.filter)}”.</p>\n"
    return "<p>This folder is empty.</p>\n"


def _trail(names: Names) -> str:
    """The path as a heading, each folder a link."""
    # Not "/": fsspec, which pandas and others use, would take that for an entry of the folder.
    # Browsers and crawlers normalize it to "/".
    parts = ['<a href="/.">/</a>' if names else "<span>/</span>"]
    for position, name in enumerate(names, 1):
        text = escape(text_of(name))
        if position == len(names):
            parts.append(f"{text}<span>/</span>")
        else:
            href = "/" + "".join(encode_name(name) + "/" for name in names[:position])
            parts.append(f'<a href="{href}">{text}</a><span>/</span>')
    return "".join(parts)


def _row(entry: Entry, view: ListView) -> str:
    text = escape(text_of(entry.name))
    date = _date(entry)
    time = f'<time datetime="{date:%Y-%m-%dT%H:%M:%SZ}">{date:%Y-%m-%d %H:%M}</time>'
    if entry.is_folder:
        name, size = f'<a class="folder" href="{entry.link}">{text}/</a>', ""
    else:
        name, size = f'<a href="{entry.link}">{text}</a>', readable_size(entry.size)
    kind = kind_of(entry)
    if view.thumbnails and kind == "i" and entry.size <= _LARGEST_PICTURE:
        kind, name = "t", f'<img src="{entry.link}" loading="lazy" alt="">{name}'
    return (
        f'<tr><td class="{kind}">{name}</td><td class="size">{size}</td>'
        f'<td class="date">{time}</td></tr>\n'
    )


#: Kinds of files, named as in the style sheet, by extension.
_KINDS = {
    "i": "apng avif bmp gif ico jpeg jpg jxl png svg tif tiff webp",
    "v": "aac avi flac m4a m4v mkv mov mp3 mp4 mpeg mpg oga ogg ogv opus wav webm",
    "a": "7z br bz2 dmg gz iso jar rar tar tgz whl xz zip zst",
    "c": "astro c cjs css go h html htm java js json jsx less map md mjs php py rb rs scss sh"
    " svelte toml ts tsx vue wasm xml yaml yml",
}
_KIND_OF = {extension: kind for kind, words in _KINDS.items() for extension in words.split()}


def kind_of(entry: Entry) -> str:
    """The class of a row: folder, image, audio or video, archive, source, or something else."""
    if entry.is_folder:
        return "f"
    return _KIND_OF.get(text_of(entry.name).rpartition(".")[2].lower(), "o")


def readable_size(size: int) -> str:
    """``size`` octets for people: one decimal, units of 1024."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, len(_UNITS) - 1)
    return f"{size / 1024**power:.1f} {_UNITS[power]}"
