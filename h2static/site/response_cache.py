"""Remembered answers, and the proof that they are still right.

Contract: a remembered response is returned only when every file and folder that it depends on is
proven to be in the version that it depends on: it was looked at in the current batch, or it is
watched and nothing has happened to anything that is watched since it was looked at
(:mod:`h2static.site.change_watch`).  A file is looked at once per batch at most, whatever the
number of answers that depend on it.  An answer that was made while something had not settled counts
for its own batch only.

Now and then, what was not used since the last time is forgotten, so that files which nobody asks
for any more are closed; and what is in use is made anew after some of these times.

Bounds: see :class:`~h2static.site.limits.SiteLimits`.  Where there are too many responses or
requests, the oldest eighth is forgotten; at the other bounds everything is.  What is in use comes
back with its next request.

Strategy: two dictionaries.  ``Request`` objects compare by identity and come back for the same
octets of a client, so the first costs one look-up; the second is by cache key, for what is
equal and not the same.
"""

from __future__ import annotations

import os
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

#: One part in so many is forgotten when there is no room.
_PARTS: Final = 8


@dataclass(slots=True, kw_only=True, eq=False)
class CachedResponse:
    """A remembered response."""

    response: Response
    #: ``None`` when changes might go unseen.
    dependencies: tuple[tuple[PathState, FileVersion | None], ...] | None
    #: The batch in which it was last found to be right.
    batch: int
    #: Whether everything that it depends on is watched.
    watched: bool = False
    #: Whether it answers its path with any query.
    any_query: bool = False
    #: It is forgotten when :meth:`ResponseCache.release` has been called so many times more, used
    #: or not.
    releases_left: int


