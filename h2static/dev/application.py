"""A site with live reload: what dev mode changes in its answers.

Contract: an application around a site.  It answers the client's script and the event stream, puts
the client into documents that a person looks at, and makes every answer one that browsers ask for
again (``no-cache``).  Documents with the client in them are representations of their own: length,
entity tag, ranges and conditional requests are those of the octets that are really sent.  A request
for a name that is not this machine's gets nothing (DNS rebinding).  Documents in which the client
cannot work stay as they are, and :attr:`DevApplication.warnings` tells of them.

Strategy: for a document the site is asked for the whole, uncompressed, unconditional answer; what
the client's request says about validators and ranges is then applied to the changed octets, by the
site's own functions.  Changed answers are remembered by the answer they were made from.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import blake2b
from importlib.resources import files

from h2static.dev import guard, injection
from h2static.dev.broker import Broker, State
from h2static.dev.pages import host_page, missing_page
from h2static.dev.policy import (
    Extension,
    Origin,
    extend_meta_elements,
    extend_policies,
    lets_client_work,
)
from h2static.dev.remembered import Remembered
from h2static.dev.rewriting import Rewriter
from h2static.http.messages import (
    Answer,
    BatchApplication,
    Body,
    Deferred,
    Field,
    Hints,
    Request,
    Response,
    Upload,
)
from h2static.site.bodies import FileBody
from h2static.site.cache_key import cache_key_of
from h2static.site.conditional import Validators
from h2static.site.contents import content_tag
from h2static.site.errors import SiteError
from h2static.site.pages import error_page
from h2static.site.representation import OctetContent, Representation, join_vary, prepare

#: Larger documents are sent as they are.
MAX_DOCUMENT = 32 << 20
#: Requests and documents remembered.
MAX_REMEMBERED = 500
#: Octets of remembered documents; what is more is made again.
MAX_REMEMBERED_OCTETS = 64 << 20
#: Documents without the client that are told of.
MAX_WARNINGS = 20
_REVALIDATE = b"no-cache"
_HTML = (b"text/html", b"application/xhtml+xml")
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
#: What it depends on whether a document has the client in it.
_VARY = b"accept, sec-fetch-dest, x-requested-with"


@dataclass(slots=True, kw_only=True, frozen=True)
class DevOptions:
    """What the command line says."""

    #: The folder that is served, for error pages.
    root: str
    #: Names that the server answers to, besides those of this machine.
    allowed_hosts: tuple[str, ...] = ()
    #: Also make answers fresh and errors friendly; otherwise live reload is all.
    friendly: bool = True


class DevApplication:
    """The site in dev mode."""

    def __init__(
        self,
        inner: BatchApplication,
        broker: Broker,
        options: DevOptions,
        *,
        clock: Callable[[], float],
        problems: Callable[[], tuple[str, ...]] = lambda: (),
    ) -> None:
        """``clock`` gives the seconds since 1970.

        ``problems`` tells what is wrong with the rules now; it is asked once a batch, and every tab
        shows it.
        """
        self._inner = inner
        self._broker = broker
        self._options = options
        self._clock = clock
        self._problems = problems
        self._told: tuple[str, ...] = ()
        self._stale = False
        self._client = files("h2static.dev").joinpath("client.js").read_bytes()
        # Pages cannot know it beforehand, which is all that a nonce is for.
        self._nonce = blake2b(os.urandom(16), digest_size=12).hexdigest()
        self._without_client = Rewriter(_make_fresh if options.friendly else _name_variants)
        self._plain: dict[Request, Request] = {}
        self._documents = Remembered[tuple[Response, Origin, bytes | None], _Document](
            entries=MAX_REMEMBERED, octets=MAX_REMEMBERED_OCTETS
        )
        #: The state of the tree that answers of this batch are of, or of a later one.
        self._state: State | None = None
        #: By path.
        self._warnings: dict[bytes, str] = {}

    # ------------------------------------------------------------------ the application

    def new_batch(self) -> None:
        """As the site; rules that turned out to be broken are told in every tab."""
        if self._stale:
            self._stale = False
            self.release()
        # First: what changes from now on the site may see or not, and the client hears of it.
        self._state = self._broker.state
        self._inner.new_batch()
        self.tell_problems()

    def release(self) -> None:
        """As the site."""
        self._inner.release()
        self._without_client.forget()
        self._documents.forget()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Which documents cannot reload, one line each; may be asked in any thread."""
        return tuple(self._warnings.values())

    def tell_problems(self) -> None:
        """Tell every tab what is wrong with the rules, if it is something else than before.

        May be called in any thread.
        """
        problems = self._problems()
        if problems is not self._told and problems != self._told:
            self._told = problems
            self._broker.set_problem("rules", "\n".join(problems) or None)

    def forget(self) -> None:
        """Answers of before this moment are out of date; may be called in any thread."""
        self._stale = True

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the site."""
        return self._inner.refuse(status, request)

    def answer(self, request: Request) -> Answer:
        """See :class:`h2static.http.messages.Application`."""
        path = request.path.partition(b"?")[0]
        own = path.startswith(injection.PREFIX.encode())
        # With live reload alone the site is answered under any name, as without it.
        if (own or self._options.friendly) and not guard.host_allowed(
            request.authority, self._options.allowed_hosts
        ):
            host = guard.host_of(request.authority.decode("latin-1"))
            return _page(421, host_page(host), head=request.method == b"HEAD")
        if own:
            return self._answer_own(request, path.decode("latin-1"))
        if injection.wants_client(request):
            return self._answer_document(request)
        return self._without_client.answer(self._inner.answer(request))

    # ------------------------------------------------------------------ client and events

    def _answer_own(self, request: Request, path: str) -> Response:
        """The script and the stream: for pages of this origin only."""
        if path not in (injection.CLIENT_PATH, injection.EVENTS_PATH):
            return self._inner.refuse(404, request)
        if request.method not in (b"GET", b"HEAD"):
            # RFC 9110 section 15.5.6: "MUST generate an Allow header field in a 405 response".
            refusal = self._inner.refuse(405, request)
            fields = (*refusal.fields, (b"allow", b"GET, HEAD"))
            return Response(status=405, fields=fields, body=refusal.body, early=True)
        if not guard.same_origin(request):
            return self._inner.refuse(403, request)
        if path == injection.EVENTS_PATH:
            return self._events(head=request.method == b"HEAD")
        representation = Representation(
            content=OctetContent(octets=self._client),
            length=len(self._client),
            media_type=b"text/javascript; charset=utf-8",
            cache_control=_REVALIDATE,
            validators=Validators(etag=content_tag(self._client), modified=None),
            fields=((b"cross-origin-resource-policy", b"same-origin"),),
        )
        return self._prepare(request, representation, 200)

    def _events(self, *, head: bool) -> Response:
        fields: tuple[Field, ...] = (
            (b"server", b"h2static"),
            (b"cache-control", b"no-store"),
            (b"content-type", b"text/event-stream"),
            (b"cross-origin-resource-policy", b"same-origin"),
            # Proxies that gather octets before they pass them on would hold events back.
            (b"x-accel-buffering", b"no"),
        )
        return Response(status=200, fields=fields, body=b"" if head else self._broker.body())

    # ------------------------------------------------------------------ documents

    def _answer_document(self, request: Request) -> Answer:
        """The site's answer with the client in it, if it is HTML."""
        state = self._state
        answer = self._inner.answer(self._unconditional(request))
        if isinstance(answer, Response):
            if not _is_document(answer):
                # What the client asked for in the first place counts.
                return self._without_client.answer(self._inner.answer(request))
            if isinstance(answer.body, bytes):
                return self._finish(request, answer, state)
            return _Later(lambda: self._finish(request, answer, state))
        if isinstance(answer, Upload):
            return answer
        deferred: Deferred = answer

        def run() -> Response:
            # The site may be asked in the other thread only, so the whole has to do here.
            outcome = deferred.run()
            if _is_document(outcome):
                return self._finish(request, outcome, state)
            outcome = self._without_client.response(outcome)
            return _without_body(outcome) if request.method == b"HEAD" else outcome

        return _Later(run)

    def _unconditional(self, request: Request) -> Request:
        """The request for the whole, uncompressed representation; the same object each time."""
        plain = self._plain.get(request)
        if plain is None:
            plain = Request(
                method=b"GET",
                scheme=request.scheme,
                authority=request.authority,
                path=request.path,
                fields=tuple(field for field in request.fields if field[0] == b"accept"),
            )
            if len(self._plain) >= MAX_REMEMBERED:
                self._plain.clear()
            self._plain[request] = plain
        return plain

    def _finish(self, request: Request, answer: Response, state: State | None) -> Response:
        """The response to ``request``, made from the site's whole ``answer``.

        ``state``: a state of the tree that the answer is not older than.
        """
        origin = Origin(
            scheme=request.scheme.decode("latin-1"), authority=request.authority.decode("latin-1")
        )
        missing = self._is_default_error(answer, 404)
        key = (answer, origin, request.path if missing else None)
        document = self._documents.get(key)
        if document is None:
            document = self._make_document(answer, origin, request.path, missing=missing)
            # One with a file keeps it open, for which the site has a limit of its own.
            if answer.once or not isinstance(answer.body, bytes):
                response = document.make(self, request, state)
                response.once = True
                return response
            octets = len(answer.body) + document.length
            document = self._documents.keep(key, document, octets)
        return document.response(self, request, state)

    def _is_default_error(self, answer: Response, status: int) -> bool:
        return (
            self._options.friendly and answer.status == status and answer.body == error_page(status)
        )

    def _make_document(
        self, answer: Response, origin: Origin, target: bytes, *, missing: bool
    ) -> _Document:
        """Put the client into a document and extend its policies."""
        path = target.partition(b"?")[0]
        octets = missing_page(self._options.root, path) if missing else _octets_of(answer.body)
        fields = tuple(field for field in answer.fields if field[0] not in _OWN_FIELDS)
        policies = [value.decode("latin-1") for name, value in fields if name == _POLICY]
        if all(map(lets_client_work, policies)):
            octets, fields = self._with_client(octets, fields, origin)
            self._warnings.pop(path, None)
        elif len(self._warnings) < MAX_WARNINGS:
            self._warnings[path] = (
                f"{path.decode('latin-1')}: no live reload: its Content-Security-Policy says"
                " sandbox without allow-scripts and allow-same-origin"
            )
        given = dict(answer.fields)
        cache_control = given.get(b"cache-control", _REVALIDATE)
        return _Document(
            status=answer.status,
            fields=fields,
            hints=answer.hints,
            representation=Representation(
                content=OctetContent(octets=octets),
                length=len(octets),
                media_type=given[b"content-type"],
                cache_control=_REVALIDATE if self._options.friendly else cache_control,
                validators=(
                    Validators(etag=content_tag(octets), modified=None)
                    if answer.status == 200
                    else None
                ),
                vary=join_vary(given.get(b"vary", b""), _VARY),
                ranges=answer.status == 200,
            ),
        )

    def _with_client(
        self, octets: bytes, fields: tuple[Field, ...], origin: Origin
    ) -> tuple[bytes, tuple[Field, ...]]:
        """A document and its fields, with the client in it and policies that allow it."""
        extension = Extension(origin=origin, spare_nonce=self._nonce)
        octets = extend_meta_elements(octets, extension)
        extended = [
            (name, extend_policies(value.decode("latin-1"), extension).encode("latin-1"))
            if name == _POLICY
            else (name, value)
            for name, value in fields
        ]
        return injection.inject(octets, nonce=extension.nonce), tuple(extended)

    def _prepare(self, request: Request, representation: Representation, status: int) -> Response:
        """Apply what ``request`` says about validators and ranges."""
        try:
            return prepare(cache_key_of(request), representation, self._clock(), status)
        except SiteError as error:
            refusal = self._inner.refuse(error.status, request)
            return Response(
                status=refusal.status,
                fields=refusal.fields + error.fields,
                body=refusal.body,
                early=refusal.early,
            )


