"""The site: an application that answers from the files below a root.

Contract: :class:`Site` is an :class:`~h2static.http.exchange.Application` and a
:class:`~h2static.http.lifecycle.Lifecycle`, used by one thread.  It waits for no disk there: what
would is a job for another thread.  It never raises for a request.  Equal requests get the same
``Response`` object, marked ``prepared``, as long as no file that it depends on has changed.

:meth:`Site.look` is public to wrappers and to hints: it answers without an exchange, changes
nothing but the site's own memory, and may be asked any number of times.

Freshness: a response is never older than its batch.  An engine that answers several requests at a
time calls :meth:`Site.new_batch` after reading them and before answering them; one that never does
gets every file looked at for every request.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from h2static.http.exchange import Exchange, ResponseJob
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.site.bodies import FileAccess, Submit
from h2static.site.builder import BuiltResponse
from h2static.site.cache_key import CacheKey, CacheKeys, cache_key_of
from h2static.site.change_watch import ChangeWatch
from h2static.site.config import SiteConfig
from h2static.site.contents import Contents
from h2static.site.errors import WouldBlockError
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.list_memory import ANYHOW, Alone
from h2static.site.paths import split_path
from h2static.site.respond import refuse, respond
from h2static.site.response_cache import ResponseCache, is_fresh
from h2static.site.setup import UPLOAD_METHODS, Setup
from h2static.site.uploads import EchoUpload, UploadBudget


def run_at_once(job: Callable[[], None]) -> None:
    """Run a job in the calling thread: for programs without a pool of threads."""
    job()


class SiteMemory(NamedTuple):
    """What a site holds at a moment."""

    #: Remembered responses, by what they depend on and by request.
    responses: int
    requests: int
    #: Files and folders whose state is known.
    paths: int
    #: Of these, what the kernel watches.
    watches: int
    #: Octets of files in the cache.
    kept_octets: int
    #: Octets of files and lists that anybody holds: the cache, responses, streams.
    held_octets: int


class Neighbours:
    """What is served beside a site by others."""

    __slots__ = ("_look", "bases")

    def __init__(self, bases: Iterable[str]) -> None:
        """``bases``: the paths below which sites are served, as for :class:`Site`."""
        self.bases = tuple([split_path(os.fsencode(base)) for base in bases])
        self._look: Callable[[Request], Response | ResponseJob] | None = None

    def introduce(self, look: Callable[[Request], Response | ResponseJob]) -> None:
        """``look`` is as :meth:`Site.look`, over all sites; they are there now."""
        self._look = look

    def look(self, request: Request) -> Response | ResponseJob:
        """What ``request`` gets, whoever serves it."""
        assert self._look is not None
        return self._look(request)


class Site(Lifecycle):
    """A folder and the rules by which it is served."""

    def __init__(
        self,
        config: SiteConfig,
        *,
        clock: Callable[[], float],
        submit: Submit = run_at_once,
        limits: SiteLimits | None = None,
        alone: Alone = ANYHOW,
        falls_through: bool = False,
        survey: bool = True,
        base: str = "",
        neighbours: Neighbours | None = None,
    ) -> None:
        """``clock`` gives the seconds since 1970; ``submit`` runs blocking jobs elsewhere.

        ``survey``: whether to look through the folder at the start for files that will not be sent
        as one might expect; one of several workers is enough.

        ``alone``: what jobs enter, where several threads do them, to take turns at computing that
        takes much room; a lock.  ``falls_through``: others answer where the site has nothing.  The
        response is :data:`~h2static.site.builder.ABSENT` then, whatever the method.  ``base``: the
        path below which the site is served, such as ``/docs``, decoded; all paths that the rules of
        ``config`` name have it in front.  ``neighbours``: what is served beside this site, which
        its pages may have hints for.

        Raises ``ValueError`` or ``OSError`` with one clear line when the configuration names what
        does not exist or has faults.
        """
        root = os.path.abspath(os.fsencode(config.root))
        if not os.path.isdir(root):
            raise NotADirectoryError(f"{config.root} is not a folder")
        limits = DEFAULTS if limits is None else limits
        self._contents = Contents(config.cache_size, limits)
        self._access = FileAccess(submit=submit, limits=limits)
        self._setup = Setup(
            config,
            root,
            self._contents,
            clock,
            self._access,
            self.look if neighbours is None else neighbours.look,
            alone=alone,
            falls_through=falls_through,
            base=split_path(os.fsencode(base)),
            neighbours=() if neighbours is None else neighbours.bases,
        )
        # Where links may lead anywhere, changes on the way there would go unseen.
        change_watch = None if config.follow_symlinks else ChangeWatch(root, limits)
        self._responses = ResponseCache(change_watch, limits)
        self._epoch = self._responses.epoch
        self._clock = clock
        pages = config.spa is not None
        self._keys = CacheKeys(
            accept=pages or config.listing,
            destination=pages,
            languages=self._setup.languages,
        )
        self._uploads = UploadBudget(limits=limits) if config.echo_upload else None
        self._survey = survey
        self._has_batches = False
        #: Whether what was recalled since the last batch began is of watched files alone, and
        #: whether all of it is still right.
        self._all_watched = True
        self._lasting = False
        #: Responses that other threads built and this one has not remembered yet.
        self._built: deque[tuple[CacheKey, BuiltResponse]] = deque()

    @property
    def access(self) -> FileAccess:
        """How its files are read; for others who send files."""
        return self._access

    @property
    def memory(self) -> SiteMemory:
        """What the site holds now."""
        change_watch = self._epoch.change_watch
        return SiteMemory(
            responses=self._responses.size,
            requests=len(self._responses.by_request),
            paths=self._responses.paths,
            watches=0 if change_watch is None else change_watch.size,
            kept_octets=self._contents.kept,
            held_octets=self._contents.held + self._setup.lists.held,
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was left out of ``_headers``, ``_redirects`` and push rules, one line each."""
        return self._setup.warnings()

    @property
    def notices(self) -> tuple[str, ...]:
        """What the owner of the site may want to know besides, one line each: files that are not
        sent as one might expect."""
        return self._setup.notices()

    def start(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`."""
        if self._survey:
            self._access.submit(self._setup.unused_siblings.survey)

    def concerns(self, names: tuple[bytes, ...]) -> bool:
        """Whether any response may change with the file or folder of these names, from the root
        on, or with what is below it.  May be called in any thread."""
        return self._setup.concerns(names)

    def refresh_push_rules(self, *, look_at_targets: bool) -> bool:
        """Read the push rules again if they changed, where the configuration is lenient.

        ``look_at_targets``: also find out which files that they name have come or gone.  Where it
        is true, :meth:`forget` is to be called: responses of before have the hints of before.
        Blocks; may be called in another thread, one at a time.
        """
        return self._setup.push_source.refresh(look_at_targets=look_at_targets)

    def refresh_netlify(self) -> None:
        """Read ``_headers`` and ``_redirects`` again if they changed, as each response does.

        For those who want to know of :attr:`warnings` before anything is asked.  Blocks; may be
        called in another thread.
        """
        self._setup.refresh_netlify()

    def new_batch(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`."""
        self._has_batches = True
        epoch = self._epoch
        epoch.begin(self._clock())
        self._lasting = self._all_watched and epoch.since < epoch.batch
        self._all_watched = True

    @property
    def lasting(self) -> bool:
        """See :class:`h2static.http.lifecycle.Lifecycle`."""
        return self._lasting

    def release(self) -> None:
        """Forget responses that were not used since the last call, and so close the files that they
        keep open, and lists."""
        # Those that other threads made and nobody has asked for since are not even remembered yet.
        self._built.clear()
        self._responses.release()
        self._setup.release()

    def forget(self) -> None:
        """Forget all responses and lists.  What is in use comes back with its next request."""
        self._built.clear()
        self._responses.forget()
        self._setup.release()
        self._all_watched = self._lasting = False

    def shrink(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`."""
        self.forget()
        self._contents.forget()

    def recall(self, request: Request) -> Response | None:
        """See :class:`h2static.http.exchange.Application`."""
        if not self._has_batches:
            self._epoch.begin(self._clock())
        known = self._responses.by_request.get(request)
        if known is None:
            # Another request may have been equal in all that matters.
            if self.echoes(request):
                return None
            response = self._responses.find_equal(request, self._keys.of(request))
            if response is None or not response.prepared:
                return None
            self._all_watched = False
            return response
        epoch = self._epoch
        if known.batch >= (epoch.since if known.watched else epoch.batch) or is_fresh(known, epoch):
            if not known.watched:
                self._all_watched = False
            return known.response
        return None

    def handle(self, exchange: Exchange) -> None:
        """See :class:`h2static.http.exchange.Application`."""
        request = exchange.request
        if self.echoes(request):
            self.echo(exchange)
            return
        found = self.look(request)
        if isinstance(found, Response):
            exchange.respond(found)
        else:
            exchange.work(found)

    def echoes(self, request: Request) -> bool:
        """Whether the response to ``request`` is its own content."""
        return self._uploads is not None and request.method in UPLOAD_METHODS

    def echo(self, exchange: Exchange) -> None:
        """Respond with the content of the request; for those of which :meth:`echoes` says so."""
        assert self._uploads is not None
        exchange.accept(EchoUpload(exchange, self._uploads, self.refuse, self._access))

    def look(self, request: Request) -> Response | ResponseJob:
        """The response to ``request``, or a job that makes it where that may block.

        For POST and PUT this is what they get where the site echoes no uploads.
        """
        if not self._has_batches:
            self._epoch.begin(self._clock())
        while self._built:
            cache_key, built = self._built.popleft()
            self._remember(cache_key, built, batch=0)
        cache_key = self._keys.of(request)
        response = self._responses.find_equal(request, cache_key)
        if response is not None:
            return response
        try:
            built = respond(self._setup, cache_key, blocking=False)
        except WouldBlockError:
            return partial(self._respond_elsewhere, cache_key)
        return self._remember(cache_key, built, self._epoch.batch)

    def _respond_elsewhere(self, cache_key: CacheKey) -> Response:
        """The response for ``cache_key``, made in another thread; it is remembered later."""
        built = respond(self._setup, cache_key, blocking=True)
        self._built.append((cache_key, built))
        return built.response

    def _remember(self, cache_key: CacheKey, built: BuiltResponse, batch: int) -> Response:
        self._setup.lists.settle()
        dropped = False
        for content in built.contents:
            dropped |= self._contents.remember(content)
        if dropped:
            # Responses hold the octets that are to make room.
            self._responses.forget()
        if built.response.refusal is not None:
            # The error log is told of each one; what memories find is told to nobody.
            return built.response
        return self._responses.remember(cache_key, built, batch)

    def refuse(self, status: int, request: Request | None) -> Response:
        """See :class:`h2static.http.exchange.Application`."""
        cache_key = CacheKey(b"GET", b"/") if request is None else cache_key_of(request)
        return refuse(self._setup, cache_key, status).response