class ResponseCache:
    """The memory of one site; used by one thread."""

    def __init__(self, change_watch: ChangeWatch | None, limits: SiteLimits = DEFAULTS) -> None:
        """``change_watch``: see :class:`Epoch`."""
        self._limits = limits
        self.epoch = Epoch(change_watch, limits)
        #: The batch of the last :meth:`release`.
        self._released = 0
        #: Responses to request objects that come again; right while :func:`is_fresh` says so.
        self.by_request: dict[Request, CachedResponse] = {}
        self._by_key: dict[CacheKey, CachedResponse] = {}
        self._path_states: WeakValueDictionary[bytes, PathState] = WeakValueDictionary()
        #: Identities of the open files that answers hold.
        self._open_files: set[int] = set()
        #: Octets that no other memory counts, by their identities, and how many they are.
        self._own_bodies: set[int] = set()
        self.own_octets = 0

    @property
    def size(self) -> int:
        """Responses that are remembered, by what they depend on."""
        return len(self._by_key)

    @property
    def paths(self) -> int:
        """Paths whose state is known."""
        return len(self._path_states)

    def find_equal(self, request: Request, cache_key: CacheKey) -> Response | None:
        """The answer to an equal request, if it is known and right."""
        answer = self._by_key.get(cache_key)
        if answer is None or not is_fresh(answer, self.epoch):
            # One that was right for this query alone may be so no longer.
            if b"?" not in cache_key.path or len(cache_key.path) > self._limits.key:
                return None
            answer = self._by_key.get(without_query(cache_key))
            if answer is None or not answer.any_query or not is_fresh(answer, self.epoch):
                return None
        if (
            request.repeats
            and answer.dependencies is not None
            and request not in self.by_request
            and sum(len(name) + len(value) for name, value in request.fields) <= self._limits.key
        ):
            if len(self.by_request) >= self._limits.requests:
                _drop_oldest(self.by_request)
            self.by_request[request] = answer
        return answer.response

    def remember(self, cache_key: CacheKey, built: BuiltResponse, batch: int) -> Response:
        """Keep an answer that was made in ``batch``, or in none that is known (0).

        Returns the response to send: the one that was remembered where the new one is equal.
        """
        response = built.response
        if sum(map(len, filter(None, cache_key))) > self._limits.key:
            return response
        if built.any_query:
            cache_key = without_query(cache_key)
        dependencies = None
        if built.dependencies.settled:
            dependencies = tuple(
                self._dependency(path, version)
                for path, version in built.dependencies.versions.items()
            )
        known = self._by_key.get(cache_key)
        if known is None or not same_response(known.response, response):
            self._count(built)
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
            # Only what is prepared is recalled by request: this one no longer is.
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
        """Forget what was not used since the last call, and what is to be made anew."""
        kept: dict[CacheKey, CachedResponse] = {}
        open_files, own_bodies = set[int](), dict[int, int]()
        for key, answer in self._by_key.items():
            answer.releases_left -= 1
            # Whatever is used is proven again in a batch since, or within the time that silence is
            # believed for.
            if answer.batch <= self._released or answer.releases_left <= 0:
                continue
            kept[key] = answer
            body = answer.response.body
            if isinstance(body, FileBody):
                open_files.add(id(body.handle))
            octets = body.octets if isinstance(body, OctetBody) else body
            if isinstance(octets, bytes) and id(octets) in self._own_bodies:
                own_bodies[id(octets)] = len(octets)
        # Which requests come again is found out again.
        self.by_request.clear()
        self._by_key = kept
        self._open_files, self._own_bodies = open_files, set(own_bodies)
        self.own_octets = sum(own_bodies.values())
        self._released = self.epoch.batch

    def forget(self) -> None:
        """Forget everything."""
        self.by_request.clear()
        self._by_key.clear()
        self._open_files.clear()
        self._own_bodies.clear()
        self.own_octets = 0

    def _count(self, built: BuiltResponse) -> None:
        """Make room for the response of ``built``, and count it."""
        body, limits = built.response.body, self._limits
        open_files = {id(body.handle)} if isinstance(body, FileBody) else set[int]()
        octets = body.octets if isinstance(body, OctetBody) else body
        own = 0
        if (
            isinstance(octets, bytes)
            and len(octets) > limits.free_octets
            and id(octets) not in self._own_bodies
            and not any(content.octets is octets for content in built.contents)
        ):
            own = len(octets)
        if (
            len(self._open_files | open_files) > limits.open_files
            or self.own_octets + own > limits.own_octets
        ):
            self.forget()
        elif len(self._by_key) >= limits.responses:
            self._make_room()
        self._open_files |= open_files
        if own:
            self._own_bodies.add(id(octets))
            self.own_octets += own

    def _make_room(self) -> None:
        """Forget the oldest responses whose octets are counted elsewhere; all, if there are few."""
        by_key = self._by_key
        most = max(1, len(by_key) // _PARTS)
        oldest = [
            key
            for key, answer in islice(by_key.items(), 2 * most)
            if isinstance(answer.response.body, bytes)
            and id(answer.response.body) not in self._own_bodies
        ]
        if 2 * len(oldest) < most:
            self.forget()
            return
        for key in oldest[:most]:
            # By request it may be remembered still, but not as right.
            answer = by_key.pop(key)
            answer.dependencies = None
            answer.batch = 0

    def _dependency(
        self, path: bytes, version: FileVersion | None
    ) -> tuple[PathState, FileVersion | None]:
        path_state = self._path_states.get(path)
        if path_state is None:
            folder = self._path_states.get(os.path.dirname(path))
            path_state = self._path_states[path] = PathState(path, folder, self.epoch)
            path_state.version = version
        elif path_state.version == version:
            version = path_state.version
        return path_state, version


def _drop_oldest(memory: dict[Request, CachedResponse]) -> None:
    for request in list(islice(memory, max(1, len(memory) // _PARTS))):
        del memory[request]


def without_query(cache_key: CacheKey) -> CacheKey:
    """``cache_key`` for a response that no query changes; a query that is none stays."""
    path, mark, query = cache_key.path.partition(b"?")
    if not mark or is_no_query(query):
        return cache_key
    return cache_key._replace(path=path)


def is_fresh(answer: CachedResponse, epoch: Epoch) -> bool:
    """Whether everything that ``answer`` depends on is as it was."""
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
            # What PathState.look does first, without a call: this is done for each request.
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
                # What is open cannot be asked: its name is.
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
