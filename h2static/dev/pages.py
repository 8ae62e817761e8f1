"""Pages for the person who edits the site: what is missing, and why a name is not answered to.

Contract: self-contained documents without script, light and dark, in the look of the site's own
pages; everything that comes from a request or the file system is escaped.  They say more than a
server in production should; so they are for dev mode only.
"""

from __future__ import annotations

import difflib
import os
from html import escape
from urllib.parse import quote, unquote_to_bytes

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.site.pages import page
from h2static.site.paths import is_hidden

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


def missing_page(root: str, path: bytes, limits: DevLimits = DEFAULT_LIMITS) -> bytes:
    """The 404 page for the request path ``path`` (without query) below the folder ``root``.

    Blocks: it looks at a folder for names that are like the missing one.
    """
    decoded = os.fsdecode(unquote_to_bytes(path))
    shown = escape(decoded)
    place = os.path.join(root, decoded.lstrip("/"))
    lines = [
        '<main>\n<p class="status">404 Not Found</p>',
        f"<h1>There is no <code>{shown}</code></h1>",
        f"<p>Looked for <code>{escape(place)}</code></p>",
    ]
    suggestions = _similar(root, decoded, limits)
    if suggestions:
        lines.append("<p>Did you mean</p>\n<ul>")
        lines += [
            f'<li><a href="{escape(quote(os.fsencode(one)))}">{escape(one)}</a></li>'
            for one in suggestions
        ]
        lines.append("</ul>")
    lines.append('<p class="dim">This page reloads by itself when the file appears.</p>\n</main>\n')
    return page(f"404: {decoded}", "\n".join(lines), _STYLE)


def host_page(host: str) -> bytes:
    """The page that tells why a name is not answered to."""
    shown = escape(host)
    content = (
        '<main>\n<p class="status">421 Misdirected Request</p>\n'
        f"<h1>This server does not answer to <code>{shown}</code></h1>\n"
        "<p>In dev mode only <code>localhost</code>, addresses and names that were allowed are"
        " answered to, so that no other site can reach this one through a name of its own"
        " (DNS rebinding).</p>\n"
        f"<p>If the name is yours, start with <code>--allow-host {shown}</code>.</p>\n</main>\n"
    )
    return page("421 Misdirected Request", content, _STYLE)


def _similar(root: str, path: str, limits: DevLimits) -> list[str]:
    """Paths below ``root`` that resemble ``path``: in its folder, or in the nearest that exists."""
    parts = [part for part in path.split("/") if part and part not in (".", "..")]
    folder: list[str] = []
    while parts[len(folder) : len(folder) + 1]:
        following = [*folder, parts[len(folder)]]
        # What is hidden is not served, and its names are not told.
        if (
            len(following) == len(parts)
            or is_hidden(os.fsencode(following[-1]))
            or not os.path.isdir(os.path.join(root, *following))
        ):
            break
        folder = following
    if len(folder) >= len(parts):
        return []
    wanted = parts[len(folder)]
    inside = os.path.realpath(root).rstrip("/") + "/"
    if not (os.path.realpath(os.path.join(root, *folder)) + "/").startswith(inside):
        # A link leads out of the root: what is there is not shown.
        return []
    try:
        with os.scandir(os.path.join(root, *folder)) as entries:
            names = {
                entry.name: entry.name + ("/" if entry.is_dir() else "")
                for _, entry in zip(range(limits.suggestion_entries), entries, strict=False)
                if not is_hidden(os.fsencode(entry.name))
            }
    except (OSError, ValueError):
        return []
    lowered = {name.lower(): name for name in names}
    close = difflib.get_close_matches(wanted.lower(), lowered, n=limits.suggestions, cutoff=0.6)
    return ["/" + "/".join([*folder, names[lowered[name]]]) for name in close]
