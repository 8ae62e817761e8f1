"""Every quantity of the loop that clients control, its limit, and the reason for the limit.

Contract: one immutable :class:`ServerLimits`, passed to each part when it is created.  Limits of a
protocol are with its engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.http import limits


@dataclass(slots=True, kw_only=True, frozen=True)
class ServerLimits:
    """Limits of one worker.  Times are seconds, sizes octets."""

    # --- from accept to a protocol
    #: Time for a PROXY header, the TLS handshake and protocol detection together (CVE-2026-56853).
    opening_seconds: float = 10.0
    #: The same once the server drains: a request that the client was about to send is on its way.
    last_word_seconds: float = 1.0
    #: Connections accepted from one listener per round, so that existing ones are not starved.
    accepts_a_round: int = 64
    #: Handshakes continued per round: each step takes about a millisecond.
    handshakes_a_round: int = 4
    #: Pause in accepting when descriptors or memory run out: a level-triggered poller would report
    #: the listener again immediately.
    accept_pause_seconds: float = 0.2
    #: Length of a PROXY header (version 2) after its fixed part.  The length field allows 65 535;
    #: addresses need 216, and load balancers add some hundred octets of TLVs.
    proxy_header: int = 4_096
    #: Size of a TLS ClientHello with its record headers: about two KiB with post-quantum keys, more
    #: with tickets.
    client_hello: int = 32_768
    #: First line of a client in cleartext, which identifies its protocol: as long as an HTTP/1.1
    #: request line may be.
    first_line: int = 16_384

    # --- a turn
    #: Events taken per round: all input is read before anything is answered.
    events_a_round: int = 128
    #: Size of one read: the input of one turn of a connection.
    read_size: int = 65_536
    #: Output of one turn of a connection, so that other connections get their turn.
    turn_output: int = 524_288
    #: Working time after which other tasks of the event loop get their turn.
    slice_seconds: float = 0.005

    #: Interval between checks of a connection's deadlines.
    check_seconds: float = 0.001

    # --- HTTP/3
    #: Datagrams read from one socket per round: some milliseconds of work.
    datagrams_a_round: int = 256
    #: Output of one turn of a connection, so that other connections get their turn: each octet
    #: costs fifty times as much as in HTTP/2.
    datagram_turn_output: int = 131_072
    #: Connections per worker.  Nothing else limits them, because they share a descriptor; each
    #: takes about 100 KiB.
    datagram_connections: int = 4_096
    #: Connections with an incomplete handshake: an Initial packet with any source address creates
    #: one.
    opening_connections: int = 1_024
    #: Incomplete handshakes above which clients must first prove their address (Retry), which costs
    #: them a round trip.
    unvalidated_connections: int = 128
    #: Stateless resets, version negotiations and token refusals per second: responses to packets
    #: that anyone can forge (RFC 9000 section 10.3.3).
    stateless_packets: int = 1_000
    #: Concurrent HTTP/3 jobs in threads, in addition to those of the other protocols.
    datagram_jobs: int = 1

    # --- the end of a connection
    #: A write that makes no progress for this time ends the connection (CVE-2019-9517).
    write_seconds: float = limits.STALL_SECONDS
    #: What a closing connection reads and discards, so that its last octets arrive: a TCP reset
    #: would overtake them.
    linger_octets: int = 65_536
    linger_seconds: float = 1.0

    # --- threads
    #: Concurrent reads that wait for a disk; more would not make it faster, and each is a thread.
    threads: int = 8
    #: Concurrent jobs: the remaining threads are for reading, so that downloads continue however
    #: many folder listings clients request.
    jobs: int = 6

    # --- passwords
    #: Length of an Authorization field; a password is shorter.
    authorization: int = 2_048
    #: Cached valid credentials: more than the users of a site under review.
    right_credentials: int = 1_000
    #: Unknown credentials waiting to be checked, which takes about 40 ms each: the last one waits
    #: less than three seconds.
    password_checks: int = 64
    #: The same for one address: a person types one password at a time, but an office shares an
    #: address.
    password_checks_of_client: int = 8

    # --- maintenance
    #: A deleted file occupies disk space until its last descriptor is closed.
    release_seconds: float = 30.0
    #: Minimum interval between emptying the caches of a worker above --max-memory; if the worker is
    #: above the limit again earlier, the caches were not the cause, and it is replaced.
    shrink_rest_seconds: float = 60.0
    #: Interval between checks of the loop's delay and of pending reports.
    probe_seconds: float = 1.0


DEFAULT_LIMITS: Final = ServerLimits()
