"""Sockets, TLS and the poller fail once: accepting, opening, reading, writing, closing."""

from __future__ import annotations

import errno
from collections.abc import Sequence

import pytest

from tests.faults.outcomes import (
    ABORTED,
    ABSENT,
    AGAIN,
    BAD_DESCRIPTOR,
    BAD_RECORD,
    CLOSED_WITH_ERROR,
    EOF,
    INVALID,
    IO_ERROR,
    MANY_FILES,
    NO_BUFFERS,
    NO_MEMORY,
    NO_SPACE,
    NOT_CONNECTED,
    NOT_PERMITTED,
    PIPE,
    RESET,
    TIMED_OUT,
    WANT_READ,
    WANT_WRITE,
)
from tests.faults.rows import Row, Story, cases, place, play
from tests.faults.stories import arrive, ask, leave, leave_tls, read_late
from tests.faults.world import ENDED, LARGE, SMALL, Answer, Protocol, Way, World
from tests.support.faults import Outcome, Place, error, late_error, short

WHOLE = Answer(200, SMALL, whole=True)
WHOLE_LARGE = Answer(200, LARGE, whole=True)

READ = place("server/link:Link.read:recv")
SEND = place("server/link:Link.write:send")
SEND_MANY = place("server/link:Link.write:sendmsg")
SEND_TLS = place("server/link:Link._write_tls:send")
CORK = place("server/link:Link._cork:setsockopt")
HELLO = place("server/opening:Opener._peek_at_hello:recv")
HELLO_MARK = place("server/opening:Opener._peek_at_hello:setsockopt")
UNWRAP = place("server/link:Link.shut_down:unwrap")
SHUT_DOWN = place("server/link:Link.shut_down:shutdown")
HANDSHAKE = place("server/opening:Opener.shake_hands:do_handshake")
WRAP = place("server/opening:_begin_tls:wrap_socket")
NAME = place("server/opening:_local_address:getsockname")
ACCEPT = place("server/acceptor:Acceptor.accept:accept")
STOP_WATCHING = place("server/acceptor:Acceptor.accept:unregister")
WATCH_AGAIN = place("server/acceptor:Acceptor.resume:register")
BLOCKING = place("server/acceptor:Acceptor._open:setblocking")
NO_DELAY = place("server/acceptor:Acceptor._open:setsockopt")
HEADER = place("server/trusted_proxies:take_header:recv")
ADMIT = place("server/connections:Connections._begin:register")
MODIFY = place("server/connections:Connections._watch:modify")
FORGET = place("server/connections:Connections._close:unregister")
CLOSE = place("server/connections:Connections._close:close")

H2: tuple[Protocol, Way] = ("h2", "cleartext")
H1: tuple[Protocol, Way] = ("http/1.1", "cleartext")
H2_TLS: tuple[Protocol, Way] = ("h2", "TLS")
H1_TLS: tuple[Protocol, Way] = ("http/1.1", "TLS")


def rows(
    where: Place,
    story: Story,
    *,
    client: tuple[Protocol, Way] = H2,
    name: str = "",
    fine: Sequence[Outcome] = (),
    gone: Sequence[Outcome] = (),
    lost: Sequence[tuple[Outcome, str]] = (),
    answer: Answer = WHOLE,
    before: Sequence[tuple[Place, Outcome, int]] = (),
    passes: int = 0,
) -> list[Row]:
    """Rows of one place in one story, by what comes of them.

    ``fine``: the client is served; ``gone``: its connection ends as happens every day; ``lost``: it
    ends, and the log has a line.
    """

    def row(outcomes: Sequence[Outcome], answer: Answer, log: str = "") -> Row:
        return Row(
            place=where,
            outcomes=outcomes,
            story=story,
            answer=answer,
            log=log,
            client=client,
            before=before,
            passes=passes,
            name=name,
        )

    made = [row(fine, answer), row(gone, ENDED)]
    return made + [row((outcome,), ENDED, log) for outcome, log in lost]


SMALL_FILE, LARGE_FILE = ask("/small.txt"), ask("/large.bin")
LOST = "lost: Input/output error"

