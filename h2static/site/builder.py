"""From the cache key of a request to a response, by looking at the files.

Contract: a :class:`ResponseBuilder` looks at everything once, remembers nothing and changes nothing
that another thread could miss; it may be used in any thread.  A :class:`BuiltResponse` says what
the response depends on, and which contents were read on the way.  Without ``blocking`` it raises
:class:`~h2static.site.contents.WouldBlockError` rather than read what is not in the page cache.

Errors have two sources: :class:`~h2static.site.errors.SiteError` (rules of HTTP and of the site)
and ``OSError`` (the file system).
"""

from __future__ import annotations

import errno
from dataclasses import dataclass, field
from typing import TypeAlias

from h2static.http.fields import SERVER_FIELD
from h2static.http.messages import Response
from h2static.site.bundles import Names
from h2static.site.cache_key import CacheKey
from h2static.site.conditional import Validators
from h2static.site.contents import FileContent, WouldBlockError, content_tag
from h2static.site.errors import SiteError, is_lasting, site_error
from h2static.site.files import Dependencies, Folder, OpenFile, Walk
from h2static.site.hints.delivery import PushHints
from h2static.site.hints.planner import PushPlanner
from h2static.site.listing import listing_json, listing_page, read_listing
from h2static.site.mediatypes import BEGINNING
from h2static.site.negotiation import (
    IDENTITY,
    choose_alone,
    choose_coding,
    prefers_json,
    wants_page,
)
from h2static.site.netlify import FILES as NETLIFY_FILES
from h2static.site.netlify import NetlifyRules
from h2static.site.paths import Target, encode_path, join_path, parse_target
from h2static.site.redirects import REDIRECT_STATUSES, Match, find_redirect
from h2static.site.representation import OctetContent, Representation, prepare, with_rules
from h2static.site.rules import IMMUTABLE, REVALIDATE
from h2static.site.setup import READ_METHODS, Setup
from h2static.site.sources import FileSource
from h2static.site.variants import Variants, inner_name

