"""The matrix is complete: every system call of the parts that serve fails in some test.

A new system call needs a row: in ``test_connections``, ``test_loop``, ``test_files`` or
``test_logs``, by what it is for.  What :data:`AT_THE_START` has is called before anybody can
connect: a fault there ends the start, which the tests of starting show.
"""

from __future__ import annotations

from tests.faults import test_connections, test_files, test_logs, test_loop, test_readers
from tests.faults.places import MODULES, places
from tests.faults.rows import Row, place

AT_THE_START = {
    place("server/acceptor:Acceptor.add_entrance:register"),
    place("server/acceptor:Acceptor.add_entrance:setblocking"),
    place("server/driver:Driver.__init__:register"),
    place("server/pool:Pool.__init__:setblocking"),
    # Work of no kind, for the first thread.
    place("server/pool:Pool.__init__:submit"),
}
#: It closes nothing, and starts nothing: threads that run end by themselves.
WITHOUT_THE_SYSTEM = {place("server/pool:Pool.close:shutdown")}

ROWS: list[Row] = [*test_connections.ROWS, *test_loop.ROWS, *test_files.ROWS]
SINGLE = test_loop.PLACES | test_readers.PLACES | test_logs.PLACES


def test_every_system_call_fails_in_a_test() -> None:
    covered = {row.place for row in ROWS} | SINGLE | AT_THE_START | WITHOUT_THE_SYSTEM
    found = places()
    assert sorted(map(str, found - covered)) == [], "these have no row"
    assert sorted(map(str, covered - found)) == [], "these are no longer in the sources"
    assert {one.module for one in found} <= set(MODULES)
    assert len(found) > 80
