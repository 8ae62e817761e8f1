"""A site with live reload: what dev mode changes in its responses.

Contract: a wrapper around a site.  It serves the client's script and the event stream, inserts the
client into documents that a person views (:mod:`h2static.dev.documents`), and makes browsers
revalidate every response (``no-cache``).  Requests for names that do not belong to this machine are
refused (DNS rebinding).

Strategy: for a document, the site produces the complete, uncompressed, unconditional response; the
request's preconditions and ranges are then applied to the changed octets by the site's own
functions.  Results of repeated requests are cached for :meth:`DevApplication.recall`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from urllib.parse import quote_from_bytes, unquote_to_bytes

from h2static.dev import guard, injection, phone
from h2static.dev.app_pages import with_client
from h2static.dev.broker import Broker, State
from h2static.dev.documents import (
    DocumentOptions,
    DocumentRequest,
    Documents,
    document_request,
)
from h2static.dev.freshness import REVALIDATE, make_fresh, make_live
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.markdown import is_markdown, markdown_page
from h2static.dev.pages import ServedFolder, host_page
from h2static.dev.phone import PhonePage
from h2static.dev.shared_workers import SharedWorkers
from h2static.dev.source import DocumentSource
from h2static.http.bodies import Body
from h2static.http.exchange import Exchange, Handover, Outcome
from h2static.http.fields import SERVER_FIELD, Fields
from h2static.http.messages import Request, Response
from h2static.http.rewriting import Rewriter
from h2static.http.wrapper import WrappedExchange, Wrapper
from h2static.site.builder import ABSENT
from h2static.site.conditional import Validators
from h2static.site.contents import content_tag
from h2static.site.representation import OctetContent, Representation

_OWN_PATHS = injection.PREFIX.encode("ascii")
_PAGE_QUERY = injection.PAGE_QUERY.encode("ascii")
#: Maximum length of the path of a page that the client may ask about.
_LONGEST_PATH = 8192
#: What stands for itself in a path and a query (RFC 3986 section 3.3 and 3.4).
_PLAIN = "/?%:@!$&'()*+,;=~"


@dataclass(slots=True, kw_only=True, frozen=True)
class DevOptions:
    """Options of dev mode."""

    #: See :class:`~h2static.dev.documents.DocumentOptions`.
    folders: tuple[ServedFolder, ...]
    #: Names that the server answers to, besides those of this machine.
    allowed_hosts: tuple[str, ...] = ()
    #: Also make responses fresh and errors friendly; otherwise live reload is all.
    friendly: bool = True
    #: Replace every service worker with one that removes itself.
    no_service_workers: bool = False
    #: The CA certificate for phones to trust, if there is one.
    authority_file: str | None = None


class DevApplication(Wrapper):
    """The site in dev mode."""

    def __init__(
        self,
        site: DocumentSource,
        broker: Broker,
        options: DevOptions,
        *,
        clock: Callable[[], float],
        problems: Callable[[], tuple[str, ...]] = lambda: (),
        note_worker: Callable[[bytes], None] = lambda path: None,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``clock`` gives the seconds since 1970.

        ``note_worker`` gets the path of each service worker that a browser requests.

        ``problems`` says what is wrong with the rules now; it is asked once a batch, and every tab
        shows it.
        """
        super().__init__(site)
        self._site = site
        self._broker = broker
        self._options = options
        self._limits = limits
        self._problems = problems
        self._note_worker = note_worker
        #: Files that concern every page, because it is unknown which pages use them.
        self.shared_workers = SharedWorkers(limits)
        self._told: tuple[str, ...] = ()
        self._stale = False
        self._phone = None if options.authority_file is None else PhonePage(options.authority_file)
        self._worker = files("h2static.dev").joinpath("no_service_worker.js").read_bytes()
        script = files("h2static.dev").joinpath("client.js").read_bytes()
        self._script = Representation(
            content=OctetContent(octets=script),
            length=len(script),
            media_type=b"text/javascript; charset=utf-8",
            cache_control=REVALIDATE,
            validators=Validators(etag=content_tag(script), modified=None),
            fields=((b"cross-origin-resource-policy", b"same-origin"),),
        )
        self._others = Rewriter(
            make_fresh if options.friendly else make_live,
            entries=limits.rewritten,
            octets=limits.rewritten_octets,
        )
        self._documents = Documents(
            DocumentOptions(folders=options.folders, friendly=options.friendly),
            limits,
            clock=clock,
            refuse=site.refuse,
        )
        #: Requests that repeat and are the site's; ``None``: not for a document.
        self._kinds: dict[Request, DocumentRequest | None] = {}
        #: The state of the tree that responses of this batch are of, or of a later one.
        self._state: State | None = None

    # ------------------------------------------------------------------ lifecycle

    def new_batch(self) -> None:
        """Notify the site; rules that turned out to be broken are shown in every tab."""
        if self._stale:
            self._stale = False
            self._site.forget()
            self._forget()
        # First: what changes from now on the site may see or not, and the client hears of it.
        self._state = self._broker.state
        super().new_batch()
        self.tell_problems()

    def release(self) -> None:
        """Empty the caches."""
        super().release()
        self._forget()

    def _forget(self) -> None:
        self._others.forget()
        self._documents.forget()

    def drain(self) -> None:
        """End the event streams, which would never end; clients come back."""
        self._broker.end_all()
        super().drain()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Documents that cannot reload, one line each; may be called in any thread."""
        return self._documents.warnings

    @property
    def documents(self) -> Documents:
        """The documents with the client in them."""
        return self._documents

    def tell_problems(self) -> None:
        """Show every tab the errors in the rules, if they have changed.

        May be called in any thread.
        """
        problems = self._problems()
        if problems is not self._told and problems != self._told:
            self._told = problems
            self._broker.set_problem("rules", "\n".join(problems) or None)

    def forget(self) -> None:
        """Responses of before this moment are out of date; may be called in any thread."""
        self._stale = True

    # ------------------------------------------------------------------ the application

    def recall(self, request: Request) -> Response | None:
        """The site's recalled response, changed like :meth:`handle` would change it."""
        try:
            asked = self._kinds[request]
        except KeyError:
            return None
        if asked is None:
            return self._others.recall(self._inner.recall(request))
        found = self._inner.recall(asked.whole)
        return None if found is None else self._documents.recall(asked, found, self._state)

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        request = exchange.request
        self.shared_workers.note(request)
        own = request.path.startswith(_OWN_PATHS)
        # With live reload alone, the site answers to any name, as without it.
        if (own or self._options.friendly) and not guard.host_allowed(
            request.authority, self._options.allowed_hosts
        ):
            host = guard.host_of(request.authority) or ""
            page = _page(421, host_page(host), head=request.method == b"HEAD")
            exchange.respond(_refused(page, f"the server does not answer to {host}"))
        elif own:
            self._handle_own(exchange)
        elif injection.wants_client(request) and not request.protocol:
            self._handle_document(exchange)
        elif request.field(b"service-worker") == b"script":
            # Service Workers, "update": the request for the script of a worker, and no other.
            self._handle_worker(exchange)
        else:
            self._note(request, None)
            self._handle_other(exchange)

    def _note(self, request: Request, asked: DocumentRequest | None) -> None:
        """Remember what ``request`` is."""
        if request.repeats:
            if len(self._kinds) >= self._limits.remembered:
                self._kinds.clear()
            self._kinds[request] = asked

    def _handle_other(self, exchange: Exchange) -> None:
        self._inner.handle(WrappedExchange(exchange, self._others.response))

    # ------------------------------------------------------------------ client and events

    def _handle_own(self, exchange: Exchange) -> None:
        """The script, the stream and what a page is: for pages of this origin only."""
        request = exchange.request
        path, _, query = request.path.partition(b"?")
        response = self._respond_own(request, path.decode("latin-1"))
        if response.status != 200 or not query.startswith(_PAGE_QUERY):
            exchange.respond(response)
            return
        # What follows makes the client's question another one each time.
        asked = unquote_to_bytes(query.removeprefix(_PAGE_QUERY).partition(b"&")[0])
        if not asked.startswith(b"/") or asked.startswith(_OWN_PATHS) or len(asked) > _LONGEST_PATH:
            exchange.respond(self._inner.refuse(400, request))
            return
        language = request.field(b"accept-language")
        fields: Fields = ((b"accept", b"text/html"), (b"sec-fetch-dest", b"document"))
        visit = replace(
            request,
            method=b"HEAD",
            path=quote_from_bytes(asked, safe=_PLAIN).encode("ascii"),
            fields=fields if language is None else (*fields, (b"accept-language", language)),
            repeats=False,
        )
        whole = request.method == b"GET"

        def tell(response: Response) -> Response:
            told = _told_of_page(response, is_list=self._is_list(asked))
            return told if whole else replace(told, body=b"")

        self._handle_document(WrappedExchange(exchange, tell, request=visit))

    def _is_list(self, path: bytes) -> bool:
        """Whether a list of files is all that there is at ``path``, an address of a folder."""
        plain = unquote_to_bytes(path.partition(b"?")[0])
        if not plain.endswith(b"/") or b"\0" in plain or b".." in plain.split(b"/"):
            # Nothing outside the root is revealed.
            return False
        served = next((one for one in self._options.folders if one.serves(plain)), None)
        if served is None:
            return False
        below = plain.removeprefix(served.prefix).strip(b"/")
        folder = os.path.join(os.fsencode(served.root), below)
        return os.path.isdir(folder) and not os.path.exists(
            os.path.join(folder, os.fsencode(served.index))
        )

    def _respond_own(self, request: Request, path: str) -> Response:
        """The script and the stream."""
        if path not in (injection.CLIENT_PATH, injection.EVENTS_PATH, *self._phone_paths()):
            return self._inner.refuse(404, request)
        if request.method not in (b"GET", b"HEAD"):
            # RFC 9110 section 15.5.6: "MUST generate an Allow header field in a 405 response".
            refusal = self._inner.refuse(405, request)
            fields = (*refusal.fields, (b"allow", b"GET, HEAD"))
            return Response(status=405, fields=fields, body=refusal.body, early=True)
        if not guard.same_origin(request):
            return _refused(
                self._inner.refuse(403, request), "not requested by a page of this server"
            )
        if path in self._phone_paths():
            return self._respond_phone(request, path)
        if path == injection.CLIENT_PATH:
            return self._documents.prepare(request, self._script)
        return _events(b"" if request.method == b"HEAD" else self._broker.body())

    def _phone_paths(self) -> tuple[str, ...]:
        return () if self._phone is None else (phone.PAGE_PATH, phone.CERTIFICATE_PATH)

    def _respond_phone(self, request: Request, path: str) -> Response:
        """The pages that help a device trust this machine's certificates."""
        assert self._phone is not None
        head = request.method == b"HEAD"
        if path == phone.PAGE_PATH:
            agent = request.field(b"user-agent") or b""
            return _page(200, self._phone.page(agent, request.authority), head=head)
        octets = self._phone.certificate
        fields: Fields = (
            SERVER_FIELD,
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(octets)),
            (b"content-type", phone.CERTIFICATE_TYPE),
            (b"content-disposition", b'attachment; filename="ca.crt"'),
        )
        return Response(status=200, fields=fields, body=b"" if head else octets)

    # ------------------------------------------------------------------ service workers

    def _handle_worker(self, exchange: Exchange) -> None:
        """The site's service worker, or the one that removes it and itself."""
        if not self._options.no_service_workers:
            self._note_worker(exchange.request.path.partition(b"?")[0])
            self._handle_other(exchange)
            return
        head = exchange.request.method == b"HEAD"
        # Another worker each time: if a page registers its worker again at the moment at which this
        # one removes itself, the removal is undone, and only a new one is started again.
        octets = self._worker + b"// %b\n" % os.urandom(8).hex().encode("ascii")
        fields: Fields = (
            SERVER_FIELD,
            (b"cache-control", b"no-store"),
            (b"content-length", b"%d" % len(octets)),
            (b"content-type", b"text/javascript; charset=utf-8"),
            # A page may register it for more than its own folder.
            (b"service-worker-allowed", b"/"),
        )
        exchange.respond(Response(status=200, fields=fields, body=b"" if head else octets))

    # ------------------------------------------------------------------ documents

    def _handle_document(self, exchange: Exchange) -> None:
        """The site's response with the client in it, if it is HTML."""
        request, state = exchange.request, self._state
        asked = self._kinds.get(request) or document_request(request)
        found = self._site.look(asked.whole)
        if found is ABSENT:
            self._handle_page(exchange)
        elif not isinstance(found, Response):
            job = found
            # The site may be called in the loop's thread only: use the complete response here.
            exchange.work(lambda: self._outcome(asked, job(), state))
        elif self._options.friendly and is_markdown(request, found, self._limits):
            markdown = found
            exchange.work(lambda: self._outcome(asked, markdown, state))
        elif not self._documents.takes(asked, found):
            # What the client asked for in the first place counts.
            self._handle_other(exchange)
        else:
            self._note(request, asked)
            response = found
            known = self._documents.recall(asked, response, state)
            if known is not None:
                exchange.respond(known)
            elif self._documents.blocks(response):
                exchange.work(lambda: self._worked_out(asked, response, state))
            else:
                exchange.respond(self._worked_out(asked, response, state))

    def _handle_page(self, exchange: Exchange) -> None:
        """An application's response, with the client in it if it is a page."""
        request, state = exchange.request, self._state
        origin = document_request(request).origin
        asked = replace(
            request,
            fields=tuple([one for one in request.fields if one[0] != b"accept-encoding"]),
            repeats=False,
        )
        nonce = self._documents.nonce

        def change(response: Response) -> Response:
            return with_client(response, origin, nonce, state)

        self._inner.handle(WrappedExchange(exchange, change, request=asked))

    def _outcome(self, asked: DocumentRequest, found: Response, state: State | None) -> Outcome:
        if found is ABSENT:
            return Handover(self._handle_page)
        if self._options.friendly and is_markdown(asked.request, found, self._limits):
            found = markdown_page(asked.request, found)
        return self._worked_out(asked, found, state)

    def _worked_out(self, asked: DocumentRequest, found: Response, state: State | None) -> Response:
        """The response to the request, made from the site's complete response; may block."""
        if self._documents.takes(asked, found):
            response = self._documents.respond(asked, found, state)
            if response is not None:
                return response
        response = self._others.response(found)
        if asked.request.method != b"HEAD":
            return response
        return replace(response, body=b"", hints=None, prepared=False)


