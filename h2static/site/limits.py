"""Limits of a site that a peer or an operator can reach, each defined once, with its reason.

Contract: a site gets its :class:`SiteLimits` when it is created; tests and embedders can pass
others.  Sizes are in octets.  The code that uses a limit documents the reaction.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass, field
from typing import Final

_KIB: Final = 1024
_MIB: Final = 1024 * 1024


def _held_files() -> int:
    return min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)


@dataclass(slots=True, frozen=True, kw_only=True)
class SiteLimits:
    """Limits of one site.  Sizes are in octets."""

    # --- reading requests

    #: A path: three times the longest path on Linux (4096), because percent-encoding can triple the
    #: length.
    path: int = 3 * 4096
    #: Ranges in one request: more than a client can use, and each needs a part header.
    ranges: int = 64
    #: The same if they are small compared with the file: zchunk requests this many.
    many_ranges: int = 256
    #: All part headers together: a hundred octets each, unless a rule sets a long media type.
    range_headings: int = 64 * _KIB
    #: A Range field: enough for that many ranges of files up to a petabyte.
    range_field: int = 9 * _KIB
    #: Items of Accept and Accept-Encoding: clients list about five codings and ten media types.
    accept_items: int = 64
    #: Cached Accept-Language values with their meaning for the site: browsers send a few hundred
    #: different ones.
    language_preferences: int = 1024

    #: Query parameters that are matched with rules in ``_redirects``.
    query_parameters: int = 100

    # --- work done directly in the loop's thread; more becomes a job for another thread

    #: Rules matched with a request, half a microsecond each.
    rules_at_once: int = 1000
    #: Octets parsed for a response: rule files, pages for hints.
    octets_at_once: int = 64 * _KIB

    # --- finding a file

    #: Symbolic links followed for one path; the kernel's own limit.
    links: int = 40
    #: Attempts to open a name that changes its type between two system calls.
    step_attempts: int = 4

    # --- cached responses

    #: Responses by cache key; one takes one to two KiB, and a site may well have 20 000 files.
    responses: int = 32_768
    #: Responses by request.
    requests: int = 32_768
    #: A cache key, or all fields of a request: browsers send less; a longer request is answered but
    #: its response is not cached.
    key: int = 4096
    #: Files that responses keep open for sending, out of at least 1024 descriptors per process.
    open_files: int = 128
    #: Folders kept open for the next lookup in them; out of the same 1024.
    open_folders: int = 64
    #: Files kept open to prove that they are unchanged; a quarter of what the process may open, so
    #: that there are always descriptors left for connections.  Files beyond that are covered by the
    #: watches of their folders.
    held_files: int = field(default_factory=_held_files)
    #: Bodies that no other cache accounts for: file lists.
    own_octets: int = 8 * _MIB
    #: Bodies up to this size are not counted, and parts of files up to this size are copied:
    #: reading shared octets takes as much.
    free_octets: int = 2048
    #: Watched files and folders: each takes one KiB of kernel memory.
    watches: int = 4096
    #: One in this many of the watches that a user may have: editors need some as well.
    share_of_watches: int = 16

    #: A response is rebuilt after this many releases of the caches (ten minutes), however often it
    #: is used: should a change not show in its dependencies, it goes unnoticed only for that long.
    releases: int = 20

    # --- contents of files

    #: Files up to this size are kept in memory, and their entity tag is a digest of their content.
    #: Larger ones would take more than a millisecond to digest, and evict many small ones from the
    #: cache.
    small_file: int = _MIB
    #: Contents of small files that responses may hold in addition to the cache: those evicted while
    #: being sent.  Beyond that, content is sent from the file.
    passing_octets: int = 4 * _MIB
    #: Cached digests, with or without content: 64 k of them take about 20 MiB.
    digests: int = 65_536
    #: Attempts to read a file that changes meanwhile, before it is used as it is.
    read_attempts: int = 3
    #: Attempts to build a response while files change; then it is 503.
    attempts: int = 4
    #: Files of a folder that are checked for having all the same date: a tool that sets dates sets
    #: all of them.
    dated_files: int = 32
    #: Folders for which the result is cached; one takes 250 octets.
    dated_folders: int = 4096
    #: Octets of buffers that file reads keep from one read to the next: 64 at full speed.
    kept_buffers: int = 16 * _MIB
    #: Checks of a file that seems rewritten, as a growing file does for a moment: a write sets the
    #: time first and the size last.  Each check waits for the writer if the file system can,
    #: otherwise for a thread's turn.
    looks: int = 100

    # --- folder lists

    #: Entries in a list: a longer one is unreadable, and a megabyte of HTML.
    list_entries: int = 10_000
    #: Characters of a list's filter: as long as a name.
    list_filter: int = 255
    # --- compressing while serving
    #: Smaller files fit into one packet anyway.
    compress_least: int = 512
    #: Larger ones would take a thread for more than half a second.
    compress_most: int = 16 * _MIB
    #: If the result is not smaller than this part of the original, it is not used: decoding costs,
    #: too.
    compress_ratio: float = 0.95
    #: Octets of compressed content in the cache: the scripts of a few hundred builds.
    compressed_kept: int = 32 * _MIB
    #: The same including those that streams and responses still hold; beyond it, files are sent as
    #: is.
    compressed_held: int = 96 * _MIB
    #: Contents with a known compression result.
    compressed_entries: int = 10_000
    #: Octets that may be compressed in a burst, and per second after that: a client that keeps
    #: requesting more than the cache holds gets uncompressed files.  This costs about 5 % of a
    #: processor.
    compress_burst: int = 64 * _MIB
    compress_rate: int = 2 * _MIB
    #: Cached lists, reused while nothing has changed.
    kept_lists: int = 8 * _MIB
    #: Lists held by streams and the cache, together; then the response is 503.
    held_lists: int = 64 * _MIB

    # --- echoed uploads

    #: One upload: enough to test with.
    upload: int = 256 * _MIB
    #: All uploads of a worker whose responses are not sent yet: too little to fill a disk.
    uploads: int = 1024 * _MIB
    #: Octets of one upload held in memory until its response is sent; more goes to a file.
    upload_in_memory: int = 16 * _KIB
    #: Octets of all uploads of a worker held in memory; beyond that, all go to files.
    uploads_in_memory: int = 16 * _MIB
    #: Open files of uploads, out of at least 1024 descriptors per process.
    upload_files: int = 256

    # --- hints

    #: Pushes with one response.  Each costs the client a stream and the server a response that the
    #: client has not requested.
    promises: int = 32
    #: Promised requests that are remembered: a page has a few for each browser and language.
    promised_requests: int = 1_024
    #: A Link field.  Together with the other fields it must stay far below the 8 to 16 KiB that
    #: clients and proxies accept.
    link: int = 4096
    #: Pages with cached targets; one takes a few hundred octets per target.
    hint_pages: int = 1024
    #: Pages up to this size are read for hints; content that is not in memory is not read again for
    #: that.
    hint_page: int = _MIB
    #: Octets of a page that are parsed: everything needed for the first paint is at the beginning.
    html: int = 256 * _KIB
    #: Octets of one tag; longer ones contain inline data instead of a URL that could be sent.
    html_tag: int = 4096
    #: Targets of one page; more cannot be fetched in parallel (100 streams are usual), and a Link
    #: field with more would be larger than clients accept.
    html_targets: int = 32
    #: A target's URL: longer ones do not name a file of a site and would fill a field section.
    url: int = 2048
    #: Push rules: a file with more is generated and should use patterns.
    rules: int = 4096
    #: Targets of one rule: pushing more than a client's stream limit is useless.
    rule_targets: int = 100

    # --- precompressed siblings

    #: Files of a site that are checked at startup for outdated siblings: this takes a thread a
    #: tenth of a second.
    surveyed_files: int = 20_000
    #: Folders with a cached list of siblings, and entries read for that: this takes a thread a
    #: twentieth of a second.
    listed_folders: int = 1024
    listed_entries: int = 65_536
    #: Siblings listed for one folder, a hundred octets each.
    listed_siblings: int = 2048
    #: Files requested from a folder before listing it is worthwhile.
    looks_before_list: int = 4
    #: Siblings remembered as unused, to report their number.
    unused_siblings: int = 10_000

    # --- output of build tools

    #: Octets of a page, manifest or script that are searched for file names: the first script of a
    #: large application fits.
    bundle_file: int = 4 * _MIB
    #: Octets and scripts read for one page: this takes a thread a tenth of a second, once for each
    #: version of the page.
    bundle_octets: int = 8 * _MIB
    bundle_files: int = 256
    #: Entries of a folder searched for scripts of which only the hash is known.
    bundle_entries: int = 4096
    #: Pages and scripts with a cached list of the files they name; one takes a few KiB.
    bundle_pages: int = 1024

    # --- files written by the site owner

    #: ``_headers`` and ``_redirects``: they have a few hundred lines, and every request is matched
    #: with all of them.
    netlify_file: int = _MIB
    #: A file of push rules: even with the maximum of rules and realistic targets it is far smaller.
    rule_file: int = 4 * _MIB
    #: A file of media types: the largest system table has 100 KiB.
    mime_types_file: int = 4 * _MIB
    #: Pages of a folder from which rules are made: a larger folder needs patterns, not a rule for
    #: each.
    exported_pages: int = 4096


DEFAULTS: Final = SiteLimits()
