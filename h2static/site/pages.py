"""The server's own pages: one design for errors and listings, light and dark, without scripts.

Contract: :func:`page` creates a complete HTML document; it loads nothing (no script, image, font or
style sheet) and escapes its title.  The caller escapes all other text from a request or a file
system in the page's content.
"""

from __future__ import annotations

import gzip
from html import escape

from h2static.site.negotiation import IDENTITY, choose_coding

#: Names of this server's status codes (RFC 9110 section 15, RFC 6585, RFC 5842).
REASONS = {
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    408: "Request Timeout",
    410: "Gone",
    412: "Precondition Failed",
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    417: "Expectation Failed",
    421: "Misdirected Request",
    426: "Upgrade Required",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
    505: "HTTP Version Not Supported",
    508: "Loop Detected",
}

#: One sentence for people who see the page; other codes have none.
_EXPLANATIONS = {
    400: "The server does not understand this request.",
    403: "The file exists, but the server is not allowed to read it.",
    404: "There is nothing at this address.",
    405: "This resource is read-only.",
    406: "This resource is available only in an encoding that the client does not accept.",
    410: "This resource has been removed.",
    412: "The file does not match the preconditions of the request.",
    413: "The request content is too large.",
    414: "The address is too long.",
    416: "The requested range is outside the file.",
    431: "The request's header fields are too large.",
    500: "The server encountered an error while handling this request.",
    501: "The server does not support this request method.",
    502: "The upstream server sent an invalid response.",
    503: "The server is overloaded. Try again in a moment.",
    504: "The upstream server did not respond in time.",
    508: "The request was forwarded in a loop.",
}

_STYLE = """\
:root{color-scheme:light dark;--text:#1f2328;--dim:#59636e;--line:#d1d9e0;--link:#0860ca;\
--row:#f6f8fa;--page:#fff}
@media(prefers-color-scheme:dark){:root{--text:#e6edf3;--dim:#9198a1;--line:#3d444d;\
--link:#4493f8;--row:#151b23;--page:#0d1117}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--text);\
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}
a{color:var(--link);text-decoration:none}
a:hover{text-decoration:underline}
"""


def page(title: str, content: str, style: str = "") -> bytes:
    """A document with ``content`` inside its body; ``style`` is added to the style sheet."""
    head, tail = page_around(title, style)
    return head + content.encode("utf-8", "replace") + tail


def page_around(title: str, style: str = "") -> tuple[bytes, bytes]:
    """The parts before and after the content of a :func:`page`."""
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{_STYLE}{style}</style>\n</head>\n<body>\n"
    )
    return head.encode("utf-8", "replace"), b"</body>\n</html>\n"


_ERROR_STYLE = """\
main{min-height:100vh;display:flex;flex-direction:column;align-items:center;\
justify-content:center;padding:2rem;text-align:center}
.status{margin:0;font-size:4.5rem;line-height:1;font-weight:200;letter-spacing:.04em;\
color:var(--dim)}
h1{margin:.75rem 0 .25rem;font-size:1.25rem;font-weight:600}
p{margin:0;color:var(--dim)}
"""


def error_page(status: int) -> bytes:
    """The default page for ``status``; it repeats nothing from the request."""
    reason = REASONS.get(status, "Error")
    explanation = _EXPLANATIONS.get(status, "")
    content = f'<main>\n<p class="status">{status}</p>\n<h1>{reason}</h1>\n'
    if explanation:
        content += f"<p>{explanation}</p>\n"
    return page(f"{status} {reason}", content + "</main>\n", _ERROR_STYLE)


class ErrorPages:
    """The default pages, each rendered and compressed once."""

    def __init__(self) -> None:
        self._pages: dict[tuple[int, bool], bytes] = {}

    def get(self, status: int, accept_encoding: bytes | None) -> tuple[bytes, bytes | None]:
        """The page and its content coding, which is gzip for clients that prefer that."""
        plain = self._get(status, compressed=False)
        if accept_encoding is None:
            return plain, None
        packed = self._get(status, compressed=True)
        sizes = {IDENTITY: len(plain), b"gzip": len(packed)}
        if choose_coding(accept_encoding, sizes) == b"gzip":
            return packed, b"gzip"
        return plain, None

    def _get(self, status: int, *, compressed: bool) -> bytes:
        octets = self._pages.get((status, compressed))
        if octets is None:
            octets = error_page(status)
            if compressed:
                # Without a timestamp, so that every worker produces the same octets.
                octets = gzip.compress(octets, mtime=0)
            self._pages[status, compressed] = octets
        return octets
