"""Cached responses, and the proof that they are still right.

Contract: a cached response is returned only if every file and folder that it depends on is proven
to be in the version that it depends on: it was checked in the current batch, or it is watched and
nothing has happened to anything watched since it was checked (:mod:`h2static.site.change_watch`).
A file is checked at most once per batch, however many responses depend on it.  A response that was
made while something had not settled is valid only for its own batch.

From time to time :meth:`ResponseCache.release` drops what was not used since its last call, so that
files without requests are closed.  Responses in use are made again after several of these calls.

Limits: see :class:`~h2static.site.limits.SiteLimits`.  At each of them the oldest eighth of what it
bounds is dropped.  The next requests bring back what is in use.

Strategy: two dictionaries.  ``Request`` objects compare by identity, and the same octets from a
client give the same object, so the first dictionary costs one lookup.  The second, by cache key, is
for requests that are equal but not identical.
"""

from __future__ import annotations

from collections.abc import Iterable, Sized
from dataclasses import dataclass
from itertools import islice
from os import fstat
from typing import Final
from weakref import WeakValueDictionary

from h2static.http.messages import Request, Response
from h2static.site.bodies import FileBody
from h2static.site.builder import BuiltResponse
from h2static.site.cache_key import CacheKey
from h2static.site.change_watch import ChangeWatch
from h2static.site.files import FileVersion
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.octets import OctetBody
from h2static.site.path_states import UNTRIED, Epoch, PathState
from h2static.site.paths import is_no_query

#: The fraction that is dropped when there is no room is one part in this many.
_PARTS: Final = 8
#: In place of a response that was dropped, and never sent.
_DROPPED: Final = Response(status=503, fields=())


@dataclass(slots=True, kw_only=True, eq=False)
class CachedResponse:
    """A cached response."""

    response: Response
    #: ``None`` if changes might be missed.
    dependencies: tuple[tuple[PathState, FileVersion | None], ...] | None
    #: The batch in which it was last proven right.
    batch: int
    #: Whether everything that it depends on is watched.
    watched: bool = False
    #: Whether it answers its path with any query.
    any_query: bool = False
    #: Calls of :meth:`ResponseCache.release` after which it is dropped, even if it is in use.
    releases_left: int


class Holders:
    """The keys of the responses that hold a file or octets."""

    __slots__ = ("keys", "octets")

    def __init__(self, octets: int = 0) -> None:
        self.octets = octets
        self.keys: dict[CacheKey, None] = {}


