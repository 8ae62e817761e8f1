"""From a representation to a response: validators, preconditions, ranges and fields.

Contract: :func:`prepare` creates every response with the content of a resource, so that HEAD, 304,
206 and 412 are always consistent with the corresponding 200.  The octets of the content are read
only when they are sent; its length and entity tag are known before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Protocol

from h2static.http.bodies import Body
from h2static.http.dates import format_http_date
from h2static.http.fields import SERVER_FIELD, SET_COOKIE, Field
from h2static.http.messages import Response
from h2static.site.bodies import FileAccess, FileBody, take_sample
from h2static.site.cache_key import CacheKey
from h2static.site.conditional import Validators, Verdict, evaluate, range_applies
from h2static.site.errors import SiteError
from h2static.site.files import FileHandle, FileVersion
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.octets import OctetBody, Piece, piece_length
from h2static.site.ranges import Span, content_range, multipart, parse_ranges, unsatisfied_range

NOSNIFF: Field = (b"x-content-type-options", b"nosniff")
#: Fields of a 200 that a 304 repeats (RFC 9110 section 15.4.5), in addition to those set by rules.
_IN_NOT_MODIFIED = frozenset((b"server", b"cache-control", b"etag", b"vary"))


class Content(Protocol):
    """The octets of a representation."""

    def body(self, pieces: Sequence[Piece]) -> bytes | Body:
        """A body of ``pieces`` of the content and octets in between, one after another."""


@dataclass(slots=True, kw_only=True)
class OctetContent:
    """Content in memory."""

    octets: bytes
    limits: SiteLimits = DEFAULTS

    def body(self, pieces: Sequence[Piece]) -> bytes | OctetBody:
        """Implement :meth:`Content.body`.  Parts are not copied, unless they are small."""
        if pieces == [(0, len(self.octets))]:
            return self.octets
        if sum(map(piece_length, pieces)) > self.limits.free_octets:
            return OctetBody(self.octets, tuple(pieces))
        return b"".join(
            piece if isinstance(piece, bytes) else self.octets[piece[0] : piece[1]]
            for piece in pieces
        )


@dataclass(slots=True, kw_only=True)
class FileBodyContent:
    """The content of a file, read while it is sent."""

    handle: FileHandle
    version: FileVersion
    access: FileAccess

    def body(self, pieces: Sequence[Piece]) -> bytes | FileBody:
        """Implement :meth:`Content.body`."""
        if not any(map(piece_length, pieces)):
            return b""
        sample = take_sample(self.handle, self.version)
        return FileBody(self.handle, self.version, tuple(pieces), self.access, sample)


@dataclass(slots=True, kw_only=True)
class Representation:
    """The current representation of a resource for one result of negotiation."""

    content: Content
    #: Octets of the content.
    length: int
    media_type: bytes
    cache_control: bytes
    #: ``None`` if nothing distinguishes its states (error pages).
    validators: Validators | None = None
    #: ``None`` for identity.
    coding: bytes | None = None
    #: The language; ``None`` if unknown.
    language: bytes | None = None
    #: Names of fields that the choice depends on; empty if there was no choice.
    vary: bytes = b""
    #: Whether ranges are supported.
    ranges: bool = False
    #: Fields set by rules.
    fields: Sequence[Field] = ()

    def head(self) -> dict[bytes, bytes]:
        """The fields of a complete response, in order."""
        fields = dict([SERVER_FIELD])
        fields[b"cache-control"] = self.cache_control
        if self.coding is not None:
            fields[b"content-encoding"] = self.coding
        if self.language is not None:
            fields[b"content-language"] = self.language
        fields[b"content-length"] = b"%d" % self.length
        fields[b"content-type"] = self.media_type
        if self.validators is not None:
            fields[b"etag"] = self.validators.etag
            if self.validators.modified is not None:
                fields[b"last-modified"] = format_http_date(self.validators.modified)
        if self.vary:
            fields[b"vary"] = self.vary
        if self.ranges:
            fields[b"accept-ranges"] = b"bytes"
        fields[NOSNIFF[0]] = NOSNIFF[1]
        return fields


def prepare(
    cache_key: CacheKey,
    representation: Representation,
    now: float,
    status: int = 200,
    limits: SiteLimits = DEFAULTS,
) -> Response:
    """The response to a GET or HEAD request.

    Raises :class:`SiteError` for 412 and 416, and the errors of the content.
    """
    if status == 200 and representation.validators is not None:
        verdict = evaluate(cache_key, representation.validators, now)
        if verdict is Verdict.PRECONDITION_FAILED:
            raise SiteError(412)
        if verdict is Verdict.NOT_MODIFIED:
            return _not_modified(representation)
        # RFC 9110 section 14.2: "A server MUST ignore a Range header field received with a
        # request method that is unrecognized or for which range handling is not defined."
        if cache_key.range is not None and cache_key.method == b"GET" and representation.ranges:
            spans = _requested_spans(
                cache_key, representation, representation.validators, now, limits
            )
            if spans is not None:
                return _partial(representation, spans, representation.validators)
    whole: list[Piece] = [(0, representation.length)]
    # RFC 9110 section 9.3.2: HEAD is GET, "except that the server MUST NOT send content".
    body = b"" if cache_key.method == b"HEAD" else representation.content.body(whole)
    return Response(
        status=status, fields=with_rules(representation.head(), representation.fields), body=body
    )


def with_rules(head: dict[bytes, bytes], fields: Sequence[Field]) -> tuple[Field, ...]:
    """``head`` with the fields set by rules: existing ones in place, others at the end, and each
    Set-Cookie on its own."""
    cookies = []
    for name, value in fields:
        if name == SET_COOKIE:
            cookies.append((name, value))
            continue
        # Both sources may name fields that caches must consider.
        head[name] = join_vary(head.get(name, b""), value) if name == b"vary" else value
    return (*head.items(), *cookies)


def join_vary(first: bytes, second: bytes) -> bytes:
    """Two Vary values combined, each name once."""
    names: dict[bytes, bytes] = {}
    for item in (first + b"," + second).split(b","):
        name = item.strip(b" \t")
        if name:
            names.setdefault(name.lower(), name)
    return b", ".join(names.values())


def _not_modified(representation: Representation) -> Response:
    """The 304 of RFC 9110 section 15.4.5: "MUST generate any of the following header fields
    that would have been sent in a 200 (OK) response": Cache-Control, ETag, Vary and others."""
    head = representation.head()
    kept = {name: value for name, value in head.items() if name in _IN_NOT_MODIFIED}
    rules = [field for field in representation.fields if not field[0].startswith(b"content-type")]
    return Response(status=304, fields=with_rules(kept, rules))


