"""Events for any number of tabs: an event stream per client (HTML, "Server-sent events").

Contract: :meth:`Broker.publish` puts an event into every open stream, from any thread, without
blocking.  A new stream starts with ``hello``, which states the current version and the latest
changes, so that a client notices missed events and knows what they said.  A client that does not
read loses its stream, so that memory stays limited.  :meth:`Broker.tick` keeps silent connections
alive.  Closing a reading ends the stream; a server that drains ends all of them
(:meth:`Broker.end_all`).

Strategy: each reading has a small queue of ready octets, and the wake-up function of its reader.  A
:class:`h2static.http.pipe.Pipe` would not do, because events come from the watcher's thread.
"""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields

#: What a document's ``Server-Timing`` field has in place of :meth:`State.words` while the state is
#: unknown.
UNKNOWN_STATE = "unknown"
#: What an event carries: JSON values.
Data = Mapping[str, object]


@dataclass(slots=True, kw_only=True, frozen=True, eq=False)
class State:
    """A state of the tree, and when it was found; compared by identity.

    The processes of a server find a change one after the other, and a client may hear one of them
    and then another: by the moment it knows who is behind.
    """

    #: The word for what all files are (:attr:`h2static.dev.tree.Tree.version`).
    version: str
    #: A number that the processes of one server share; moments of another one mean nothing.
    server: int
    #: Milliseconds of the machine's clock that is never set.
    moment: int

    def data(self) -> dict[str, object]:
        """As an event carries it."""
        return {"version": self.version, "server": self.server, "moment": self.moment}

    def words(self) -> str:
        """As a document's ``Server-Timing`` field carries it."""
        return f"{self.version} {self.server} {self.moment}"


def format_event(name: str, data: Data) -> bytes:
    """One event as it stands in the stream."""
    return f"event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


@dataclass(slots=True, kw_only=True)
class EventBody:
    """A body without an end: events as they come."""

    broker: Broker
    #: Unknown.
    length: None = None

    def open(self) -> BodyReader:
        """Start a stream."""
        return self.broker.open_reader()


