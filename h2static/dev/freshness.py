"""What dev mode changes in every response that is not a document with the client in it.

Contract: pure functions from response to response; a response that needs no change is returned
itself.  A cache must not serve the document without the client to a navigating browser, and
browsers must revalidate everything (``no-cache``).  A page can read which version of a file it has
loaded (``Server-Timing``), to compare it with the one there is when the file has changed; the
version of a file that does not exist is the status of the response.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.site.negotiation import CODINGS

REVALIDATE: Final = b"no-cache"
#: The fields on which it depends whether a document contains the client.
VARY: Final = b"accept, sec-fetch-dest, x-requested-with"
_HTML = (b"text/html", b"application/xhtml+xml")
_MISSING: Final = frozenset({404, 410})
#: What the content coding adds to an entity tag: the same version of a file, in any coding.
_CODING: Final = re.compile(rb"-(?:%b)[0-9a-f]*\Z" % b"|".join(CODINGS))


def is_html(fields: Fields) -> bool:
    """Whether the content under these fields is a document."""
    return any(
        name == b"content-type" and value.partition(b";")[0].strip().lower() in _HTML
        for name, value in fields
    )


def name_variants(response: Response) -> Response:
    """``response`` as one that caches do not serve in place of one with the client."""
    # 304 does not tell the type.  What it says replaces what a cache has stored (RFC 9111 section
    # 3.2): better too much for a style sheet than too little for a document.
    if response.status != 304 and not is_html(response.fields):
        return response
    others = tuple(field for field in response.fields if field[0] != b"vary")
    vary = [value for name, value in response.fields if name == b"vary"]
    return replace(response, fields=(*others, (b"vary", b", ".join((*vary, VARY)))))


def tell_version(response: Response) -> Response:
    """``response`` with the version of its content in a field that scripts of a page can read."""
    tags = [value for name, value in response.fields if name == b"etag"]
    if tags:
        version = _CODING.sub(b"", tags[0].removeprefix(b"W/").strip(b'"'))
    elif response.status in _MISSING:
        # Many a page asks for a file that is not there, if only for an icon.
        version = b"%d" % response.status
    else:
        return response
    field = (b"server-timing", b'h2static;desc="%b"' % version)
    return replace(response, fields=(*response.fields, field))


def make_live(response: Response) -> Response:
    """``response`` as live reload alone needs it."""
    return tell_version(name_variants(response))


def make_fresh(response: Response) -> Response:
    """``response`` with a field that makes browsers revalidate it each time, too."""
    response = make_live(response)
    if not any(name == b"cache-control" and value != REVALIDATE for name, value in response.fields):
        return response
    fields = tuple(
        (name, REVALIDATE if name == b"cache-control" else value) for name, value in response.fields
    )
    return replace(response, fields=fields)
