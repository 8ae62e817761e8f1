"""Markdown files as pages, for their authors.

Contract: :func:`markdown_page` renders a Markdown response as a page if the library is installed
(the extra ``markdown``).  HTML in the file is kept, because its owner views it.  With the query
``raw``, the source of the file is shown.
"""

from __future__ import annotations

from html import escape
from urllib.parse import unquote_to_bytes

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.whole_files import read_whole
from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Request, Response
from h2static.site.pages import page

#: What is said of the choice of the file holds for the page.
_NEGOTIATED = (b"content-language", b"vary")
_STYLE = """\
main{max-width:46rem;margin:0 auto;padding:2rem 1.25rem 4rem;overflow-wrap:break-word}
h1,h2{padding-bottom:.3rem;border-bottom:1px solid var(--line)}
h1,h2,h3,h4{line-height:1.25;margin:1.75rem 0 1rem}
img{max-width:100%}
pre{padding:1rem;overflow:auto;border-radius:6px;background:var(--row);line-height:1.45}
code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
:not(pre)>code{padding:.15em .35em;border-radius:4px;background:var(--row)}
blockquote{margin:1rem 0;padding:0 1rem;color:var(--dim);border-left:4px solid var(--line)}
table{border-collapse:collapse;display:block;overflow:auto}
th,td{padding:.35rem .75rem;border:1px solid var(--line)}
hr{border:0;border-top:1px solid var(--line)}
footer{margin-top:3rem;color:var(--dim);font-size:.875rem}
"""


def is_markdown(request: Request, response: Response, limits: DevLimits = DEFAULT_LIMITS) -> bool:
    """Whether ``response`` to ``request`` is a Markdown file that can be shown as a page."""
    if response.status != 200 or request.path.endswith(b"?raw"):
        return False
    fields = dict(response.fields)
    if not fields.get(b"content-type", b"").startswith(b"text/markdown"):
        return False
    length = fields.get(b"content-length", b"")
    return length.isdigit() and int(length) <= limits.markdown


def markdown_page(request: Request, response: Response) -> Response:
    """The page, or ``response`` without the library.  Blocks, and raises ``OSError``."""
    try:
        from markdown_it import MarkdownIt
    except ImportError:
        return response
    body = response.body
    octets = body if isinstance(body, bytes) else read_whole(body)
    renderer = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    content = renderer.render(octets.decode("utf-8", "replace"))
    path = unquote_to_bytes(request.path.partition(b"?")[0])
    title = escape(path.rpartition(b"/")[2].decode("utf-8", "replace"))
    made = page(
        title,
        f'<main>\n{content}\n<footer>{title} · <a href="?raw">source</a></footer>\n</main>\n',
        _STYLE,
    )
    fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-cache"),
        (b"content-length", b"%d" % len(made)),
        (b"content-type", b"text/html; charset=utf-8"),
        *[field for field in response.fields if field[0] in _NEGOTIATED],
    )
    return Response(status=200, fields=fields, body=made)
