"""Error pages for the person who edits the site: missing files, and names that are not allowed.

Contract: self-contained documents without script, light and dark, in the style of the site's own
pages; everything from a request or the file system is escaped.  They reveal more than a production
server should, and are for dev mode only.
"""

from __future__ import annotations

import bisect
import difflib
import heapq
import os
from dataclasses import dataclass
from html import escape
from itertools import islice
from urllib.parse import quote_from_bytes, unquote_to_bytes

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.site.names import DEFAULT_NAMES, PublicNames
from h2static.site.pages import page
from h2static.site.paths import Names, split_path

#: Minimum similarity of two names for a suggestion.
_ALIKE = 0.6

_STYLE = """\
main{max-width:44rem;margin:0 auto;padding:clamp(1.5rem,8vh,6rem) 1.5rem}
.status{margin:0;color:var(--dim);font-size:.95rem}
h1{margin:.25rem 0 1rem;font-size:1.5rem;font-weight:600;overflow-wrap:anywhere}
p{margin:.5rem 0}
ul{margin:.5rem 0;padding:0;list-style:none}
li{padding:.35rem .75rem;border:1px solid var(--line);border-bottom-width:0;overflow-wrap:anywhere}
li:first-child{border-radius:6px 6px 0 0}
li:last-child{border-bottom-width:1px;border-radius:0 0 6px 6px}
li:only-child{border-radius:6px}
code{padding:.1em .35em;border-radius:4px;background:var(--row);overflow-wrap:anywhere;\
font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,"Liberation Mono",monospace}
.dim{margin-top:1.5rem;color:var(--dim);font-size:.9rem}
"""


@dataclass(slots=True, kw_only=True, frozen=True)
class ServedFolder:
    """A folder that is served."""

    root: str
    #: The names in it that may be revealed.
    public: PublicNames = DEFAULT_NAMES
    #: The file in it that is served for a folder.
    index: str = "index.html"
    #: The path below which it is served, decoded; empty for the site's own folder.
    prefix: bytes = b""

    def serves(self, path: bytes) -> bool:
        """Whether ``path``, decoded and without query, is below :attr:`prefix`."""
        return (path + b"/").startswith(self.prefix + b"/")


def missing_page(folder: ServedFolder, path: bytes, limits: DevLimits = DEFAULT_LIMITS) -> bytes:
    """The 404 page for the request path ``path`` (without query), which ``folder`` serves.

    Blocks: it looks at a folder for names that are like the missing one, which takes some
    milliseconds of computing.
    """
    octets = unquote_to_bytes(path)
    below = octets.removeprefix(folder.prefix)
    shown = escape(os.fsdecode(octets))
    place = os.path.join(folder.root, os.fsdecode(below).lstrip("/"))
    lines = [
        '<main>\n<p class="status">404 Not Found</p>',
        f"<h1>There is no <code>{shown}</code></h1>",
        f"<p>Looked for <code>{escape(place)}</code></p>",
    ]
    suggestions = [folder.prefix + one for one in _similar(folder, split_path(below), limits)]
    if suggestions:
        lines.append("<p>Did you mean</p>\n<ul>")
        lines += [
            f'<li><a href="{quote_from_bytes(one)}">{escape(os.fsdecode(one))}</a></li>'
            for one in suggestions
        ]
        lines.append("</ul>")
    lines.append('<p class="dim">This page reloads when the file appears.</p>\n</main>\n')
    return page(f"404: {os.fsdecode(octets)}", "\n".join(lines), _STYLE)


def host_page(host: str) -> bytes:
    """The page that explains why the server does not answer to a name."""
    shown = escape(host)
    content = (
        '<main>\n<p class="status">421 Misdirected Request</p>\n<h1>This server does not'
        f" answer to <code>{shown}</code></h1>\n<p>In dev mode the server answers only to"
        " <code>localhost</code>, IP addresses and allowed names, so that no other site can"
        " reach this one through a name of its own (DNS rebinding).</p>\n<p>If the name is"
        f" yours, start the server with <code>--allow-host {shown}</code>.</p>\n</main>\n"
    )
    return page("421 Misdirected Request", content, _STYLE)


def _similar(served: ServedFolder, names: Names, limits: DevLimits) -> list[bytes]:
    """Paths below the root that resemble one: in its folder, or in the nearest that exists."""
    root, public = os.fsencode(served.root), served.public
    names = tuple(name for name in names if name not in (b".", b".."))
    depth = 0
    # Hidden files are not served, and their names are not revealed.
    while (
        depth < len(names) - 1
        and not public.hides(names[:depth], names[depth])
        and _is_folder(os.path.join(root, *names[: depth + 1]))
    ):
        depth += 1
    if not names:
        return []
    folder, wanted = names[:depth], names[depth]
    place = os.path.join(root, *folder)
    inside = os.path.realpath(root).rstrip(b"/") + b"/"
    if not (os.path.realpath(place) + b"/").startswith(inside):
        # A link leads out of the root: what is there is not shown.
        return []
    try:
        with os.scandir(place) as entries:
            found = [entry.name for entry in islice(entries, limits.suggestion_entries)]
    except (OSError, ValueError):
        return []
    likely = [name for name in _likely(wanted, found, limits) if not public.hides(folder, name)]
    above = b"/" + b"".join(name + b"/" for name in folder)
    return [
        above + name + (b"/" if _is_folder(os.path.join(place, name)) else b"")
        for name in _close(wanted, likely, limits)
    ]


def _is_folder(path: bytes) -> bool:
    try:
        return os.path.isdir(path)
    except ValueError:
        return False


def _likely(wanted: bytes, names: list[bytes], limits: DevLimits) -> list[bytes]:
    """Those of ``names`` that begin or end most like ``wanted``.

    A misspelling is the same on both sides of the fault.  Who has most in common with a word at
    one end is next to it in the order by that end; sorting is a hundred times as fast as comparing
    each name with the word.
    """
    most = limits.suggestion_comparisons
    names = [name for name in names if len(name) <= limits.suggestion_name]
    if len(names) <= most or len(wanted) > limits.suggestion_name:
        return names
    # No name has a slash in it.
    lowered = os.fsdecode(b"/".join(names)).lower().split("/")
    word = os.fsdecode(wanted).lower()
    found: dict[bytes, None] = {}
    for ends, end in (
        (lowered, word),
        ([name[::-1] for name in lowered], word[::-1]),
    ):
        order = sorted(zip(ends, names, strict=True))
        place = bisect.bisect_left(order, (end, b""))
        near = order[max(place - most // 4, 0) : place + most // 4]
        found.update((name, None) for _, name in near)
    return list(found)


def _close(wanted: bytes, names: list[bytes], limits: DevLimits) -> list[bytes]:
    """Those of ``names`` that are most like ``wanted``, the best first."""
    word = os.fsdecode(wanted).lower()
    if len(word) > limits.suggestion_name:
        return []
    matcher = difflib.SequenceMatcher(b=word)
    close: list[tuple[float, bytes]] = []
    for name in names:
        matcher.set_seq1(os.fsdecode(name).lower())
        if matcher.quick_ratio() >= _ALIKE and (ratio := matcher.ratio()) >= _ALIKE:
            close.append((ratio, name))
    return [name for _, name in heapq.nlargest(limits.suggestions, close)]