class ResponseCache:
    """The responses of one site; used by one thread."""

    def __init__(self, change_watch: ChangeWatch | None, limits: SiteLimits = DEFAULTS) -> None:
        """``change_watch``: see :class:`Epoch`."""
        self._limits = limits
        self.epoch = Epoch(change_watch, limits)
        #: The batch of the last :meth:`release`.
        self._released = 0
        #: Responses to request objects that repeat; valid while :func:`is_fresh` returns true.
        self.by_request: dict[Request, CachedResponse] = {}
        self._by_key: dict[CacheKey, CachedResponse] = {}
        self._path_states: WeakValueDictionary[bytes, PathState] = WeakValueDictionary()
        #: The open files that responses hold, by identity, the oldest first; and who holds them.
        self._open_files: dict[int, Holders] = {}
        #: The same for bodies that no other cache counts; and their octets in total.
        self._own_bodies: dict[int, Holders] = {}
        self.own_octets = 0

    @property
    def size(self) -> int:
        """Number of cached responses by cache key."""
        return len(self._by_key)

    @property
    def paths(self) -> int:
        """Number of paths whose state is known."""
        return len(self._path_states)

    def find_equal(self, request: Request, cache_key: CacheKey) -> Response | None:
        """The response to an equal request, if it is cached and right."""
        answer = self._by_key.get(cache_key)
        if answer is None or not is_fresh(answer, self.epoch):
            # A response for this query alone may be outdated: try one for any query.
            if b"?" not in cache_key.path or len(cache_key.path) > self._limits.key:
                return None
            answer = self._by_key.get(without_query(cache_key))
            if answer is None or not answer.any_query or not is_fresh(answer, self.epoch):
                return None
        if (
            request.repeats
            and answer.dependencies is not None
            and self.by_request.get(request) is not answer
            and sum(len(name) + len(value) for name, value in request.fields) <= self._limits.key
        ):
            if len(self.by_request) >= self._limits.requests:
                _drop_oldest(self.by_request)
            self.by_request[request] = answer
        return answer.response

    def remember(self, cache_key: CacheKey, built: BuiltResponse, batch: int) -> Response:
        """Cache a response that was made in ``batch``; 0: in an unknown batch.

        Returns the response to send: the one already cached if the new one is equal.
        """
        response = built.response
        if sum(map(len, filter(None, cache_key))) > self._limits.key:
            return response
        if built.any_query:
            cache_key = without_query(cache_key)
        dependencies = None
        if built.dependencies.settled:
            dependencies = self._dependencies(built.dependencies.versions)
        known = self._by_key.get(cache_key)
        if known is None or not same_response(known.response, response):
            self._count(cache_key, built)
        else:
            response = known.response
            if dependencies is not None:
                known.dependencies = dependencies
                known.any_query = built.any_query
                known.releases_left = self._releases_of(built)
                known.batch = batch
                known.watched = False
                response.prepared = True
                return response
            # Only prepared responses are recalled by request, and this one no longer is prepared.
            known.batch = 0
            known.dependencies = None
        response.prepared = dependencies is not None
        self._by_key[cache_key] = CachedResponse(
            response=response,
            dependencies=dependencies,
            batch=batch,
            any_query=built.any_query,
            releases_left=self._releases_of(built),
        )
        return response

    def _releases_of(self, built: BuiltResponse) -> int:
        return 1 if built.brief else self._limits.releases

    def release(self) -> None:
        """Drop what was not used since the last call, and what must be made again."""
        kept: dict[CacheKey, CachedResponse] = {}
        open_files, own_bodies = dict[int, Holders](), dict[int, Holders]()
        for key, answer in self._by_key.items():
            answer.releases_left -= 1
            # A response in use has been proven again in a batch since then, or within the time for
            # which silence is trusted.
            if answer.batch <= self._released or answer.releases_left <= 0:
                continue
            kept[key] = answer
            body = answer.response.body
            if isinstance(body, FileBody):
                open_files.setdefault(id(body.handle), Holders()).keys[key] = None
            octets = _octets_of(answer.response)
            if octets is not None and id(octets) in self._own_bodies:
                own_bodies.setdefault(id(octets), Holders(len(octets))).keys[key] = None
        # Requests that repeat come back with their next occurrence.
        self.by_request.clear()
        self._by_key = kept
        self._open_files, self._own_bodies = open_files, own_bodies
        self.own_octets = sum(holders.octets for holders in own_bodies.values())
        self._released = self.epoch.batch

    def forget(self) -> None:
        """Clear the cache."""
        self.by_request.clear()
        self._by_key.clear()
        self._open_files.clear()
        self._own_bodies.clear()
        self.own_octets = 0

    def drop_octets(self, identities: set[int]) -> None:
        """Drop the responses that hold any of these octets."""
        self._drop(
            [
                key
                for key, answer in self._by_key.items()
                if id(_octets_of(answer.response)) in identities
            ]
        )

    def _count(self, cache_key: CacheKey, built: BuiltResponse) -> None:
        """Make room for the response of ``built``, and count it."""
        body, limits = built.response.body, self._limits
        if len(self._by_key) >= limits.responses:
            self._make_room()
        if isinstance(body, FileBody):
            identity = id(body.handle)
            if identity not in self._open_files:
                if len(self._open_files) >= limits.open_files:
                    for oldest in list(islice(self._open_files, _part_of(self._open_files))):
                        self._drop(self._open_files.pop(oldest).keys)
                self._open_files[identity] = Holders()
            self._open_files[identity].keys[cache_key] = None
        octets = _octets_of(built.response)
        if (
            octets is not None
            and len(octets) > limits.free_octets
            and not any(content.octets is octets for content in built.contents)
        ):
            if id(octets) not in self._own_bodies:
                self._make_room_for(len(octets))
                self._own_bodies[id(octets)] = Holders(len(octets))
                self.own_octets += len(octets)
            self._own_bodies[id(octets)].keys[cache_key] = None

    def _make_room_for(self, octets: int) -> None:
        """Drop the oldest bodies that no other cache counts, if there is no room for ``octets``."""
        limit = self._limits.own_octets
        if self.own_octets + octets <= limit:
            return
        target = limit - limit // _PARTS
        while self._own_bodies and self.own_octets + octets > target:
            holders = self._own_bodies.pop(next(iter(self._own_bodies)))
            self.own_octets -= holders.octets
            self._drop(holders.keys)

    def _drop(self, keys: Iterable[CacheKey]) -> None:
        for key in keys:
            answer = self._by_key.pop(key, None)
            if answer is not None:
                # It may still be cached by request: invalidate it there.
                answer.dependencies = None
                answer.batch = 0
                answer.response = _DROPPED

    def _make_room(self) -> None:
        """Drop the oldest responses whose octets are counted elsewhere; all, if there are few."""
        by_key = self._by_key
        most = _part_of(by_key)
        oldest = [
            key
            for key, answer in islice(by_key.items(), 2 * most)
            if isinstance(answer.response.body, bytes)
            and id(answer.response.body) not in self._own_bodies
        ]
        if 2 * len(oldest) < most:
            self.forget()
            return
        self._drop(oldest[:most])

    def _dependencies(
        self, versions: dict[bytes, FileVersion | None]
    ) -> tuple[tuple[PathState, FileVersion | None], ...]:
        made: list[tuple[PathState, FileVersion | None]] = []
        folder: PathState | None = None
        for path, version in versions.items():
            path_state = self._path_states.get(path)
            if path_state is None:
                # Usually what comes before it.
                parent = path.rpartition(b"/")[0] or b"/"
                if folder is None or folder.path != parent:
                    folder = self._path_states.get(parent)
                path_state = self._path_states[path] = PathState(path, folder, self.epoch)
                path_state.version = version
            elif path_state.version is not version and path_state.version == version:
                version = path_state.version
            made.append((path_state, version))
            folder = path_state
        return tuple(made)