#: The methods of RFC 9110 section 9.3 and RFC 5789: known, so 405 and not 501.
KNOWN_METHODS = frozenset(
    (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH")
)
#: What a name leads to: a folder, a file, or siblings by coding of a file that is not there.
Place: TypeAlias = Folder | OpenFile | dict[bytes, OpenFile]

NETLIFY_PATHS = tuple((name,) for name in NETLIFY_FILES)


@dataclass(slots=True, kw_only=True)
class BuiltResponse:
    """A response and what it was made of."""

    response: Response
    dependencies: Dependencies
    #: Whether it would be the same with any other query.
    any_query: bool = False
    #: Contents that were read or used.
    contents: list[FileContent] = field(default_factory=list)


class ResponseBuilder:
    """The making of one response: what was asked, and what was found on the way."""

    def __init__(self, setup: Setup, cache_key: CacheKey, *, blocking: bool) -> None:
        now = setup.clock()
        self.setup = setup
        self.limits = setup.limits
        self.cache_key = cache_key
        self.blocking = blocking
        self.now = now
        self.dependencies = Dependencies(now)
        self.source = FileSource(setup.shared, self.dependencies, now, blocking=blocking)
        self.netlify = NetlifyRules() if setup.netlify is None else setup.netlify.rules
        self.rules = setup.rules(self.netlify)
        #: Whether a query would change nothing.
        self.any_query = False
        #: The decoded path of the request, for rules; as sent until it is decoded.
        self.path = cache_key.path.partition(b"?")[0]

    def finish(self, response: Response) -> BuiltResponse:
        """``response`` with what was found on the way."""
        return BuiltResponse(
            response=response,
            dependencies=self.dependencies,
            any_query=self.any_query,
            contents=self.source.used,
        )

    def build(self) -> BuiltResponse:
        """The response from the files as they are now.

        Raises :class:`~h2static.site.sources.ChangedError` when a file changed meanwhile, and
        :class:`~h2static.site.contents.WouldBlockError` where that is not allowed.
        """
        try:
            with self.setup.walk(self.dependencies) as walk:
                response = self._by_method(walk)
        except SiteError as error:
            response = self.error(error)
        except OSError as error:
            self.dependencies.settled &= is_lasting(error)
            response = self.error(site_error(error))
        return self.finish(response)

    def _by_method(self, walk: Walk) -> Response:
        if self.setup.netlify is not None:
            self.netlify = self.setup.netlify.refresh(walk, self.dependencies)
            self.rules = self.setup.rules(self.netlify)
        method, path = self.cache_key.method, self.cache_key.path
        if method in READ_METHODS:
            return self._read(walk, parse_target(path, self.limits))
        if method == b"OPTIONS":
            if path != b"*":
                self.path = parse_target(path, self.limits).path
            # RFC 9110 section 8.6: "MUST NOT send a Content-Length header field in any response
            # with a status code of ... 204".
            head = dict([SERVER_FIELD, self.setup.allow()])
            return Response(status=204, fields=with_rules(head, self.rules.fields(self.path)))
        # RFC 9110 section 15.5.6: "MUST generate an Allow header field in a 405 response".
        if method in KNOWN_METHODS:
            raise SiteError(405, self.setup.allow())
        raise SiteError(501)

    def _read(self, walk: Walk, target: Target) -> Response:
        """The response to GET or HEAD for ``target``."""
        self.path = target.path
        if not target.canonical:
            return self._rewritten(target, directory=target.directory)
        match = find_redirect(self.netlify.redirects, self.path, target.query, self.limits)
        if match is not None and match.redirect.force:
            return self._follow(walk, match)
        try:
            return self._serve(walk, target)
        except (FileNotFoundError, NotADirectoryError):
            if match is not None:
                return self._follow(walk, match)
            spa = self.setup.spa
            if spa is None or not self._is_page(target):
                raise
            return self._serve_names(walk, spa)

    def _is_page(self, target: Target) -> bool:
        """Whether a path may be one that a single-page application routes by itself.

        A missing script or image is missing, and so is what an application fetches: HTML in its
        place would only hide the fault.
        """
        name = target.names[-1] if target.names else b""
        media_types = self.setup.media_types
        if media_types.knows(name) and not media_types.of(name).startswith(b"text/html"):
            return False
        return wants_page(self.cache_key.accept, self.cache_key.sec_fetch_dest, self.limits)

    def _rewritten(self, target: Target, *, directory: bool) -> Response:
        """301 to another way of writing the path; relative to the host, query kept."""
        location = encode_path(target.names, directory=directory)
        if target.query is not None:
            location += b"?" + target.query
        return self._redirect(301, location)

    def _redirect(self, status: int, location: bytes) -> Response:
        """A redirection to ``location``, without content."""
        # A 301 may be stored for ever (RFC 9110 section 15.4.2) unless it is told otherwise; what
        # is a folder today is a file tomorrow.
        head = dict([SERVER_FIELD])
        head[b"cache-control"] = REVALIDATE
        head[b"content-length"] = b"0"
        head[b"location"] = location
        return Response(status=status, fields=with_rules(head, self.rules.fields(self.path)))

    def _follow(self, walk: Walk, match: Match) -> Response:
        """The response that a rule of ``_redirects`` asks for."""
        status = match.redirect.status
        if status in REDIRECT_STATUSES:
            return self._redirect(status, match.target)
        target = parse_target(match.target.partition(b"#")[0], self.limits)
        return self._serve_names(walk, target.names, status)

    def _serve(self, walk: Walk, target: Target) -> Response:
        parent, place = self._find(walk, target.names)
        if not isinstance(place, Folder):
            if target.directory:
                raise NotADirectoryError(errno.ENOTDIR, "a file has no slash at its end")
            return self._file(walk, parent, target.names, place)
        if not target.directory:
            return self._rewritten(target, directory=True)
        try:
            return self._index(walk, place, target.names)
        except FileNotFoundError:
            if not self.setup.config.listing:
                raise
            return self._listing(walk, place, target.names)

    def _serve_names(self, walk: Walk, names: Names, status: int = 200) -> Response:
        """The response with the file that an option or a rule names."""
        parent, place = self._find(walk, names)
        if isinstance(place, Folder):
            return self._index(walk, place, names, status)
        return self._file(walk, parent, names, place, status)

    def _find(self, walk: Walk, names: Names) -> tuple[Folder, Place]:
        """What ``names`` lead to, and the folder that the last of them is in."""
        if self.setup.netlify is not None and names in NETLIFY_PATHS:
            raise SiteError(404)
        folder = walk.root()
        if not names:
            return folder, folder
        for name in names[:-1]:
            found = walk.step(folder, name)
            if isinstance(found, OpenFile):
                raise NotADirectoryError(errno.ENOTDIR, "a file has no files in it")
            folder = found
        return folder, self._step(walk, folder, names[-1])

    def _step(self, walk: Walk, folder: Folder, name: bytes) -> Place:
        """What ``name`` is in ``folder``."""
        try:
            return walk.step(folder, name)
        except FileNotFoundError:
            siblings = self._variants(walk).alone(folder, name)
            if not siblings:
                raise
            return siblings

    def _variants(self, walk: Walk) -> Variants:
        unused = self.setup.unused_siblings
        return Variants(walk, self.dependencies, self.source, unused, self.limits)

    def _index(self, walk: Walk, folder: Folder, names: Names, status: int = 200) -> Response:
        index = self.setup.index
        found = self._step(walk, folder, index)
        if isinstance(found, Folder):
            raise FileNotFoundError(errno.ENOENT, "the index is a folder")
        return self._file(walk, folder, (*names, index), found, status)

    def _listing(self, walk: Walk, folder: Folder, names: Names) -> Response:
        """The list of a folder's files, as HTML or JSON."""
        if not self.blocking:
            raise WouldBlockError
        # The files' sizes and dates change without a change of the folder.
        self.dependencies.settled = False
        private = NETLIFY_FILES if self.setup.netlify is not None and not names else ()
        listing = read_listing(walk, folder, names, private, self.limits)
        form, media_type = listing_page, b"text/html; charset=utf-8"
        if prefers_json(self.cache_key.accept, self.limits):
            form, media_type = listing_json, b"application/json"
        octets = self.setup.lists.octets(listing, form)
        representation = Representation(
            content=OctetContent(octets=octets),
            length=len(octets),
            media_type=media_type,
            cache_control=REVALIDATE,
            validators=Validators(etag=content_tag(octets), modified=None),
            vary=b"accept",
            fields=self.rules.fields(self.path),
        )
        return prepare(self.cache_key, representation, self.now, limits=self.limits)

    def _file(
        self,
        walk: Walk,
        folder: Folder,
        names: Names,
        place: OpenFile | dict[bytes, OpenFile],
        status: int = 200,
    ) -> Response:
        """The response with a file in ``folder`` or one of its precompressed siblings."""
        # Rules of ``_redirects`` may look at the query; nothing else of a file does.
        self.any_query = self.setup.netlify is None
        name = names[-1]
        cache_control, file_path, stored = REVALIDATE, None, None
        if status == 200:
            if self.setup.bundles.lasts(names, blocking=self.blocking):
                cache_control = IMMUTABLE
            file_path = join_path(names, directory=False)
            stored = self.rules.stored_coding(file_path)
        #: The file without any coding, where there is one.
        plain: OpenFile | None = None
        vary = b"accept-encoding"
        if not isinstance(place, OpenFile):
            coding = self._choose(place)
            found = self.source.content(place[coding])
        elif stored is None:
            plain = place
            variants = self._variants(walk).of(folder, name, place)
            coding = self._choose(variants)
            found = self.source.content(variants[coding])
            if len(variants) == 1:
                vary = b""
        else:
            # Who asks for it by this name knows in what coding it is stored.
            coding, vary, name = stored, b"", inner_name(name)
            found = self.source.content(place)
            # RFC 9110 section 8.8.3.3: with another coding it is another representation.
            found.etag = found.etag[:-1] + b"-" + stored + b'"'
        media_type = self._media_type(name, plain)
        representation = Representation(
            content=found.content,
            length=found.length,
            media_type=media_type,
            cache_control=cache_control,
            validators=self.source.validators(found) if status == 200 else None,
            coding=None if coding == IDENTITY else coding,
            vary=vary,
            ranges=status == 200,
            fields=self.rules.fields(self.path, file_path),
        )
        response = prepare(self.cache_key, representation, self.now, status, self.limits)
        planner = self.setup.push_source.planner
        if planner is not None and response.status == 200:
            response.hints = self._hints(planner, plain, media_type)
        return response

    def _media_type(self, name: bytes, plain: OpenFile | None) -> bytes:
        media_types = self.setup.media_types
        beginning = b""
        if plain is not None and media_types.depends_on_content(name):
            beginning = self.source.part(plain, 0, BEGINNING)
        return media_types.of(name, beginning)

    def _choose(self, variants: dict[bytes, OpenFile]) -> bytes:
        """The coding to send.  Raises :class:`SiteError` for 406."""
        accepted = self.cache_key.accept_encoding
        sizes = {coding: file.version.size for coding, file in variants.items()}
        if IDENTITY in variants:
            return choose_coding(accepted, sizes, self.limits)
        coding = choose_alone(accepted, sizes, self.limits)
        if coding is None:
            # RFC 9110 section 15.5.7; a cache must not give it to those who accept.
            raise SiteError(406, (b"vary", b"accept-encoding"))
        return coding

    def _hints(
        self, planner: PushPlanner, plain: OpenFile | None, media_type: bytes
    ) -> PushHints | None:
        """What the page will need."""
        if (
            plain is None
            or not media_type.startswith(b"text/html")
            or plain.version.size > self.limits.hint_page
        ):
            return planner.hints_for(self.path, b"")
        own = self.source.content(plain)
        return planner.hints_for(self.path, own.etag, lambda: self.source.octets(plain))

    def error(self, error: SiteError) -> Response:
        """The response for ``error``: the owner's page, or the server's own."""
        response = self._error(error)
        response.refusal = error.refusal
        return response

    def _error(self, error: SiteError) -> Response:
        names = self.setup.error_files.get(error.status)
        if names is not None:
            try:
                with self.setup.walk(self.dependencies) as walk:
                    response = self._serve_names(walk, names, error.status)
            except FileNotFoundError:
                pass
            except (SiteError, OSError):
                self.dependencies.settled = False
            else:
                response.fields = with_rules(dict(response.fields), error.fields)
                return response
        return self.default_error(error)

    def default_error(self, error: SiteError) -> Response:
        """The response for ``error`` with the server's own page."""
        error_gzip = self.setup.config.error_gzip
        octets, coding = self.setup.error_pages.get(
            error.status, self.cache_key.accept_encoding if error_gzip else None
        )
        representation = Representation(
            content=OctetContent(octets=octets),
            length=len(octets),
            media_type=b"text/html; charset=utf-8",
            cache_control=REVALIDATE,
            coding=coding,
            vary=b"accept-encoding" if error_gzip else b"",
            fields=(*error.fields, *self.rules.fields(self.path)),
        )
        response = prepare(self.cache_key, representation, self.now, error.status)
        # Whatever the content of such a request is, it does not change the answer.
        response.early = error.status in (405, 501)
        return response
