"""What dev mode changes in every response that is not a document with the client in it.

Contract: pure functions from response to response; a response that needs no change is returned
itself.  A cache must not serve the document without the client to a navigating browser, and
browsers must revalidate everything (``no-cache``).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from h2static.http.fields import Fields
from h2static.http.messages import Response

REVALIDATE: Final = b"no-cache"
#: The fields on which it depends whether a document contains the client.
VARY: Final = b"accept, sec-fetch-dest, x-requested-with"
_HTML = (b"text/html", b"application/xhtml+xml")


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


def make_fresh(response: Response) -> Response:
    """``response`` with a field that makes browsers revalidate it each time."""
    response = name_variants(response)
    if not any(name == b"cache-control" and value != REVALIDATE for name, value in response.fields):
        return response
    fields = tuple(
        (name, REVALIDATE if name == b"cache-control" else value) for name, value in response.fields
    )
    return replace(response, fields=fields)
