"""Where the client's script element goes in a document.

Contract: :func:`inject` returns the document with one additional script element, at a place where
every HTML parser accepts it and where it changes neither the document's mode nor the meaning of
what follows; :func:`wants_client` decides which requests are for a top-level document, not for a
fragment that a script fetches or for a frame inside another document.

Strategy: works on octets (every encoding that HTML allows, UTF-16 apart, is ASCII there).  The
place is behind the start tags that open a document: BOM, white space, comments, XML declaration,
DOCTYPE, ``<html>``, ``<head>``, each of which may be missing.  That is before any ``<base>``, which
would change what the script's address means, and it is found in one pass over the beginning,
however large or broken the rest is.
"""

from __future__ import annotations

import codecs
import re

from h2static.http.messages import Request

#: Everything that dev mode adds to a site is below this path.
PREFIX = "/.h2static/"
CLIENT_PATH = PREFIX + "client.js"
EVENTS_PATH = PREFIX + "events"
#: The query that asks there what a visit of a page would give, before that page's path, encoded.
# Policies that let events be heard let it be asked: they look at no queries.
PAGE_QUERY = "page="

# An attribute value may hold ">".  The alternatives begin differently, so matching is linear.
_ATTRIBUTES = rb"""(?=[\s/>])(?:[^"'>]|"[^"]*"|'[^']*')*>"""
_HTML_TAG = re.compile(rb"<html" + _ATTRIBUTES, re.IGNORECASE)
_HEAD_TAG = re.compile(rb"<head" + _ATTRIBUTES, re.IGNORECASE)
_DOCTYPE = re.compile(rb"<!doctype[^>\[]*(?:\[[^\]]*\]\s*)?>", re.IGNORECASE)
_PROCESSING_INSTRUCTION = re.compile(rb"<\?[^>]*>")
_PRESENT = re.compile(rb"""\ssrc\s*=\s*["']?""" + re.escape(CLIENT_PATH.encode()))
_SPACE = re.compile(rb"[\t\n\f\r ]*")
# HTML ends a comment at "-->" or "--!>"; "<!-->" is one as well.
_COMMENT_END = re.compile(rb"--!?>")


def script_element(nonce: str | None) -> str:
    """The element that loads the client; valid as HTML and as XML."""
    extra = f' nonce="{nonce}"' if nonce else ""
    return f'<script src="{CLIENT_PATH}" defer="defer"{extra}></script>'


def wants_client(request: Request) -> bool:
    """Whether ``request`` asks for a document that a person is going to look at.

    Browsers tell by Sec-Fetch-Dest (Fetch Metadata), but only over TLS and for localhost; elsewhere
    a navigation is told by an Accept field that names HTML, which scripts do not send.  The client
    does nothing inside a frame, for those that only Sec-Fetch-Dest would have told apart.
    """
    if request.method not in (b"GET", b"HEAD"):
        return False
    destination = request.field(b"sec-fetch-dest")
    if destination is not None:
        return destination == b"document"
    accept = request.field(b"accept")
    return (
        accept is not None
        and (b"text/html" in accept or b"application/xhtml+xml" in accept)
        and request.field(b"x-requested-with") is None
    )


def inject(document: bytes, *, nonce: str | None = None) -> bytes:
    """``document`` with the client's script element, unless it is there already."""
    element = script_element(nonce)
    for bom, encoding in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if document.startswith(bom):
            return _inject_utf16(document, element, bom, encoding)
    if _PRESENT.search(document) is not None:
        return document
    place = find_place(document)
    return b"".join((document[:place], element.encode(), document[place:]))


def _inject_utf16(document: bytes, element: str, bom: bytes, encoding: str) -> bytes:
    """The same for a document whose octets are not ASCII."""
    try:
        text = document[len(bom) :].decode(encoding).encode()
    except UnicodeDecodeError:
        return document
    if _PRESENT.search(text) is not None:
        return document
    place = find_place(text)
    changed = b"".join((text[:place], element.encode(), text[place:]))
    return bom + changed.decode().encode(encoding)


def find_place(document: bytes) -> int:
    """The offset in ``document`` at which a script element belongs."""
    position = len(codecs.BOM_UTF8) if document.startswith(codecs.BOM_UTF8) else 0
    position = _skip_blank(document, position)
    # Only what precedes the element that is inserted decides about the document's mode.
    place = position if document.startswith(b"<", position) else 0
    doctype = _DOCTYPE.match(document, position)
    if doctype is not None:
        place = doctype.end()
        position = _skip_blank(document, place)
    html = _HTML_TAG.match(document, position)
    if html is not None:
        place = html.end()
        position = _skip_blank(document, place)
    head = _HEAD_TAG.match(document, position)
    if head is not None:
        place = head.end()
    if place == 0 and document.startswith(codecs.BOM_UTF8):
        return len(codecs.BOM_UTF8)
    return place


def _skip_blank(document: bytes, position: int) -> int:
    """Behind white space, comments and processing instructions."""
    while True:
        start = position
        space = _SPACE.match(document, position)
        if space is not None:
            position = space.end()
        if document.startswith(b"<!--", position):
            end = _COMMENT_END.search(document, position + 2)
            if end is None:
                return start
            position = end.end()
        else:
            instruction = _PROCESSING_INSTRUCTION.match(document, position)
            if instruction is not None:
                position = instruction.end()
        if position == start:
            return position
