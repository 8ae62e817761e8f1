"""Proactive negotiation: Accept-Encoding and Accept (RFC 9110 section 12.5).

Contract: pure functions; malformed items of a field are ignored.  Weights are in thousandths, so
that they compare exactly.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from h2static.http.grammar import TOKEN_OCTETS
from h2static.site.limits import DEFAULTS, SiteLimits

#: Precompressed siblings: content coding and suffix of the file.  The order
#: decides between equals.
CODINGS: dict[bytes, bytes] = {b"br": b".br", b"zstd": b".zst", b"gzip": b".gz"}
IDENTITY = b"identity"

_ITEM = re.compile(rb"(?P<name>[/%b]+)(?P<parameters>(?:[ \t]*;[^;]*)*)" % TOKEN_OCTETS)
_WEIGHT = re.compile(rb"[ \t]*[qQ]=(?:0(?:\.(?P<part>\d{0,3}))?|(?P<one>1)(?:\.0{0,3})?)[ \t]*")


def parse_weights(value: bytes, limits: SiteLimits = DEFAULTS) -> dict[bytes, int]:
    """Names in lower case and their weights from 0 to 1000 (RFC 9110 section 12.4.2)."""
    weights: dict[bytes, int] = {}
    for item in value.split(b",", limits.accept_items)[: limits.accept_items]:
        match = _ITEM.fullmatch(item.strip(b" \t"))
        if match is None:
            continue
        weight: int | None = 1000
        for parameter in match["parameters"].split(b";")[1:]:
            if parameter.strip(b" \t")[:2].lower() == b"q=":
                weight = _weight(parameter)
        if weight is not None:
            weights[match["name"].lower()] = weight
    return weights


def _weight(parameter: bytes) -> int | None:
    match = _WEIGHT.fullmatch(parameter)
    if match is None:
        return None
    return 1000 if match["one"] else int((match["part"] or b"").ljust(3, b"0"))


def choose_coding(
    accept_encoding: bytes | None, sizes: Mapping[bytes, int], limits: SiteLimits = DEFAULTS
) -> bytes:
    """Choose the content coding to send among those in ``sizes`` (octets of each, with identity).

    The highest weight wins, then the fewest octets, then the order of :data:`CODINGS`.  Identity
    weighs as much as the best coding unless the client says otherwise.  If nothing is
    acceptable identity is sent: RFC 9110 section 12.5.3 lets a server do so, and a client that
    refuses everything cannot read an error page either.
    """
    if accept_encoding is None:
        return IDENTITY
    weights = parse_weights(accept_encoding, limits)
    weight, size, best = _best(weights, sizes)
    own_weight = weights.get(IDENTITY, weights.get(b"*", weight))
    return best if weight and (weight, size) > (own_weight, -sizes[IDENTITY]) else IDENTITY


def choose_alone(
    accept_encoding: bytes | None, sizes: Mapping[bytes, int], limits: SiteLimits = DEFAULTS
) -> bytes | None:
    """Choose the content coding to send if there is no identity; ``None`` if none is accepted.

    As everywhere here, a client without Accept-Encoding gets no coding: such programs do not
    decode, although RFC 9110 section 12.5.3 would allow any coding.
    """
    if accept_encoding is None:
        return None
    weight, _, best = _best(parse_weights(accept_encoding, limits), sizes)
    return best if weight else None


def _best(weights: dict[bytes, int], sizes: Mapping[bytes, int]) -> tuple[int, int, bytes]:
    """Weight, negative size and name of the best coding in ``sizes``, identity aside."""
    if b"x-gzip" in weights:
        weights.setdefault(b"gzip", weights[b"x-gzip"])
    others = weights.get(b"*", 0)
    offers = [
        (weights.get(coding, others), -sizes[coding], coding)
        for coding in CODINGS
        if coding in sizes
    ]
    return max(offers, key=lambda offer: offer[:2], default=(0, 0, IDENTITY))


def prefers_json(accept: bytes | None, limits: SiteLimits = DEFAULTS) -> bool:
    """Whether a client prefers JSON to HTML; browsers and ``*/*`` do not."""
    if accept is None:
        return False
    weights = parse_weights(accept, limits)
    json = weights.get(b"application/json", 0)
    return json > 0 and json >= weights.get(b"text/html", 0)


#: Values of ``sec-fetch-dest`` (Fetch Metadata) in requests for something shown as a page.
_PAGES = (b"document", b"iframe", b"frame", b"fencedframe", b"embed", b"object")


def wants_page(
    accept: bytes | None, destination: bytes | None, limits: SiteLimits = DEFAULTS
) -> bool:
    """Whether the client can use a page, judging by ``accept`` and ``sec-fetch-dest``.

    A client that names HTML gets it for any purpose: frameworks fetch parts of pages.  ``*/*`` does
    not count, because browsers also send it for scripts and data.
    """
    weights = parse_weights(accept, limits) if accept is not None else {b"*/*": 1000}
    if b"text/html" in weights:
        return weights[b"text/html"] > 0
    anything = weights.get(b"text/*", weights.get(b"*/*", 0))
    return anything > 0 and (destination is None or destination in _PAGES)
