"""Every quantity in the loop that clients can drive up, its limit, and the reason for it.

Contract: one immutable :class:`ServerLimits`, passed to each part when it is created.  Limits of a
protocol are in the limits of its engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.http import limits


@dataclass(slots=True, kw_only=True, frozen=True)
class ServerLimits:
    """Limits of one worker.  Times are in seconds, sizes in octets."""

    # --- from accept to a protocol
    #: For a PROXY header, a TLS handshake and the detection of the protocol, together
    #: (CVE-2026-56853).
    opening_seconds: float = 10.0
    #: What remains of that once the server drains: a request may already be on its way.
    last_word_seconds: float = 1.0
    #: Connections accepted from one listener in one round, so that existing ones get their turn.
    accepts_a_round: int = 64
    #: Handshakes continued in one round: each costs about a millisecond.
    handshakes_a_round: int = 4
    #: Pause in accepting when descriptors or memory run out: a level-triggered poller would report
    #: the listener again immediately.
    accept_pause_seconds: float = 0.2
    #: Octets after the fixed part of a version 2 PROXY header.  Its length field allows 65 535;
    #: addresses need 216, and load balancers add a few hundred octets of TLVs.
    proxy_header: int = 4_096
    #: A TLS ClientHello including its record headers: with post-quantum keys it has two KiB, with
    #: tickets somewhat more.
    client_hello: int = 32_768
    #: A client's first line on a cleartext connection, which identifies the protocol: as long as an
    #: HTTP/1.1 request line may be.
    first_line: int = 16_384

    # --- a turn
    #: Events processed in one round: all their input is read before anything is answered.
    events_a_round: int = 128
    #: Octets in one read: the input of one turn of a connection.
    read_size: int = 65_536
    #: What one turn of a connection may send before others get theirs.
    turn_output: int = 524_288
    #: The same while no other connection has work: a millisecond, which delays a new connection
    #: only briefly, and saves wake-ups on both ends.
    lone_turn_output: int = 2_097_152
    #: Work after which other tasks of the event loop get their turn.
    slice_seconds: float = 0.005
    #: Time to wait for a due event without sleeping: about the cost of being woken.
    busy_wait_seconds: float = 0.000_05

    #: Between two checks of the deadlines of one connection.
    check_seconds: float = 0.001

    # --- HTTP/3
    #: Datagrams read from one socket in one round: a few milliseconds of work.
    datagrams_a_round: int = 256
    #: What one turn of a connection may pass to its transport before others get theirs: each octet
    #: costs fifty times as much as in HTTP/2.
    datagram_turn_output: int = 131_072
    #: Connections of one worker.  Nothing else limits them, because they share a descriptor; each
    #: takes about 100 KiB.
    datagram_connections: int = 4_096
    #: Connections with an incomplete handshake: an Initial packet with any source address creates
    #: one.
    opening_connections: int = 1_024
    #: From this many on, clients must first prove their address (Retry), which costs them
    #: a round trip.
    unvalidated_connections: int = 128
    #: Stateless resets, version negotiations and refusals of tokens in one second: responses to
    #: packets that anyone can send (RFC 9000 section 10.3.3).
    stateless_packets: int = 1_000
    #: HTTP/3 jobs that run in threads at the same time, in addition to those of the other
    #: protocols.
    datagram_jobs: int = 1

    # --- the end of a connection
    #: A write without progress for this long ends the connection (CVE-2019-9517).
    write_seconds: float = limits.STALL_SECONDS
    #: What a finished connection still reads and discards, so that its last octets arrive: a reset
    #: would overtake them.
    linger_octets: int = 65_536
    linger_seconds: float = 1.0

    # --- threads
    #: Concurrent reads from disk; more would not help a disk, and each takes a thread.
    threads: int = 8
    #: Concurrent jobs: the remaining threads are reserved for reading, so that downloads continue
    #: however many file lists a client requests.
    jobs: int = 6

    # --- passwords
    #: Octets of an Authorization field; longer ones cannot be a valid password.
    authorization: int = 2_048
    #: Verified credentials kept in the cache: more users than a shared preview ever has.
    right_credentials: int = 1_000
    #: New credentials waiting for verification, which takes about 40 ms each: the last one waits
    #: less than three seconds.
    password_checks: int = 64
    #: The same for one address: a person types one at a time, but an office shares an address.
    password_checks_of_client: int = 8

    # --- periodic work
    #: Open files are released at this interval: a deleted file occupies disk space while it is
    #: open.
    release_seconds: float = 30.0
    #: A worker above --max-memory empties its caches at most this often; if it exceeds the limit
    #: again sooner, the caches were not the reason, and it is replaced.
    shrink_rest_seconds: float = 60.0
    #: Between two measurements of the loop's delay, and between reports.
    probe_seconds: float = 1.0


DEFAULT_LIMITS: Final = ServerLimits()