def _requested_spans(
    cache_key: CacheKey,
    representation: Representation,
    validators: Validators,
    now: float,
    limits: SiteLimits,
) -> tuple[Span, ...] | None:
    """The spans to send; ``None`` for the whole representation."""
    assert cache_key.range is not None
    if not range_applies(cache_key.if_range, validators, now):
        return None
    spans = parse_ranges(
        cache_key.range, representation.length, limits, media_type=_media_type(representation)
    )
    if spans is None:
        return None
    if not spans:
        raise SiteError(416, (b"content-range", unsatisfied_range(representation.length)))
    return spans


def _partial(
    representation: Representation, spans: tuple[Span, ...], validators: Validators
) -> Response:
    """A 206 with one part, or several as multipart/byteranges (RFC 9110 section 15.3.7)."""
    head = representation.head()
    pieces: list[Piece] = list(spans)
    if len(spans) == 1:
        # RFC 9110 section 15.3.7.1: "MUST generate a Content-Range header field".
        head[b"content-range"] = content_range(spans[0], representation.length)
    else:
        boundary = _boundary(validators.etag, spans)
        media_type = _media_type(representation)
        pieces = multipart(spans, representation.length, media_type, boundary)
        head[b"content-type"] = b"multipart/byteranges; boundary=" + boundary
    length = sum(map(piece_length, pieces))
    head[b"content-length"] = b"%d" % length
    rules = representation.fields
    if len(spans) > 1:
        rules = [field for field in rules if field[0] != b"content-type"]
    return Response(
        status=206,
        fields=with_rules(head, rules),
        body=representation.content.body(pieces),
    )


def _media_type(representation: Representation) -> bytes:
    """The media type set by rules, or else its own."""
    return dict(representation.fields).get(b"content-type", representation.media_type)


def _boundary(etag: bytes, spans: tuple[Span, ...]) -> bytes:
    """A boundary that does not occur in content, unless that was created with it in mind."""
    return blake2b(repr((etag, spans)).encode("ascii"), digest_size=16).hexdigest().encode("ascii")


def forbids_coding(fields: Sequence[Field]) -> bool:
    """Whether the owner set ``no-transform``, or the file already has a content coding."""
    return any(
        (name == b"cache-control" and b"no-transform" in value.lower())
        or name == b"content-encoding"
        for name, value in fields
    )
