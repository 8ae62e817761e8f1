"""Building a response for a request's cache key from the files.

Contract: a :class:`ResponseBuilder` checks everything once, caches nothing and changes no shared
state; it may be used in any thread.  A :class:`BuiltResponse` lists what the response depends on,
and the contents read on the way.  Without ``blocking`` it raises
:class:`~h2static.site.errors.WouldBlockError` instead of reading what is not in the page cache.

Errors: :class:`~h2static.site.errors.SiteError` (HTTP and the site) and ``OSError`` (files).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from h2static.http.fields import SERVER_FIELD, SET_COOKIE
from h2static.http.messages import Response
from h2static.site.cache_key import CacheKey
from h2static.site.compression import Compression, Unknown
from h2static.site.conditional import Validators
from h2static.site.contents import FileContent, content_tag
from h2static.site.errors import SiteError, WouldBlockError, is_absent, is_lasting, site_error
from h2static.site.files import Dependencies, Folder, OpenFile, Walk
from h2static.site.hints.delivery import PushHints
from h2static.site.hints.planner import PushPlanner
from h2static.site.list_memory import Form
from h2static.site.list_view import read_view
from h2static.site.listing import ListPage, listing_json, read_after, read_listing
from h2static.site.lookup import Elsewhere, FoundFile, Lookup
from h2static.site.mediatypes import BEGINNING
from h2static.site.negotiation import (
    IDENTITY,
    choose_alone,
    choose_coding,
    prefers_json,
    wants_page,
)
from h2static.site.netlify import NetlifyRules
from h2static.site.paths import Names, Target, encode_path, join_path
from h2static.site.redirects import REDIRECT_STATUSES, Match
from h2static.site.representation import (
    OctetContent,
    Representation,
    forbids_coding,
    join_vary,
    prepare,
    with_rules,
)
from h2static.site.rules import IMMUTABLE, REVALIDATE
from h2static.site.setup import READ_METHODS, Setup
from h2static.site.sources import FileSource, FoundContent
from h2static.site.translations import Translation, translate
from h2static.site.variants import Variants, inner_name

#: The methods of RFC 9110 section 9.3 and RFC 5789: known, so they get 405, not 501.
KNOWN_METHODS = frozenset(
    (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH")
)
#: Response of a site that falls through if it has no file: a signal for wrappers, never sent.
ABSENT: Final = Response(status=404, fields=(SERVER_FIELD, (b"content-length", b"0")))

#: The same object each time, so that data derived from it is cached.
_NO_NETLIFY: Final = NetlifyRules()


@dataclass(slots=True, kw_only=True)
class BuiltResponse:
    """A response and what it was built from."""

    response: Response
    dependencies: Dependencies
    #: Whether any other query would give the same response.
    any_query: bool = False
    #: Whether it depends on more than its dependencies, so it must not be cached for long.
    brief: bool = False
    #: Contents that were read or used.
    contents: list[FileContent] = field(default_factory=list)


class ResponseBuilder:
    """Builds one response: the request, and what was found on the way."""

    def __init__(self, setup: Setup, cache_key: CacheKey, *, blocking: bool) -> None:
        now = setup.clock()
        self.setup = setup
        self.limits = setup.limits
        self.cache_key = cache_key
        self.blocking = blocking
        self.now = now
        self.dependencies = Dependencies(now)
        self.source = FileSource(setup.shared, self.dependencies, now, blocking=blocking)
        self.netlify = _NO_NETLIFY if setup.netlify is None else setup.netlify.rules
        self.rules = setup.rules(self.netlify)
        #: Whether the query has no influence.
        self.any_query = False
        #: Whether pages or the time of day had an influence; an If-Range date becomes strong later.
        self.brief = cache_key.if_range is not None
        #: The decoded path of the request, for rules; undecoded at first.
        self.path = cache_key.path.partition(b"?")[0]

    def finish(self, response: Response) -> BuiltResponse:
        """``response`` together with what was found on the way."""
        return BuiltResponse(
            response=response,
            dependencies=self.dependencies,
            any_query=self.any_query,
            brief=self.brief,
            contents=self.source.used,
        )

    def build(self) -> BuiltResponse:
        """Build the response from the current files.

        Raises :class:`~h2static.site.errors.ChangedError` if a file changes meanwhile, and
        :class:`~h2static.site.errors.WouldBlockError` if it would block and must not.
        """
        try:
            with self.setup.walk(self.dependencies) as walk:
                response = self._by_method(walk)
        except SiteError as error:
            response = self._answer_to(error)
        except OSError as error:
            self.dependencies.settled &= is_lasting(error)
            response = self._answer_to(site_error(error))
        return self.finish(response)

    def _answer_to(self, error: SiteError) -> Response:
        """The response for an error found while building."""
        if self.setup.falls_through and error.status == 404:
            return ABSENT
        return self.error(error)

    def _by_method(self, walk: Walk) -> Response:
        if self.setup.netlify is not None:
            self.netlify = self.setup.netlify.refresh(
                walk, self.dependencies, blocking=self.blocking
            )
            self.rules = self.setup.rules(self.netlify)
        if not self.blocking and (
            self.rules.most + self.netlify.redirects.most > self.limits.rules_at_once
        ):
            raise WouldBlockError
        method, path = self.cache_key.method, self.cache_key.path
        if method in READ_METHODS:
            return self._read(walk, self.setup.target(path))
        if self.setup.falls_through and path != b"*":
            # First check whether the path is ours, then the method.
            target = self.setup.target(path)
            self._check_presence(walk, target, directory=target.directory)
        if method == b"OPTIONS":
            if path != b"*":
                self.path = self.setup.target(path).path
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
            self._check_presence(walk, target, directory=target.directory)
            return self._rewritten(target, directory=target.directory)
        names = target.base + target.names
        match = self.netlify.redirects.find(names, target.query, self.limits)
        if match is not None and match.redirect.force:
            return self._follow(walk, match)
        try:
            return self._serve(walk, target)
        except OSError as error:
            # Treat every kind of absence in the same way.
            if not is_absent(error):
                raise
            spa = self.setup.spa
            if match is None and (spa is None or not self._is_page(target)):
                raise
            self.dependencies.settled &= is_lasting(error)
        if match is not None:
            return self._follow(walk, match)
        assert spa is not None
        return self._file(walk, self._lookup(walk).owners_file(spa))

    def _lookup(self, walk: Walk) -> Lookup:
        return Lookup(self.setup.lookup_rules, walk, self._variants(walk).alone)

    def _is_page(self, target: Target) -> bool:
        """Whether a single-page application may route this path itself.

        Missing scripts and images, and missing data that an application fetches, are 404: HTML in
        their place would only hide the error.
        """
        name = target.names[-1] if target.names else b""
        media_types = self.setup.media_types
        if media_types.knows(name) and not media_types.of(name).startswith(b"text/html"):
            return False
        return wants_page(self.cache_key.accept, self.cache_key.sec_fetch_dest, self.limits)

    def _rewritten(self, target: Target, *, directory: bool) -> Response:
        """301 to the normalized path, relative to the host, keeping the query."""
        location = encode_path(target.base + target.names, directory=directory)
        if target.query is not None:
            location += b"?" + target.query
        return self._redirect(301, location)

    def _redirect(self, status: int, location: bytes) -> Response:
        """A redirection to ``location``, without content."""
        # A 301 may be stored forever (RFC 9110 section 15.4.2) unless it says otherwise; what
        # is a folder today may be a file tomorrow.
        head = dict([SERVER_FIELD])
        head[b"cache-control"] = REVALIDATE
        head[b"content-length"] = b"0"
        head[b"location"] = location
        return Response(status=status, fields=with_rules(head, self.rules.fields(self.path)))

    def _follow(self, walk: Walk, match: Match) -> Response:
        """The response that a rule in ``_redirects`` demands."""
        status = match.redirect.status
        if status in REDIRECT_STATUSES:
            return self._redirect(status, match.target)
        # A client's value for a placeholder must not lead out of the rule's folder.
        target = self.setup.target(match.target.partition(b"#")[0], dot_segments=False)
        try:
            return self._file(walk, self._lookup(walk).file(target.names), status)
        except OSError as error:
            if status == 200 or not is_absent(error):
                raise
            # The rule means the status, whether or not there is a page for it.
            self.dependencies.settled &= is_lasting(error)
            raise SiteError(status) from error

    def _serve(self, walk: Walk, target: Target) -> Response:
        found = self._lookup(walk).resolve(target.names, directory=target.directory)
        if isinstance(found, FoundFile):
            return self._file(walk, found)
        if isinstance(found, Elsewhere):
            self._check_presence(walk, target, directory=found.directory)
            return self._rewritten(target, directory=found.directory)
        return self._listing(walk, found, target)

    def _check_presence(self, walk: Walk, target: Target, *, directory: bool) -> None:
        """Raise the ``OSError`` of an absent file, if another application answers for it.

        ``directory``: whether the path ends with a slash, now or after normalization.
        """
        if self.setup.falls_through:
            self._lookup(walk).resolve(target.names, directory=directory)

    def _variants(self, walk: Walk) -> Variants:
        setup = self.setup
        return Variants(
            walk,
            self.dependencies,
            self.source,
            setup.unused_siblings,
            setup.coded_names,
            self.limits,
        )

    def _listing(self, walk: Walk, folder: Folder, target: Target) -> Response:
        """The list of a folder's files, as HTML or JSON."""
        if not self.blocking:
            raise WouldBlockError
        # Sizes and dates of files change without a change to the folder.
        self.dependencies.settled = False
        after = read_after(target.query, self.limits)
        # During development there are few lists, and the pictures are local.
        view = read_view(target.query, self.limits, thumbnails=self.setup.config.lenient)
        listing = read_listing(
            walk,
            folder,
            target.names,
            self.setup.public,
            after=after,
            wanted=view.filter,
            limits=self.limits,
        )
        form: Form = ListPage(view)
        media_type = b"text/html; charset=utf-8"
        if prefers_json(self.cache_key.accept, self.limits):
            form, media_type = listing_json, b"application/json"
        # Readers identify the folder by its whole path.
        listing = replace(listing, names=target.base + listing.names)
        octets = self.setup.lists.octets(listing, form, after=after)
        fields = self.rules.fields(self.path)
        if listing.next:
            # RFC 8288: relative to the address of the list.
            fields = ((b"link", b'<%b>; rel="next"' % listing.next.encode()), *fields)
        representation = Representation(
            content=OctetContent(octets=octets),
            length=len(octets),
            media_type=media_type,
            cache_control=REVALIDATE,
            validators=Validators(etag=content_tag(octets), modified=None),
            vary=b"accept",
            fields=fields,
        )
        return prepare(self.cache_key, representation, self.now, limits=self.limits)

    def _file(self, walk: Walk, found: FoundFile, status: int = 200) -> Response:
        """The response with a file or one of its precompressed siblings in the same folder."""
        translation = Translation(found, language=None, chosen=False)
        if self.setup.languages is not None:
            accepted = self.cache_key.accept_language
            lookup = self._lookup(walk)
            translation = translate(
                self.setup.languages, accepted, found, lookup, self.dependencies
            )
        folder, names, place = translation.file
        # Rules in ``_redirects`` may use the query; nothing else about a file does.  A failure may
        # depend on a query.
        self.any_query = status == 200 and self.setup.netlify is None
        name = names[-1]
        cache_control, file_path, stored = REVALIDATE, None, None
        if status == 200:
            lasts = self.setup.bundles.lasts(names)
            if lasts is None:
                self.brief = True
                lasts = self.setup.bundles.is_named(names, blocking=self.blocking)
            if lasts:
                cache_control = IMMUTABLE
            file_path = join_path(self.setup.base + names, directory=False)
            stored = self.rules.stored_coding(file_path)
        #: The file without any coding, if there is one.
        plain: OpenFile | None = None
        vary = b"accept-encoding"
        if not isinstance(place, OpenFile):
            coding = self._choose(place)
            source = self.source.content(place[coding])
        elif stored is None:
            plain = place
            variants = self._variants(walk).of(folder, name, place)
            coding = self._choose(variants)
            source = self.source.content(variants[coding])
            if len(variants) == 1:
                vary = b""
        else:
            # A client that requests this name knows in what coding it is stored.
            coding, vary, name = stored, b"", inner_name(name)
            source = self.source.content(place)
            # RFC 9110 section 8.8.3.3: with another coding it is another representation.
            source.etag = source.etag[:-1] + b"-" + stored + b'"'
        media_type = self._media_type(name, plain)
        fields = self.rules.fields(self.path, file_path)
        compression = self.setup.compression
        if (
            compression is not None
            and plain is not None
            and status == 200
            and compression.applies(media_type, source.length)
            and not forbids_coding(fields)
        ):
            vary = b"accept-encoding"
            if coding == IDENTITY:
                coding, source = self._compressed(compression, source)
        validators = self.source.validators(source) if status == 200 else None
        if validators is not None and validators.modified == int(self.now):
            self.brief = True
        representation = Representation(
            content=source.content,
            length=source.length,
            media_type=media_type,
            cache_control=cache_control,
            validators=validators,
            coding=None if coding == IDENTITY else coding,
            language=translation.language,
            vary=join_vary(vary, b"accept-language") if translation.chosen else vary,
            ranges=status == 200,
            fields=fields,
        )
        response = prepare(self.cache_key, representation, self.now, status, self.limits)
        planner = self.setup.push_source.planner
        if planner is not None and response.status == 200:
            response.hints = self._hints(planner, plain, media_type)
        return response

    def _compressed(
        self, compression: Compression, source: FoundContent
    ) -> tuple[bytes, FoundContent]:
        """The coding in which to send ``source``, and its content in that coding."""
        coding = compression.choose(self.cache_key.accept_encoding)
        if coding is None:
            return IDENTITY, source
        if source.etag.startswith(b"W/"):
            # The file may be changing right now.
            self.brief = True
            return IDENTITY, source
        octets = compression.find(source.etag, coding)
        if isinstance(octets, Unknown):
            if not self.blocking:
                raise WouldBlockError
            whole = self.source.whole(source)
            octets = compression.make(source.etag, coding, whole, self.now)
            # There may be room next time.
            self.brief |= isinstance(octets, Unknown)
        if not isinstance(octets, bytes):
            return IDENTITY, source
        return coding, FoundContent(
            content=OctetContent(octets=octets, limits=self.limits),
            length=len(octets),
            etag=compression.tag(source.etag, coding),
            file=source.file,
        )

    def _media_type(self, name: bytes, plain: OpenFile | None) -> bytes:
        media_types = self.setup.media_types
        beginning = b""
        if plain is not None and media_types.depends_on_content(name):
            beginning = self.source.part(plain, 0, BEGINNING)
        return media_types.of(name, beginning)

    def _choose(self, variants: dict[bytes, OpenFile]) -> bytes:
        """Choose the coding to send.  Raises :class:`SiteError` for 406."""
        accepted = self.cache_key.accept_encoding
        sizes = {coding: file.version.size for coding, file in variants.items()}
        if IDENTITY in variants:
            return choose_coding(accepted, sizes, self.limits)
        coding = choose_alone(accepted, sizes, self.limits)
        if coding is None:
            # RFC 9110 section 15.5.7; caches must not give this to clients that accept the coding.
            raise SiteError(406, (b"vary", b"accept-encoding"))
        return coding

    def _hints(
        self, planner: PushPlanner, plain: OpenFile | None, media_type: bytes
    ) -> PushHints | None:
        """The hints for the resources that the page will need."""
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
                    found = self._error_file(self._lookup(walk), names)
                    response = self._file(walk, found, error.status)
            except FileNotFoundError:
                pass
            except (SiteError, OSError):
                self.dependencies.settled = False
            else:
                cookies = [field for field in response.fields if field[0] == SET_COOKIE]
                head = dict(field for field in response.fields if field[0] != SET_COOKIE)
                response.fields = with_rules(head, (*error.fields, *cookies))
                return response
        return self.default_error(error)

    def _error_file(self, lookup: Lookup, names: Names) -> FoundFile:
        """The owner's page for an error: one without a folder is searched in the folder of the
        request and those above it, because sections of a site may have their own pages."""
        if len(names) > 1:
            return lookup.owners_file(names)
        folders = tuple(self.path.split(b"/")[1:-1])
        base = self.setup.base
        # For an unreadable path not even the base is certain.
        folders = folders[len(base) :] if folders[: len(base)] == base else ()
        if not all(folders) or b"." in folders or b".." in folders or b"\0" in self.path:
            folders = ()
        try:
            return lookup.nearest_file(folders, names[0])
        except FileNotFoundError:
            return lookup.owners_file(names)

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
        # The content of such a request does not affect the answer.
        response.early = error.status in (405, 501)
        return response
