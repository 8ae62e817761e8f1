"""Requests and responses: the values that pass between a protocol engine and an application.

Contract: everything here is a plain value.  An engine (HTTP/1.1, HTTP/2) makes a :class:`Request`
and one :class:`Client` for each connection; an application answers with a :class:`Response`.  How
the two talk to each other stands in :mod:`h2static.http.exchange`, how content moves in
:mod:`h2static.http.bodies`.

Strategy: a :class:`Request` and a :class:`Response` compare and hash by identity.  The same octets
from a client give the same ``Request`` object again, an unchanged file gives the same ``Response``
object again, so that every memory in between is one dictionary look-up.  Both are immutable by
convention (a frozen dataclass costs four times as much to make).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from h2static.http.bodies import Body
from h2static.http.fields import Field, Fields
from h2static.http.hints import Hints
from h2static.http.requests import Address, Client, Request

#: Final status codes whose responses never have content (RFC 9110 section 6.4.1).
WITHOUT_CONTENT: Final = frozenset((204, 304))


class Kept:
    """What an engine makes of a prepared response and keeps with it; engines subclass it."""

    __slots__ = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Response:
    """What to send, without what is decided when it is sent.

    The engine adds ``date``, and what comes of ``hints``.
    """

    #: Final status code, 200 to 599.
    status: int
    #: Field section without ``:status`` and ``date``; names in lower case; ``content-length`` is
    #: among them where the response has one.
    fields: Fields
    #: What follows the field section.  Empty for HEAD, 204, 304 and wherever nothing follows.
    body: bytes | Body = b""
    #: Send as soon as the request's field section is there, and discard the request's content.
    #: Without it a response to a request with content is held until the content is whole, unless a
    #: sink took the content (:meth:`h2static.http.exchange.Exchange.accept`).
    early: bool = False
    #: This very object will be given again: memories may hold it, and what they make of it.
    prepared: bool = False
    #: Why the request was refused, one line for the error log; ``None``: it was not.  An answer
    #: about what was asked for (404, 405, 416 …) is no refusal.  A refusal is not prepared.
    refusal: str | None = None
    #: What the client will want after this response; see :mod:`h2static.http.hints`.
    hints: Hints | None = None
    #: Which upstream has made it, for logs; empty: this server has.
    source: str = ""
    #: What an engine keeps with a prepared response for as long as that lives; nobody else's.
    section: Kept | None = field(default=None, init=False, repr=False)


__all__ = [
    "WITHOUT_CONTENT",
    "Address",
    "Client",
    "Field",
    "Fields",
    "Kept",
    "Request",
    "Response",
]
