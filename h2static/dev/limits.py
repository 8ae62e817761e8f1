"""Every quantity of dev mode that grows with requests, tabs or files, its bound, and why.

Contract: one immutable :class:`DevLimits`, handed to each part when it is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(slots=True, kw_only=True, frozen=True)
class DevLimits:
    """Bounds of one worker in dev mode.  Times are seconds, sizes octets."""

    # --- documents with the client in them
    #: Larger documents are sent as they are: each has to be read and rewritten as a whole, and
    #: nobody edits a page of this size by hand.
    document: int = 32 << 20
    #: Rewritten in the loop's thread, which takes some 20 µs for each KiB: how many authorities a
    #: document is rewritten for is up to clients.
    document_at_once: int = 32 << 10
    #: All documents that streams are being sent and that no memory holds; beyond it large ones are
    #: sent as they are.  Four of the largest, so that a peer cannot pin more by not reading.
    documents_in_use: int = 128 << 20
    #: Documents that are remembered, requests whose kind is, and responses made of one document:
    #: more than the pages that a person has open.
    remembered: int = 500
    #: Octets of remembered documents; what is dropped is made again.
    remembered_octets: int = 64 << 20
    #: Documents without the client that are reported; more would bury what else is said.
    warnings: int = 20

    # --- other responses, changed
    #: A page and what it loads are some dozens.
    rewritten: int = 1_000
    #: Octets of their bodies, which the site may have dropped already.
    rewritten_octets: int = 16 << 20

    # --- the page in place of a plain 404
    #: Names that are suggested in place of one that does not exist.
    suggestions: int = 5
    #: Entries of a folder that are looked at, which takes about one µs each.
    suggestion_entries: int = 5_000
    #: Of these, the likeliest are compared with it, which takes up to 100 µs each.
    suggestion_comparisons: int = 64
    #: Octets of a name that is compared: longer ones are made by programs, and comparing takes time
    #: that grows with their square.
    suggestion_name: int = 64

    # --- event streams
    #: Octets that may wait for one client; an event is some hundred, so it slept for long.
    waiting: int = 65_536
    #: Between comments: proxies and NAT drop what is silent for half a minute.
    comment_seconds: float = 15.0
    #: What a browser waits before it connects again by itself; tabs come back within two seconds.
    retry_seconds: float = 1.0
    #: Changed files named in one event; with more a page reloads anyway.
    changes_in_event: int = 200
    #: Changed files named in one line of the terminal.
    changes_in_line: int = 3

    # --- start
    #: How long tabs of before have to connect again, before a new one is opened: they try every
    #: second.  Hidden ones are slower, but one tab is enough.
    return_seconds: float = 1.5

    # --- the watcher
    #: The wait of one turn: how exactly the debounce time is kept.
    turn_seconds: float = 0.02
    #: While folders come, watches are set anew after so many times what that takes.
    watch_share: float = 4
    #: How long stopping waits for the watcher's thread.
    stop_seconds: float = 1.0
    #: Between two looks at whether the root is still the same folder: a build may replace it, a
    #: link may be swapped, and neither causes a notification.
    root_seconds: float = 0.5
    #: Between two looks at whether the file with push rules changed; it may be anywhere.
    rules_seconds: float = 0.5
    #: Changes are reported after so many debounce times at the latest, even if it never gets quiet.
    debounces: int = 20
    #: A person saves so few files at once; more are a build.
    saved: int = 8
    #: A build pauses between its files: it is over after so many debounce times without a change,
    burst_debounces: int = 5
    #: of so many files after twice that: what writes hundreds pauses longer on a busy machine,
    large_build: int = 200
    #: and goes on, as long as files come that it had not touched before, for so many seconds at
    #: most, after which tabs see what is there.
    burst_seconds: float = 30.0
    #: Other files so soon after a change belong to the same build.
    same_build_seconds: float = 1.0
    #: Without notifications: between comparisons, and how many times longer than a comparison
    #: takes, so that polling costs two per cent of a core at most.
    poll_seconds: float = 0.5
    poll_factor: float = 50

    #: Paths of what shared workers have loaded; with more, every change concerns every page.
    worker_files: int = 1_000
    #: Octets of a Markdown file that is shown as a page: making it takes six seconds for each MiB,
    #: during which other requests are slow.
    markdown: int = 512 << 10
    #: Octets of a file that answers in the place of an API.
    mock: int = 16 << 20

    # --- commands beside the server
    #: Lines and characters of what is wrong that a page shows; the rest is in the terminal.
    problem_lines: int = 20
    problem_characters: int = 4_000
    #: Octets of a line that is not over; then it is shown in parts.
    run_line: int = 65_536
    #: Octets of the report that workers read: as many problems as anybody would run commands.
    run_report: int = 1 << 20
    #: Between two looks at whether a command has ended, and at the report.
    run_turn_seconds: float = 0.1
    #: How long commands have to end by themselves.
    run_stop_seconds: float = 3.0

    # --- what is known of the tree
    #: Larger files are compared by size and time only: reading them costs more than a reload.
    digested_file: int = 1 << 20
    #: Octets digested ahead of any change, in total; the rest is digested when it changes.
    learned: int = 64 << 20
    #: One slice of that, between two turns of the watcher.
    learned_files_per_turn: int = 32
    learned_per_turn: int = 2 << 20
    #: With more touched paths than this, looking at everything once is cheaper.
    touched: int = 200
    #: Symbolic links whose targets are known; more are a tree that was linked together by a tool.
    links: int = 1_000


DEFAULT_LIMITS: Final = DevLimits()
