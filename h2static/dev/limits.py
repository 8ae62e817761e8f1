"""Every quantity of dev mode that grows with requests, tabs or files, its limit, and the reason.

Contract: one immutable :class:`DevLimits`, passed to each part when it is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, kw_only=True, frozen=True)
class DevLimits:
    """Limits of one worker in dev mode.  Times are seconds, sizes octets."""

    # --- documents with the live-reload client in them
    #: Larger documents are sent unchanged: each must be read and rewritten as a whole, and pages of
    #: this size are not edited by hand.
    document: int = 32 << 20
    #: Documents rewritten in the loop's thread, which takes about 20 µs per KiB: clients control
    #: for how many authorities a document is rewritten.
    document_at_once: int = 32 << 10
    #: Documents that are being sent and are in no cache; beyond this, large ones are sent
    #: unchanged.  Four of the largest, so that a peer cannot pin more by not reading.
    documents_in_use: int = 128 << 20
    #: Cached documents, kinds of requests, and responses made from one document: more than the
    #: pages that a person has open.
    remembered: int = 500
    #: Octets of cached documents; evicted ones are made again.
    remembered_octets: int = 64 << 20
    #: Reports of documents without the client; more would bury other messages.
    warnings: int = 20

    # --- other responses that are changed
    #: A page loads some dozens of resources.
    rewritten: int = 1_000
    #: Octets of their bodies, which the site may have dropped already.
    rewritten_octets: int = 16 << 20

    # --- the page that replaces a plain 404
    #: Suggested names for one that does not exist.
    suggestions: int = 5
    #: Entries of a folder to look at, which takes about one µs each.
    suggestion_entries: int = 5_000
    #: The most similar of them to compare with the name, which takes up to 100 µs each.
    suggestion_comparisons: int = 64
    #: Length of a name to compare: programs make longer ones, and the time for comparing grows with
    #: the square of the length.
    suggestion_name: int = 64

    # --- event streams
    #: Octets waiting for one client.  An event has some hundred, so the client has slept for long.
    waiting: int = 65_536
    #: Interval between comments: proxies and NAT drop connections after half a minute of silence.
    comment_seconds: float = 15.0
    #: Time after which a browser reconnects; tabs are back within two seconds.
    retry_seconds: float = 1.0
    #: Changed files listed in one event; with more, a page reloads anyway.
    changes_in_event: int = 200
    #: Changed files named in one line on the terminal.
    changes_in_line: int = 3

    # --- start
    #: Time that tabs of an earlier run have to reconnect before a new one is opened: they try every
    #: second.  Hidden tabs are slower, but one tab is enough.
    return_seconds: float = 1.5

    # --- the watcher
    #: Length of one turn, which is the precision of the debounce time.
    turn_seconds: float = 0.02
    #: While folders appear, watches are set again after this many times the duration of doing so.
    watch_share: float = 4
    #: Time that stopping waits for the watcher's thread.
    stop_seconds: float = 1.0
    #: Interval between checks whether the root is still the same folder: a build may replace it, a
    #: link may be swapped, and neither causes a notification.
    root_seconds: float = 0.5
    #: Interval between checks whether the file with push rules changed, wherever it is.
    rules_seconds: float = 0.5
    #: Changes are reported after this many debounce times at the latest, even if more keep coming.
    debounces: int = 20
    #: A person saves at most this many files at a time; more are a build.
    saved: int = 8
    #: A build pauses between its files: it is over after this many debounce times without a change.
    burst_debounces: int = 5
    #: A build of this many files is over after twice that: it pauses longer on a busy machine.
    large_build: int = 200
    #: A build that keeps touching new files is waited for this long; then tabs see what is there.
    burst_seconds: float = 30.0
    #: Changes to other files within this time belong to the same build.
    same_build_seconds: float = 1.0
    #: Polling: the interval between comparisons, and how many times the duration of a comparison it
    #: is at least, so that polling takes at most two percent of a core.
    poll_seconds: float = 0.5
    poll_factor: float = 50

    #: Paths that shared workers have loaded; with more, every change concerns every page.
    worker_files: int = 1_000
    #: Size of a Markdown file that is shown as a page: rendering takes six seconds per MiB and
    #: slows down other requests.
    markdown: int = 512 << 10
    #: Size of a file that answers for a mock API.
    mock: int = 16 << 20

    # --- commands of --run
    #: Lines and characters of a problem on a page; the rest is on the terminal.
    problem_lines: int = 20
    problem_characters: int = 4_000
    #: Length of an unfinished line, which is then shown in parts.
    run_line: int = 65_536
    #: Size of the report that workers read: the problems of more commands than anyone would run.
    run_report: int = 1 << 20
    #: Interval between checks whether a command has exited, and of the report.
    run_turn_seconds: float = 0.1
    #: Time that commands have to exit by themselves.
    run_stop_seconds: float = 3.0

    # --- the state of the tree
    #: Larger files are compared by size and time only: reading them costs more than a reload.
    digested_file: int = 1 << 20
    #: Octets digested ahead of any change, in total; the rest is digested when it changes.
    learned: int = 64 << 20
    #: The share of that between two turns of the watcher.
    learned_files_per_turn: int = 32
    learned_per_turn: int = 2 << 20
    #: With more touched paths, scanning everything once is cheaper.
    touched: int = 200
    #: Symbolic links with known targets; more are a tree that a tool has linked together.
    links: int = 1_000


DEFAULT_LIMITS: Final = DevLimits()