class _Document:
    """A document with the client in it, and the responses made of it."""

    def __init__(
        self,
        *,
        status: int,
        fields: tuple[Field, ...],
        hints: Hints | None,
        representation: Representation,
    ) -> None:
        """``representation``: of which every response is made; its fields are left out."""
        self._status = status
        self._fields = fields
        self._hints = hints
        self._representation = representation
        # Their bodies are the document's own octets.
        self._responses = Remembered[tuple[Request, State | None], Response](
            entries=MAX_REMEMBERED, octets=0
        )

    @property
    def length(self) -> int:
        """Octets that it takes."""
        return self._representation.length

    def response(self, maker: DevApplication, request: Request, state: State | None) -> Response:
        """The response to ``request`` while the tree is in this state."""
        response = self._responses.get((request, state))
        if response is not None:
            return response
        response = self.make(maker, request, state)
        # Parts have octets of their own.
        if not request.repeats or response.status == 206:
            response.once = True
            return response
        return self._responses.keep((request, state), response, 0)

    def make(self, maker: DevApplication, request: Request, state: State | None) -> Response:
        """As :meth:`response`, but another one each time."""
        fields = self._fields
        if state is not None:
            # The client reads it to know whether the page is older than what it hears.
            timing = b'h2static;desc="%b"' % state.words().encode()
            fields += ((b"server-timing", timing),)
        representation = replace(self._representation, fields=fields)
        response = maker._prepare(request, representation, self._status)
        response.hints = self._hints
        return response


