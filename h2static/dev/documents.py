"""Documents with the client in them, and the responses made from them.

Contract: :class:`Documents` turns a site's complete, uncompressed response into the response to the
client's request: a representation of its own, with the length, entity tag, ranges and preconditions
of the octets that are actually sent.  Documents in which the client cannot work stay unchanged;
:attr:`Documents.warnings` lists them.

Strategy: prepared responses of the site are cached by identity.  All others are found by content
while they are being sent, so that any number of streams share one copy; files are read and
rewritten one at a time.  Parts are views.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes
from weakref import WeakValueDictionary

from h2static.dev import injection
from h2static.dev.broker import UNKNOWN_STATE, State
from h2static.dev.freshness import REVALIDATE, VARY, is_html
from h2static.dev.limits import DevLimits
from h2static.dev.pages import ServedFolder, missing_page
from h2static.dev.policy import (
    Extension,
    Origin,
    extend_meta_elements,
    extend_policies,
    lets_client_work,
)
from h2static.dev.remembered import Remembered
from h2static.dev.whole_files import digest_of, digest_whole, read_whole
from h2static.http.fields import Fields
from h2static.http.hints import Hints
from h2static.http.messages import Request, Response
from h2static.site.bodies import FileBody
from h2static.site.cache_key import cache_key_of
from h2static.site.conditional import Validators
from h2static.site.contents import content_tag
from h2static.site.errors import SiteError
from h2static.site.octets import OctetBody, Piece
from h2static.site.pages import error_page
from h2static.site.representation import (
    Content,
    OctetContent,
    Representation,
    join_vary,
    prepare,
)

#: Fields that :class:`Representation` writes itself.
_OWN_FIELDS = frozenset(
    (
        b"server",
        b"cache-control",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"etag",
        b"last-modified",
        b"vary",
        b"accept-ranges",
        b"x-content-type-options",
        b"date",
    )
)
_POLICY = b"content-security-policy"


class DocumentRequest(NamedTuple):
    """A request for a document, and what follows from it."""

    #: The client's request.
    request: Request
    #: The request to the site for the complete, uncompressed representation.
    whole: Request
    origin: Origin


#: Fields of a request by which a site chooses what the document is; not in which coding.
_NEGOTIATED = (b"accept", b"accept-language")


def document_request(request: Request) -> DocumentRequest:
    """What follows from ``request``."""
    return DocumentRequest(
        request,
        Request(
            method=b"GET",
            scheme=request.scheme,
            authority=request.authority,
            path=request.path,
            fields=tuple(field for field in request.fields if field[0] in _NEGOTIATED),
            repeats=request.repeats,
        ),
        Origin(
            scheme=request.scheme.decode("latin-1"), authority=request.authority.decode("latin-1")
        ),
    )


#: Digest of the content, fields, status and origin: the same ones give the same rewritten document.
_ContentKey: TypeAlias = tuple[bytes, Fields, int, Origin]
#: The site's response, the origin, and the request's path where the page names it.
_ResponseKey: TypeAlias = tuple[Response, Origin, bytes | None]


@dataclass(slots=True, kw_only=True, frozen=True)
class DocumentOptions:
    """Options for documents."""

    #: The folders that are served, for error pages: the first that serves a path counts.
    folders: tuple[ServedFolder, ...]
    #: Whether to make documents fresh and errors friendly; otherwise live reload is all.
    friendly: bool


class Rewritten(NamedTuple):
    """A document with the client in it."""

    octets: bytes
    #: What the response says besides what a :class:`Representation` does.
    fields: Fields


class DocumentInUse(bytearray):
    """The octets of a rewritten document that only streams hold; a
    :class:`h2static.site.representation.Content`.

    Not ``bytes``, which do not support weak references.  They are never modified.
    """

    def __init__(self, rewritten: Rewritten) -> None:
        super().__init__(rewritten.octets)
        self.etag = content_tag(rewritten.octets)
        self.fields = rewritten.fields

    def body(self, pieces: Sequence[Piece]) -> OctetBody:
        """See :class:`h2static.site.representation.Content`.

        Always views: they keep this alive, also while they wait for a socket.
        """
        return OctetBody(self, tuple(pieces))


class Document:
    """A rewritten document, and the cached responses made from it."""

    def __init__(
        self,
        *,
        status: int,
        hints: Hints | None,
        representation: Representation,
        fields: Fields,
        limits: DevLimits,
    ) -> None:
        """``representation``: of which every response is made, with ``fields`` added."""
        self.status = status
        self.hints = hints
        self.representation = representation
        self.fields = fields
        # Their bodies are the document's own octets.
        self._responses = Remembered[tuple[Request, State | None], Response](
            entries=limits.remembered, octets=0
        )

    def recall(self, request: Request, state: State | None) -> Response | None:
        """The response to ``request`` that was made before, while the tree was in this state."""
        return self._responses.get((request, state))

    def keep(self, request: Request, state: State | None, response: Response) -> Response:
        """Remember ``response``; the one to use, if another thread was first."""
        response.prepared = True
        return self._responses.keep((request, state), response, 0)


class Documents:
    """All documents of a site in dev mode; may be used by several threads."""

    def __init__(
        self,
        options: DocumentOptions,
        limits: DevLimits,
        *,
        clock: Callable[[], float],
        refuse: Callable[[int, Request], Response],
    ) -> None:
        """``clock``: seconds since 1970; ``refuse``: the site's response for 412 and 416."""
        self._options = options
        self._limits = limits
        self._clock = clock
        self._refuse = refuse
        #: The nonce that lets the client's element run if a policy allows nothing else.
        # Pages cannot know it beforehand, which is all that a nonce is for.
        self.nonce = blake2b(os.urandom(16), digest_size=12).hexdigest()
        self._plain_404 = error_page(404)
        self._remembered = Remembered[_ResponseKey, Document](
            entries=limits.remembered, octets=limits.remembered_octets
        )
        self._in_use: WeakValueDictionary[_ContentKey, DocumentInUse] = WeakValueDictionary()
        #: Held while the former is used.
        self._lock = threading.Lock()
        #: Held while a file is read and rewritten, which takes two or three times its octets.
        self._making = threading.Lock()
        #: Held while names are compared: a thread that computes takes the loop's time.
        self._comparing = threading.Lock()
        #: By path.
        self._warnings: dict[bytes, str] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which documents cannot reload, one line each."""
        return tuple(self._warnings.values())

    @property
    def octets(self) -> int:
        """Octets that cached documents keep alive."""
        return self._remembered.octets

    def __len__(self) -> int:
        """The number of cached documents."""
        return len(self._remembered)

    @property
    def octets_in_use(self) -> int:
        """Octets of the documents that nothing but streams holds."""
        with self._lock:
            return sum(map(len, self._in_use.values()))

    def forget(self) -> None:
        """The site's earlier responses will not recur."""
        self._remembered.forget()

    def takes(self, asked: DocumentRequest, response: Response) -> bool:
        """Whether the client can be put into ``response``."""
        if not is_html(response.fields) or any(
            name == b"content-encoding" for name, _ in response.fields
        ):
            return False
        body = response.body
        if isinstance(body, bytes):
            return True
        if not isinstance(body, FileBody) or body.length is None:
            return False
        if body.length > self._limits.document:
            self._warn(asked.request, f"larger than {self._limits.document} octets")
            return False
        return True

    def blocks(self, response: Response) -> bool:
        """Whether :meth:`respond` may have to wait for a disk, or takes long."""
        return (
            not isinstance(response.body, bytes)
            or len(response.body) > self._limits.document_at_once
            or self._is_missing(response)
        )

    def recall(
        self, asked: DocumentRequest, response: Response, state: State | None
    ) -> Response | None:
        """The result of :meth:`respond`, if it is cached."""
        document = self._remembered.get(self._key(asked, response))
        return None if document is None else document.recall(asked.request, state)

    def respond(
        self, asked: DocumentRequest, response: Response, state: State | None
    ) -> Response | None:
        """The response to the request, made from the site's complete ``response``.

        ``None``: too many documents are being sent, and this one must be sent unchanged.

        ``state``: a state of the tree that ``response`` is not older than.  Raises ``OSError`` when
        a file cannot be read to its end.
        """
        request, origin = asked.request, asked.origin
        key = self._key(asked, response)
        document = self._remembered.get(key)
        if document is None:
            # One with a file would keep it open, for which the site has a limit of its own.
            if not response.prepared or not isinstance(response.body, bytes):
                shared = self._shared(request, response, origin)
                if shared is None:
                    return None
                document = self._document(response, shared, len(shared), shared.etag, shared.fields)
                return self._made(document, request, state)
            octets, fields = self._rewritten(
                request, response, origin, self._octets(request, response)
            )
            document = self._document(
                response, OctetContent(octets=octets), len(octets), content_tag(octets), fields
            )
            held = len(response.body) + len(octets)
            if not self._remembered.has_room_for(held):
                return self._made(document, request, state)
            document = self._remembered.keep(key, document, held)
        known = document.recall(request, state)
        if known is not None:
            return known
        made = self._made(document, request, state)
        # Parts are not: they may be as many as there are numbers in a Range field.
        if not request.repeats or made.status == 206:
            return made
        return document.keep(request, state, made)

    # ------------------------------------------------------------------ parts of it

    def _key(self, asked: DocumentRequest, response: Response) -> _ResponseKey:
        return response, asked.origin, asked.request.path if self._is_missing(response) else None

    def _is_missing(self, response: Response) -> bool:
        """Whether to show a page for a missing file instead of ``response``."""
        return (
            self._options.friendly and response.status == 404 and response.body == self._plain_404
        )

    def _octets(self, request: Request, response: Response) -> bytes:
        """The document without the client."""
        if self._is_missing(response):
            path = _path(request)
            decoded = unquote_to_bytes(path)
            for folder in self._options.folders:
                if folder.serves(decoded):
                    with self._comparing:
                        return missing_page(folder, path, self._limits)
        return read_whole(response.body)

    def _shared(self, request: Request, response: Response, origin: Origin) -> DocumentInUse | None:
        """A document that no memory holds: the one that is in use, or a new one.

        ``None``: too many are in use.
        """
        if isinstance(response.body, bytes):
            return self._found(request, response, origin)
        # Most often it is in use: digesting a file takes no room.
        digest = digest_whole(response.body)
        known = self._used(digest, response, origin)
        if known is not None:
            return known
        with self._making:
            known = self._used(digest, response, origin)
            return self._found(request, response, origin) if known is None else known

    def _found(self, request: Request, response: Response, origin: Origin) -> DocumentInUse | None:
        octets = self._octets(request, response)
        digest = digest_of(octets)
        known = self._used(digest, response, origin)
        if known is not None:
            return known
        if self.octets_in_use + len(octets) > self._limits.documents_in_use:
            self._warn(request, "too many documents are being sent")
            return None
        rewritten = self._rewritten(request, response, origin, octets)
        del octets
        made = DocumentInUse(rewritten)
        with self._lock:
            return self._in_use.setdefault((digest, response.fields, response.status, origin), made)

    def _used(self, digest: bytes, response: Response, origin: Origin) -> DocumentInUse | None:
        """What is in use and made of the same content and fields.

        Not of the same version of a file: one that was just written may be written again without
        any change of its times.
        """
        with self._lock:
            return self._in_use.get((digest, response.fields, response.status, origin))

    def _rewritten(
        self, request: Request, response: Response, origin: Origin, octets: bytes
    ) -> Rewritten:
        """Put the client into a document and extend its policies."""
        fields = tuple(field for field in response.fields if field[0] not in _OWN_FIELDS)
        policies = [value.decode("latin-1") for name, value in fields if name == _POLICY]
        if all(map(lets_client_work, policies)):
            octets, fields = self._with_client(octets, fields, origin)
            self._warnings.pop(_path(request), None)
        else:
            self._warn(
                request,
                "its Content-Security-Policy has sandbox without allow-scripts and"
                " allow-same-origin",
            )
        return Rewritten(octets, fields)

    def _with_client(self, octets: bytes, fields: Fields, origin: Origin) -> tuple[bytes, Fields]:
        """A document and its fields, with the client in it and policies that allow it."""
        extension = Extension(origin=origin, spare_nonce=self.nonce)
        octets = extend_meta_elements(octets, extension)
        extended = [
            (name, extend_policies(value.decode("latin-1"), extension).encode("latin-1"))
            if name == _POLICY
            else (name, value)
            for name, value in fields
        ]
        return injection.inject(octets, nonce=extension.nonce), tuple(extended)

    def _warn(self, request: Request, reason: str) -> None:
        path = _path(request)
        if path in self._warnings or len(self._warnings) < self._limits.warnings:
            self._warnings[path] = f"{path.decode('latin-1')}: no live reload: {reason}"

    def _document(
        self, response: Response, content: Content, length: int, etag: bytes, fields: Fields
    ) -> Document:
        """The document that the site's ``response`` becomes, with ``fields`` of its own."""
        given = dict(response.fields)
        cache_control = given.get(b"cache-control", REVALIDATE)
        whole = response.status == 200
        return Document(
            status=response.status,
            hints=response.hints,
            fields=fields,
            limits=self._limits,
            representation=Representation(
                content=content,
                length=length,
                media_type=given[b"content-type"],
                cache_control=REVALIDATE if self._options.friendly else cache_control,
                validators=Validators(etag=etag, modified=None) if whole else None,
                vary=join_vary(given.get(b"vary", b""), VARY),
                ranges=whole,
            ),
        )

    def _made(self, document: Document, request: Request, state: State | None) -> Response:
        """A response of ``document`` to ``request``."""
        # The client reads it to know whether the page is older than what it hears, and whether
        # another visit would give another one.
        validators = document.representation.validators
        tag = b"" if validators is None else (validators.etag or b"").strip(b'"')
        known = UNKNOWN_STATE if state is None else state.words()
        words = b"%b %b" % (known.encode(), tag)
        fields = (*document.fields, (b"server-timing", b'h2static;desc="%b"' % words))
        response = self.prepare(
            request, replace(document.representation, fields=fields), document.status
        )
        response.hints = document.hints
        return response

    def prepare(
        self, request: Request, representation: Representation, status: int = 200
    ) -> Response:
        """Apply the preconditions and ranges of ``request``."""
        try:
            return prepare(cache_key_of(request), representation, self._clock(), status)
        except SiteError as error:
            refusal = self._refuse(error.status, request)
            return Response(
                status=refusal.status,
                fields=refusal.fields + error.fields,
                body=refusal.body,
                early=refusal.early,
            )


def _path(request: Request) -> bytes:
    return request.path.partition(b"?")[0]