class EventReader:
    """One client's stream: a :class:`h2static.http.bodies.BodyReader`, filled from any thread."""

    __slots__ = ("_broker", "_ended", "_limit", "_lock", "_size", "_waiting", "_wake")

    #: Each piece stays as it is.
    reuses_buffer = False

    def __init__(self, broker: Broker, first: bytes, limit: int) -> None:
        """``limit``: octets that may wait."""
        self._broker = broker
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting = [first]
        self._size = len(first)
        self._wake: Callable[[], None] | None = None
        self._ended = False

    def read(self, size: int) -> bytes | None:
        """Ready octets, at most ``size``; ``None`` if there are none."""
        with self._lock:
            if not self._waiting:
                return b"" if self._ended else None
            octets = b"".join(self._waiting)
            rest = octets[size:]
            self._waiting = [rest] if rest else []
            self._size = len(rest)
            return octets[:size]

    def wait(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called once when there is something to read."""
        with self._lock:
            if not self._waiting and not self._ended:
                self._wake = wake
                return
        wake()

    def trailers(self) -> Fields:
        """There are none."""
        return ()

    def close(self) -> None:
        """The client has disconnected."""
        with self._lock:
            self._wake = None
            self._waiting = []
            self._ended = True
        self._broker.forget(self)

    def end(self) -> None:
        """Nothing more will come."""
        with self._lock:
            self._ended = True
            wake, self._wake = self._wake, None
        if wake is not None:
            wake()

    def put(self, octets: bytes) -> bool:
        """Add ``octets`` to the stream; false when it ended because too much waits."""
        with self._lock:
            if self._ended:
                return False
            if self._size + len(octets) > self._limit:
                self._ended = True
                self._waiting = []
            else:
                self._waiting.append(octets)
                self._size += len(octets)
            wake, self._wake = self._wake, None
            ended = self._ended
        if wake is not None:
            wake()
        return not ended


class Broker:
    """The open streams, and the state with which a new one starts."""

    def __init__(self, *, now: float, limits: DevLimits = DEFAULT_LIMITS) -> None:
        """``now``: monotonic, in seconds, as :meth:`tick` is told it."""
        self._limits = limits
        self._lock = threading.Lock()
        self._readers: set[EventReader] = set()
        self._state: State | None = None
        #: The latest changes: the version before them, and their files.
        self._recent: deque[tuple[str, list[Mapping[str, object]]]] = deque()
        self._problems: dict[str, str] = {}
        self._last_comment = now
        self._connected = threading.Event()
        self._closed = False

    @property
    def state(self) -> State | None:
        """The state of the tree; ``None`` until it is known."""
        return self._state

    @property
    def clients(self) -> int:
        """Streams that are open."""
        return len(self._readers)

    def wait_for_client(self, timeout: float) -> bool:
        """Block until a client has connected, at most ``timeout`` seconds."""
        return self._connected.wait(timeout)

    def body(self) -> EventBody:
        """The body of a response to a client."""
        return EventBody(broker=self)

    def open_reader(self) -> EventReader:
        """Start a stream; its first event contains the state."""
        with self._lock:
            retry = b"retry: %d\n" % round(self._limits.retry_seconds * 1000)
            recent = [{"previous": before, "changes": files} for before, files in self._recent]
            first = retry + format_event("hello", {**self._hello(), "recent": recent})
            reader = EventReader(self, first, self._limits.waiting)
            if self._closed:
                # Requested before the client knew that the server stops: it will reconnect.
                reader.end()
            else:
                self._readers.add(reader)
        self._connected.set()
        return reader

    def forget(self, reader: EventReader) -> None:
        """A stream was closed."""
        with self._lock:
            self._readers.discard(reader)

    def set_state(self, state: State, changes: Sequence[Mapping[str, object]]) -> None:
        """The tree has a new state; ``changes``: path and kind of each file that changed."""
        with self._lock:
            previous, self._state = self._state, state
            if previous is None or not changes:
                # What happened is unknown: no changes lead from an earlier version to this one.
                self._recent.clear()
            else:
                self._recent.append((previous.version, list(changes)))
                while sum(len(files) for _, files in self._recent) > self._limits.recent_changes:
                    self._recent.popleft()
        if previous is None or not changes:
            self.publish("hello", self._hello())
        else:
            data = {"previous": previous.version, **state.data(), "changes": list(changes)}
            self.publish("change", data)

    def set_problem(self, kind: str, text: str | None) -> None:
        """Something that limits the service (``None``: no longer); every tab shows it."""
        with self._lock:
            if self._problems.get(kind) == text:
                return
            if text is None:
                del self._problems[kind]
            else:
                self._problems[kind] = text
        self.publish("hello", self._hello())

    def _hello(self) -> Data:
        state = {"version": None} if self._state is None else self._state.data()
        return {**state, "problems": list(self._problems.values())}

    def publish(self, name: str, data: Data) -> None:
        """Send an event to every client."""
        self._put_all(format_event(name, data))

    def tick(self, now: float) -> None:
        """Send a comment if the last one was :attr:`DevLimits.comment_seconds` ago."""
        if now - self._last_comment >= self._limits.comment_seconds:
            self._last_comment = now
            self._put_all(b":\n\n")

    def end_all(self) -> None:
        """End every stream after its queued events, and all streams opened later."""
        with self._lock:
            self._closed = True
            readers = list(self._readers)
            self._readers.clear()
        for reader in readers:
            reader.end()

    def _put_all(self, octets: bytes) -> None:
        with self._lock:
            readers = list(self._readers)
        lost = [reader for reader in readers if not reader.put(octets)]
        if lost:
            with self._lock:
                self._readers.difference_update(lost)
