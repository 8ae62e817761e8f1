"""Every quantity of the loop that clients can drive up, its bound, and why the bound is what it is.

Contract: one immutable :class:`ServerLimits`, handed to each part when it is made.  What belongs to
a protocol stands in the limits of its engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.http import limits


@dataclass(slots=True, kw_only=True, frozen=True)
class ServerLimits:
    """Bounds of one worker.  Times are seconds, sizes octets."""

    # --- from accept to a protocol
    #: For a PROXY header, a TLS handshake, and until it is known what a client speaks, together
    #: (CVE-2026-56853).
    opening_seconds: float = 10.0
    #: What is left of that once the server drains: what a client was going to ask is on its way.
    last_word_seconds: float = 1.0
    #: Connections accepted from one listener in one round, so that those there are get theirs.
    accepts_a_round: int = 64
    #: Handshakes continued in one round: each costs about a millisecond.
    handshakes_a_round: int = 4
    #: Accepting pauses so long when descriptors or memory run out: a level-triggered poller would
    #: report the listener again at once.
    accept_pause_seconds: float = 0.2
    #: What follows the fixed part of a PROXY header of version 2.  Its length field allows 65 535;
    #: addresses need 216, and balancers add some hundred octets of TLVs.
    proxy_header: int = 4_096
    #: A ClientHello of TLS with the heads of its records: with keys for post-quantum algorithms it
    #: has two KiB, with tickets some more.
    client_hello: int = 32_768
    #: The first line of a client on cleartext, by which it is known what it speaks: as long as a
    #: request line of HTTP/1.1 may be.
    first_line: int = 16_384

    # --- a turn
    #: Events taken in one round: what they bring is read before anything is answered.
    events_a_round: int = 128
    #: What one read takes: the input of one turn of a connection.
    read_size: int = 65_536
    #: What one turn of a connection may send before others have theirs.
    turn_output: int = 524_288
    #: The same while no other connection has anything to do: a millisecond, which is soon over for
    #: whoever comes meanwhile, and fewer wake-ups of both ends.
    lone_turn_output: int = 2_097_152
    #: Work after which other tasks of the event loop get their turn.
    slice_seconds: float = 0.005
    #: What is waited without sleeping for an event that is due: about what it costs to be woken.
    busy_wait_seconds: float = 0.000_05

    #: Between two looks at the deadlines of one connection.
    check_seconds: float = 0.001

    # --- HTTP/3
    #: Datagrams read from one socket in one round: some milliseconds of work.
    datagrams_a_round: int = 256
    #: What one turn of a connection may give to its transport before others have theirs: each
    #: octet costs fifty times what one of HTTP/2 does.
    datagram_turn_output: int = 131_072
    #: Connections of one worker.  Nothing else bounds them, as they share a descriptor; each takes
    #: some 100 KiB.
    datagram_connections: int = 4_096
    #: Those of which the handshake is not complete, together: an Initial packet with any source
    #: address makes one.
    opening_connections: int = 1_024
    #: From so many of them on, clients have to show first that they are where they say (Retry),
    #: which costs them a round trip.
    unvalidated_connections: int = 128
    #: Stateless resets, version negotiations and refusals of tokens in one second: answers to
    #: packets that anybody can make (RFC 9000 section 10.3.3).
    stateless_packets: int = 1_000
    #: Jobs of HTTP/3 that are done in threads at once, beside those of the other protocols.
    datagram_jobs: int = 1

    # --- the end of a connection
    #: A write that moves nothing for so long ends the connection (CVE-2019-9517).
    write_seconds: float = limits.STALL_SECONDS
    #: What a connection that is over reads and discards, so that its last octets arrive: a reset
    #: would overtake them.
    linger_octets: int = 65_536
    linger_seconds: float = 1.0

    # --- threads
    #: Reads that wait for a disk at once; a disk has little use for more, and each is a thread.
    threads: int = 8
    #: Jobs done at once: the threads that are left are for reading, so that downloads go on however
    #: many lists of files somebody asks for.
    jobs: int = 6

    # --- passwords
    #: Octets of an Authorization field; longer ones are no password.
    authorization: int = 2_048
    #: Right credentials that are remembered: more people than anybody shows work to.
    right_credentials: int = 1_000
    #: New ones that wait to be looked at, each of which takes some 40 ms: the last one waits for
    #: less than three seconds.
    password_checks: int = 64
    #: Of one address: a person types one at a time, and an office shares an address.
    password_checks_of_client: int = 8

    # --- now and then
    #: A deleted file takes its place on the disk until nobody has it open any more.
    release_seconds: float = 30.0
    #: A worker with more memory than --max-memory gives back what it remembers this often at most;
    #: if it is above the bound again before, that was not the reason, and it is replaced.
    shrink_rest_seconds: float = 60.0
    #: Between two looks at how late the loop is and at what there is to report.
    probe_seconds: float = 1.0


DEFAULT_LIMITS: Final = ServerLimits()
