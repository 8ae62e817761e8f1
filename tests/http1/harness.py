"""A server connection, a strict reader of what it sends, and ways to feed it."""

from __future__ import annotations

from h2static.http.journal import Finished
from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http1.connection import ServerConnection
from h2static.http1.limits import Limits
from tests.http1.applications import TableApplication
from tests.http1.reading import Reply, read_replies

#: What the date of :data:`SECOND` looks like.
DATE = b"Sat, 21 Nov 2026 08:00:00 GMT"
SECOND = 1_795_248_000


GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"


def post(content: bytes, *fields: bytes, path: bytes = b"/echo") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: x", b"Content-Length: %d" % len(content), *fields]
    return b"\r\n".join([*lines, b"", content])


def chunked(content: bytes, path: bytes = b"/echo") -> bytes:
    chunks = b"".join(b"1\r\n%c\r\n" % octet for octet in content) + b"0\r\n\r\n"
    return b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % path + chunks


def make_shared() -> Shared:
    """What a worker shares, with a journal, at :data:`SECOND`."""
    shared = Shared(journal=[])
    shared.date.tick(SECOND)
    assert shared.date.value == DATE
    return shared


def make_client(*, secure: bool = False) -> Client:
    return Client(host="192.0.2.7", port=50_000, version="HTTP/1.1", secure=secure)


class Harness:
    """A connection under test, with a clock that the test moves."""

    def __init__(
        self,
        application: TableApplication | None = None,
        *,
        secure: bool = False,
        limits: Limits | None = None,
    ) -> None:
        self.application = application or TableApplication()
        self.now = 1000.0
        self.shared = make_shared()
        self.client = make_client(secure=secure)
        #: How often the driver was asked for a turn.
        self.notified = 0
        self.reported: list[str] = []
        self.connection = ServerConnection(
            self.application,
            self.client,
            self.shared,
            self.now,
            limits=limits,
            notify=self._notify,
            report=self.reported.append,
        )
        self.sent = bytearray()

    def _notify(self) -> None:
        assert self.connection.backlog
        self.notified += 1

    def feed(self, octets: bytes, *, step: int | None = None) -> None:
        """Deliver ``octets``, whole or ``step`` at a time, as a driver would."""
        for start in range(0, len(octets), step or max(1, len(octets))):
            if self.connection.wants_input:
                self.connection.receive(octets[start : start + (step or len(octets))], self.now)
            self.flush()

    def flush(self, budget: int = 1 << 20, piece: int = 1 << 30) -> None:
        """Do what a driver does; the socket takes ``piece`` octets at a time."""
        connection = self.connection
        for _ in range(100_000):
            if connection.backlog:
                connection.take_turn(self.now)
            if connection.has_content:
                connection.pump(self.now, budget)
            octets = b"".join(connection.pending())[:piece]
            assert len(b"".join(connection.pending())) == connection.output_octets
            if not octets and not connection.backlog and not connection.has_content:
                return
            self.sent += octets
            connection.sent(len(octets), self.now)

    def wake(self) -> None:
        """Everything that a body waited for has come."""
        blocked, self.connection.blocked = self.connection.blocked, []
        for number, _ in blocked:
            self.connection.unblock(number, self.now)
        self.flush()

    def run_jobs(self) -> None:
        """Do what was left for a thread."""
        connection = self.connection
        while connection.jobs:
            number, job = connection.jobs.popleft()
            try:
                response = job()
            except ValueError:
                response = None
            connection.finish_job(number, response, self.now)
        self.flush()

    def closing(self) -> bool:
        """Whether the connection is to be closed."""
        return self.connection.closing

    @property
    def noted(self) -> list[Finished]:
        """What stands in the journal."""
        assert self.shared.journal is not None
        return self.shared.journal

    def replies(self, methods: list[bytes] | None = None) -> list[Reply]:
        """The responses sent so far, to requests with these ``methods`` (GET by default)."""
        return read_replies(bytes(self.sent), methods or [], closed=self.connection.closing)


def ask(octets: bytes, **arguments: object) -> list[Reply]:
    """What a fresh connection replies to ``octets``; the same whole and one octet at a time."""
    whole = Harness(**arguments)  # type: ignore[arg-type]  # passed on as they are
    whole.feed(octets)
    single = Harness(**arguments)  # type: ignore[arg-type]  # as above
    single.feed(octets, step=1)
    assert bytes(whole.sent) == bytes(single.sent)
    assert whole.connection.closing == single.connection.closing
    method = octets.lstrip(b"\r\n").split(b" ", 1)[0]
    return whole.replies([method] if method in (b"HEAD", b"GET") else [])