ROWS = [
    # --- reading
    *rows(
        READ,
        arrive("/small.txt"),
        name="first octets",
        fine=(AGAIN, short()),
        gone=(RESET, TIMED_OUT),
        lost=((IO_ERROR, LOST),),
    ),
    *(
        row
        for client, name in ((H2, "HTTP/2"), (H1, "HTTP/1.1"))
        for row in rows(
            READ,
            SMALL_FILE,
            client=client,
            name=name,
            fine=(AGAIN, short()),
            gone=(RESET, TIMED_OUT),
            lost=((IO_ERROR, LOST), (NO_BUFFERS, "lost: No buffer space available")),
        )
    ),
    *(
        row
        for client, name in ((H2_TLS, "HTTP/2 in TLS"), (H1_TLS, "HTTP/1.1 in TLS"))
        for row in rows(
            READ,
            SMALL_FILE,
            client=client,
            name=name,
            fine=(WANT_READ, WANT_WRITE, short()),
            gone=(RESET, EOF),
            lost=((IO_ERROR, LOST), (BAD_RECORD, "lost: TLS: ")),
        )
    ),
    # A read of one octet leaves the rest inside TLS, which is read at once.
    *rows(
        READ,
        SMALL_FILE,
        client=H1_TLS,
        name="the rest inside TLS",
        fine=(short(),),
        lost=((IO_ERROR, LOST),),
        before=((READ, short(), 0),),
    ),
    # The end of a connection.
    *rows(READ, leave, name="lingering", passes=1, fine=(AGAIN, RESET)),
    # --- writing
    *(
        row
        for client, name in ((H2, "HTTP/2"), (H1, "HTTP/1.1"))
        for row in rows(
            SEND,
            SMALL_FILE,
            client=client,
            name=name,
            fine=(AGAIN, short()),
            gone=(RESET, PIPE),
            lost=((IO_ERROR, LOST), (NO_BUFFERS, "lost: No buffer space available")),
        )
    ),
    *rows(
        SEND_MANY,
        LARGE_FILE,
        answer=WHOLE_LARGE,
        fine=(AGAIN, short(), short(5000)),
        gone=(RESET, PIPE),
        lost=((IO_ERROR, LOST), (NO_BUFFERS, "lost: No buffer space available")),
    ),
    *(
        row
        for client, name in ((H2_TLS, "HTTP/2 in TLS"), (H1_TLS, "HTTP/1.1 in TLS"))
        for row in rows(
            SEND_TLS,
            LARGE_FILE,
            client=client,
            name=name,
            answer=WHOLE_LARGE,
            fine=(WANT_READ, WANT_WRITE, short(), short(5000)),
            gone=(RESET, PIPE, EOF),
            lost=((IO_ERROR, LOST), (BAD_RECORD, "lost: TLS: ")),
        )
    ),
    *rows(CORK, LARGE_FILE, client=H1_TLS, answer=WHOLE_LARGE, fine=(INVALID, NO_BUFFERS)),
    # --- opening
    *rows(
        HANDSHAKE,
        arrive("/small.txt", "h2", "TLS"),
        fine=(WANT_READ, WANT_WRITE),
        lost=(
            (RESET, "TLS handshake failed: [Errno 104] Connection reset by peer"),
            (IO_ERROR, "TLS handshake failed: [Errno 5] Input/output error"),
            (BAD_RECORD, "TLS handshake failed: "),
        ),
    ),
    *rows(
        HELLO,
        arrive("/small.txt", "h2", "TLS"),
        fine=(AGAIN, short(), short(100)),
        gone=(RESET,),
        lost=((IO_ERROR, LOST),),
    ),
    *rows(
        HELLO_MARK,
        arrive("/small.txt", "h2", "TLS"),
        before=((HELLO, short(100), 0),),
        lost=((INVALID, "lost: Invalid argument"),),
    ),
    *rows(
        WRAP,
        arrive("/small.txt", "h2", "TLS"),
        gone=(NOT_CONNECTED,),
        lost=((NO_MEMORY, "lost: Cannot allocate memory"),),
    ),
    *rows(NAME, arrive("/small.txt"), fine=(NO_BUFFERS,)),
    *(
        row
        for passes, name in ((0, "looking"), (1, "taking"))
        for row in rows(
            HEADER,
            arrive("/small.txt", "http/1.1", "proxied"),
            name=name,
            passes=passes,
            fine=(AGAIN, short(), short(20)),
            gone=(RESET,),
            lost=((IO_ERROR, LOST),),
        )
    ),
    # --- accepting
    *rows(ACCEPT, arrive("/small.txt"), fine=(ABORTED, NOT_PERMITTED)),
    *(
        Row(
            place=ACCEPT,
            outcomes=(error(number),),
            story=arrive("/small.txt"),
            answer=WHOLE,
            log=f"[accept] pausing accept: {text}",
        )
        for number, text in (
            (errno.EMFILE, "Too many open files"),
            (errno.ENFILE, "Too many open files in system"),
            (errno.ENOBUFS, "No buffer space available"),
            (errno.ENOMEM, "Cannot allocate memory"),
            (errno.EIO, "Input/output error"),
        )
    ),
    *(
        Row(
            place=where,
            outcomes=(NO_MEMORY,),
            story=arrive("/small.txt"),
            answer=WHOLE,
            log="[accept] pausing accept: Too many open files",
            before=((ACCEPT, MANY_FILES, 0),),
        )
        for where in (STOP_WATCHING, WATCH_AGAIN)
    ),
    *rows(
        BLOCKING,
        arrive("/small.txt"),
        lost=((IO_ERROR, "[accept] lost a connection: Input/output error"),),
    ),
    *rows(NO_DELAY, arrive("/small.txt"), fine=(INVALID, NO_BUFFERS)),
    # --- the poller
    *rows(
        ADMIT,
        arrive("/small.txt"),
        lost=((NO_MEMORY, "Cannot allocate memory"), (NO_SPACE, "No space left on device")),
    ),
    *rows(MODIFY, read_late, client=H1, lost=((NO_MEMORY, "Cannot allocate memory"),)),
    *rows(
        MODIFY,
        SMALL_FILE,
        client=H2_TLS,
        name="a read that has to write",
        before=((READ, WANT_WRITE, 0),),
        lost=((NO_MEMORY, "Cannot allocate memory"),),
    ),
    *rows(FORGET, leave, fine=(ABSENT, BAD_DESCRIPTOR)),
    # --- closing
    *rows(CLOSE, leave, fine=(CLOSED_WITH_ERROR, late_error(errno.ECONNRESET))),
    *rows(UNWRAP, leave_tls, fine=(WANT_READ, IO_ERROR)),
    *rows(SHUT_DOWN, leave, fine=(NOT_CONNECTED,)),
]


@pytest.mark.parametrize(("row", "outcome"), cases(ROWS))
def test_a_fault(world: World, row: Row, outcome: Outcome) -> None:
    play(world, row, outcome)