def _told_of_page(response: Response, *, is_list: bool) -> Response:
    """The state of a page for the client, in place of ``response``, which a visit would get."""
    tags = (value for name, value in response.fields if name == b"etag")
    tag = next(tags, b"").strip(b'"').decode("latin-1")
    octets = json.dumps({"status": response.status, "tag": tag, "list": is_list}).encode()
    fields: Fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", b"application/json"),
        (b"cross-origin-resource-policy", b"same-origin"),
    )
    return Response(status=200, fields=fields, body=octets)


def _refused(response: Response, reason: str) -> Response:
    """``response``, with a reason for the error log."""
    return replace(response, refusal=reason, prepared=False)


def _events(body: bytes | Body) -> Response:
    fields: Fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-type", b"text/event-stream"),
        (b"cross-origin-resource-policy", b"same-origin"),
        # Proxies that gather octets before they pass them on would hold events back.
        (b"x-accel-buffering", b"no"),
    )
    return Response(status=200, fields=fields, body=body)


def _page(status: int, octets: bytes, *, head: bool) -> Response:
    fields = (
        SERVER_FIELD,
        (b"cache-control", b"no-store"),
        (b"content-length", b"%d" % len(octets)),
        (b"content-type", b"text/html; charset=utf-8"),
    )
    return Response(status=status, fields=fields, body=b"" if head else octets, early=True)