def _part_of(memory: Sized) -> int:
    """How many entries to drop when ``memory`` is full."""
    return max(1, len(memory) // _PARTS)


def _drop_oldest(memory: dict[Request, CachedResponse]) -> None:
    for request in list(islice(memory, _part_of(memory))):
        del memory[request]


def _octets_of(response: Response) -> bytes | None:
    """The octets that ``response`` holds; ``None`` if it has another kind of body."""
    body = response.body
    octets = body.octets if isinstance(body, OctetBody) else body
    return octets if isinstance(octets, bytes) else None


def without_query(cache_key: CacheKey) -> CacheKey:
    """``cache_key`` for a response that no query changes; keeps what is not a query."""
    path, mark, query = cache_key.path.partition(b"?")
    if not mark or is_no_query(query):
        return cache_key
    return cache_key._replace(path=path)


def is_fresh(answer: CachedResponse, epoch: Epoch) -> bool:
    """Whether everything that ``answer`` depends on is unchanged."""
    batch, since = epoch.batch, epoch.since
    if answer.batch >= (since if answer.watched else batch):
        return True
    dependencies = answer.dependencies
    if dependencies is None:
        return False
    watched = True
    for path_state, version in dependencies:
        if path_state.batch < (since if path_state.watch >= 0 else batch):
            folder = path_state.folder
            # The first step of PathState.look, without a call: this runs for each request.
            try:
                if (
                    path_state.descriptor >= 0
                    and path_state.watch != UNTRIED
                    and folder is not None
                    and folder.batch >= (since if folder.watch >= 0 else batch)
                    and folder.version is path_state.folder_version
                    and fstat(path_state.descriptor).st_ctime_ns == path_state.changed
                ):
                    path_state.batch = batch
                else:
                    path_state.look()
            except OSError:
                # The open file cannot be checked: check its name.
                path_state.release()
                path_state.look()
        if path_state.version is not version and path_state.version != version:
            return False
        watched = watched and path_state.watch >= 0
    answer.batch = batch
    answer.watched = watched
    return True


def same_response(one: Response, other: Response) -> bool:
    """Whether two responses have the same octets."""
    if one.status != other.status or one.fields != other.fields or one.early != other.early:
        return False
    if one.hints is not other.hints:
        return False
    if isinstance(one.body, FileBody) and isinstance(other.body, FileBody):
        return one.body.same_as(other.body)
    if isinstance(one.body, OctetBody) and isinstance(other.body, OctetBody):
        return one.body.same_as(other.body)
    return isinstance(one.body, bytes) and one.body == other.body
