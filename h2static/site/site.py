"""The site: an application that serves the files below a root.

Contract: :class:`Site` is an :class:`~h2static.http.exchange.Application` and a
:class:`~h2static.http.lifecycle.Lifecycle`, used by one thread.  It never waits for a disk there:
anything that may do so is a job for another thread.  It never raises for a request.  Equal requests
get the same ``Response`` object, marked ``prepared``, as long as no file that it depends on has
changed.

:meth:`Site.look` is public for wrappers and hints: it responds without an exchange, changes only
the site's own caches, and may be called any number of times.

Freshness: a response is never older than its batch.  An engine that answers several requests at a
time calls :meth:`Site.new_batch` after reading them and before answering them; without these calls,
every file is checked for every request.
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
    """What a site holds in memory at some moment."""

    #: Cached responses, by cache key and by request.
    responses: int
    requests: int
    #: Files and folders whose state is known.
    paths: int
    #: How many of these the kernel watches.
    watches: int
    #: Octets of files in the cache.
    kept_octets: int
    #: Octets of files and lists held by the cache, by responses or by streams.
    held_octets: int


class Neighbours:
    """What other sites and applications serve alongside a site."""

    __slots__ = ("_look", "bases")

    def __init__(self, bases: Iterable[str]) -> None:
        """``bases``: the paths below which sites are served, as for :class:`Site`."""
        self.bases = tuple([split_path(os.fsencode(base)) for base in bases])
        self._look: Callable[[Request], Response | ResponseJob] | None = None

    def introduce(self, look: Callable[[Request], Response | ResponseJob]) -> None:
        """Set ``look``, which is like :meth:`Site.look` for all sites, once all sites exist."""
        self._look = look

    def look(self, request: Request) -> Response | ResponseJob:
        """The response to ``request``, from the site or application that serves it."""
        assert self._look is not None
        return self._look(request)


class Site(Lifecycle):
    """Serves a folder according to rules."""

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
        """``clock`` returns the seconds since 1970; ``submit`` runs blocking jobs elsewhere.

        ``survey``: whether to search the folder at the start for files that will not be sent as the
        owner might expect; one of several workers is enough.

        ``alone``: a lock that jobs hold during computations that need much memory, so that several
        threads take turns.  ``falls_through``: other applications answer if the site has nothing;
        the response is :data:`~h2static.site.builder.ABSENT` then, whatever the method.  ``base``:
        the decoded path below which the site is served, such as ``/docs``; all paths in the rules
        of ``config`` begin with it.  ``neighbours``: what is served alongside this site, for which
        its pages may have hints.

        Raises ``ValueError`` or ``OSError`` with a one-line message if the configuration has
        mistakes or names something that does not exist.
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
        # If links may lead anywhere, changes on the way there would be missed.
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
        #: Whether everything recalled since the last batch began depends on watched files only;
        #: and whether all of it is still right.
        self._all_watched = True
        self._lasting = False
        #: The last request that was not recalled, and its key: it is handled next.
        self._asked: tuple[Request, CacheKey] | None = None
        #: Responses that other threads built and that are not in the cache yet.
        self._built: deque[tuple[CacheKey, BuiltResponse]] = deque()

    @property
    def access(self) -> FileAccess:
        """How the site reads files; for other code that sends files."""
        return self._access

    @property
    def memory(self) -> SiteMemory:
        """What the site currently holds in memory."""
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
        """What was ignored in ``_headers``, ``_redirects`` and push rules, one line each."""
        return self._setup.warnings()

    @property
    def notices(self) -> tuple[str, ...]:
        """Files that are not sent as the owner of the site might expect, one line each."""
        return self._setup.notices()

    def start(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.start`."""
        if self._survey:
            self._access.submit(self._setup.unused_siblings.survey)

    def concerns(self, names: tuple[bytes, ...]) -> bool:
        """Whether any response may depend on the file or folder with these names, counted from the
        root, or on anything below it.  May be called in any thread."""
        return self._setup.concerns(names)

    def refresh_push_rules(self, *, look_at_targets: bool) -> bool:
        """Read the push rules again if they changed and the configuration is lenient.

        ``look_at_targets``: also check which of the files that they name exist.  If the result is
        true, call :meth:`forget`: earlier responses have the earlier hints.  Blocks; may be called
        in another thread, one call at a time.
        """
        return self._setup.push_source.refresh(look_at_targets=look_at_targets)

    def refresh_netlify(self) -> None:
        """Read ``_headers`` and ``_redirects`` again if they changed, as each response does.

        Makes :attr:`warnings` available before the first request.  Blocks; may be called in another
        thread.
        """
        self._setup.refresh_netlify()

    def new_batch(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.new_batch`."""
        self._has_batches = True
        epoch = self._epoch
        epoch.begin(self._clock())
        self._lasting = self._all_watched and epoch.since < epoch.batch
        self._all_watched = True

    @property
    def lasting(self) -> bool:
        """Implement :attr:`h2static.http.lifecycle.Lifecycle.lasting`."""
        return self._lasting

    def release(self) -> None:
        """Release responses that were not used since the last call, which closes their files, and
        lists."""
        # Responses that other threads made and no request has used since.
        self._built.clear()
        self._responses.release()
        self._setup.release()

    def forget(self) -> None:
        """Clear the caches of responses and lists.  The next requests fill them again."""
        self._built.clear()
        self._responses.forget()
        self._setup.release()
        self._all_watched = self._lasting = False

    def shrink(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.shrink`."""
        self.forget()
        self._contents.forget()

    def recall(self, request: Request) -> Response | None:
        """Implement :meth:`h2static.http.exchange.Application.recall`."""
        if not self._has_batches:
            self._epoch.begin(self._clock())
        known = self._responses.by_request.get(request)
        if known is None:
            # An equivalent request may have been answered before.
            if self.echoes(request):
                return None
            cache_key = self._keys.of(request)
            response = self._responses.find_equal(request, cache_key)
            if response is None or not response.prepared:
                self._asked = request, cache_key
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
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
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
        """Respond with the content of a request for which :meth:`echoes` returns true."""
        assert self._uploads is not None
        exchange.accept(EchoUpload(exchange, self._uploads, self.refuse, self._access))

    def look(self, request: Request) -> Response | ResponseJob:
        """The response to ``request``, or a job that makes it if that may block.

        For POST and PUT: the response of a site that does not echo uploads.
        """
        if not self._has_batches:
            self._epoch.begin(self._clock())
        while self._built:
            cache_key, built = self._built.popleft()
            self._remember(cache_key, built, batch=0)
        known = self._responses.by_request.get(request)
        if known is not None and is_fresh(known, self._epoch):
            return known.response
        asked, self._asked = self._asked, None
        if asked is not None and asked[0] is request:
            cache_key = asked[1]
        else:
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
        """Make the response for ``cache_key`` in another thread; it is cached later."""
        built = respond(self._setup, cache_key, blocking=True)
        self._built.append((cache_key, built))
        return built.response

    def _remember(self, cache_key: CacheKey, built: BuiltResponse, batch: int) -> Response:
        self._setup.lists.settle()
        for content in built.contents:
            dropped = self._contents.remember(content)
            if dropped:
                # Responses keep the dropped octets in memory.
                self._responses.drop_octets(dropped)
        if built.response.refusal is not None:
            # Each refusal must reach the error log; a cached response would not.
            return built.response
        return self._responses.remember(cache_key, built, batch)

    def refuse(self, status: int, request: Request | None) -> Response:
        """Implement :meth:`h2static.http.exchange.Application.refuse`."""
        cache_key = CacheKey(b"GET", b"/") if request is None else cache_key_of(request)
        return refuse(self._setup, cache_key, status).response
