"""Requests and responses: the values that pass between a protocol engine and an application.

Contract: everything here is a plain value.  An engine (HTTP/1.1, HTTP/2, HTTP/3) creates a
:class:`Request`, and one :class:`Client` for each connection; an application answers with a
:class:`Response`.  :mod:`h2static.http.exchange` describes how the two interact,
:mod:`h2static.http.bodies` how content moves.

Strategy: a :class:`Request` and a :class:`Response` compare and hash by identity.  The same octets
from a client give the same ``Request`` object again, and an unchanged file gives the same
``Response`` object, so every cache in between takes one dictionary lookup.  Both are immutable by
convention (a frozen dataclass costs four times as much to create).
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
    """Data that an engine derives from a prepared response and keeps with it; engines subclass
    it."""

    __slots__ = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Response:
    """A response, without the parts that are decided when it is sent.

    The engine adds ``date``, and fields that result from ``hints``.
    """

    #: Final status code, 200 to 599.
    status: int
    #: Field section without ``:status`` and ``date``, with names in lower case; includes
    #: ``content-length`` if the response has one.
    fields: Fields
    #: The content.  Empty for HEAD, 204, 304 and other responses without content.
    body: bytes | Body = b""
    #: Send as soon as the request's field section is complete, and discard the request's content.
    #: Otherwise a response to a request with content is held until the content is complete, unless
    #: a sink took the content (:meth:`h2static.http.exchange.Exchange.accept`).
    early: bool = False
    #: This object will be reused: caches may hold it and data derived from it.
    prepared: bool = False
    #: Why the request was refused, as one line for the error log; ``None`` if it was not.  An
    #: answer about the resource (404, 405, 416 …) is not a refusal.  A refusal is never prepared.
    refusal: str | None = None
    #: Resources that the client will need next; see :mod:`h2static.http.hints`.
    hints: Hints | None = None
    #: The upstream that created it, for logs; empty if this server did.
    source: str = ""
    #: Data that an engine keeps with a prepared response for its lifetime; private to the engine.
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