class _Later:
    """A response that needs a thread."""

    def __init__(self, run: Callable[[], Response]) -> None:
        self._run = run

    def run(self) -> Response:
        """See :class:`h2static.http.messages.Deferred`."""
        return self._run()


def _is_html(fields: dict[bytes, bytes]) -> bool:
    return fields.get(b"content-type", b"").partition(b";")[0].strip().lower() in _HTML


def _is_document(answer: Response) -> bool:
    """Whether the client can be put into ``answer``."""
    fields = dict(answer.fields)
    body = answer.body
    if not isinstance(body, bytes) and (
        not isinstance(body, FileBody) or body.length is None or body.length > MAX_DOCUMENT
    ):
        return False
    return _is_html(fields) and b"content-encoding" not in fields


def _without_body(response: Response) -> Response:
    return replace(response, body=b"", hints=None, once=True)


def _octets_of(body: bytes | Body) -> bytes:
    """All of the body of a document; blocks.

    Raises ``OSError`` when the file cannot be read to its end.
    """
    if isinstance(body, bytes):
        return body
    assert isinstance(body, FileBody)
    assert body.length is not None
    # Not by its reader: that has cold octets read by a thread of the pool, which this thread is one
    # of, and all of them could wait for each other.  The whole is the file from its beginning; one
    # that is rewritten meanwhile is a change, for which the page reloads.
    pieces: list[bytes] = []
    offset = 0
    while offset < body.length:
        piece = os.pread(body.handle.descriptor, body.length - offset, offset)
        if not piece:
            raise OSError("the file changed while it was read")
        pieces.append(piece)
        offset += len(piece)
    return b"".join(pieces)


def _name_variants(response: Response) -> Response:
    """``response`` as one that is not given to whoever would get the document with the client."""
    fields = dict(response.fields)
    # 304 does not tell the type.  What it says replaces what a cache has stored (RFC 9111 section
    # 3.2): better too much for a style sheet than too little for a document.
    if response.status != 304 and not _is_html(fields):
        return response
    fields[b"vary"] = join_vary(fields.get(b"vary", b""), _VARY)
    return replace(response, fields=tuple(fields.items()))


def _make_fresh(response: Response) -> Response:
    """``response`` as one that is asked for again each time."""
    response = _name_variants(response)
    if not any(
        name == b"cache-control" and value != _REVALIDATE for name, value in response.fields
    ):
        return response
    fields = tuple(
        (name, _REVALIDATE if name == b"cache-control" else value)
        for name, value in response.fields
    )
    return replace(response, fields=fields)


def _page(status: int, octets: bytes, *, head: bool) -> Response:
    fields = (
        (b"server", b"h2static"),
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", b"text/html; charset=utf-8"),
    )
    return Response(status=status, fields=fields, body=b"" if head else octets, early=True)
