"""What a peer or an operator can reach in a site, each number once and with its reason.

Contract: :class:`SiteLimits` are given to a site when it is made; tests and embedders set others.
Sizes are octets.  What a limit turns away is said where the limit is used.
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
    """See the module."""

    # --- what is read of a request

    #: A path: each name may have 255 octets and take three times that in percent-encoding; longer
    #: paths than Linux takes (4096) name nothing.
    path: int = 3 * 4096
    #: Ranges of one request: more than a client can make use of, and each takes a heading.
    ranges: int = 64
    #: The same where they are small in comparison with the file: zchunk asks for so many.
    many_ranges: int = 256
    #: Headings of parts, together: a hundred octets each, unless a rule gives the file a long type.
    range_headings: int = 64 * _KIB
    #: A Range field: as many ranges of files up to a petabyte fit.
    range_field: int = 9 * _KIB
    #: Items of Accept and Accept-Encoding: clients list about five codings and ten media types.
    accept_items: int = 64
    #: Values of Accept-Language of which is remembered what they mean for a site: browsers send
    #: some hundred different ones.
    language_preferences: int = 1024

    #: Parameters of a query that rules of ``_redirects`` are compared with.
    query_parameters: int = 100

    # --- what is done at once, in the loop's thread; more is a job for another thread

    #: Rules that a request is compared with, half a microsecond each.
    rules_at_once: int = 1000
    #: Octets that are read through for a response: files with rules, pages for hints.
    octets_at_once: int = 64 * _KIB

    # --- the way to a file

    #: Links to follow for one path; the kernel's own limit.
    links: int = 40
    #: Looks at a name that changes its kind between two system calls.
    step_attempts: int = 4

    # --- remembered responses

    #: By what they depend on; one takes one to two KiB, and a site may well have 20 000 files.
    responses: int = 32_768
    #: By request.
    requests: int = 32_768
    #: What is compared for a response, or all fields of a request: browsers send less; what is
    #: longer is answered and not remembered.
    key: int = 4096
    #: Files that responses keep open to send them, of the 1024 descriptors that a process has at
    #: least.
    open_files: int = 128
    #: Folders that are kept open for the next file that is looked for in them; of the same 1024.
    open_folders: int = 64
    #: Files that are kept open to prove that they are unchanged; a quarter of what the process may
    #: open, so that connections always find descriptors.
    held_files: int = field(default_factory=_held_files)
    #: Bodies that no other memory counts: lists of files.
    own_octets: int = 8 * _MIB
    #: Bodies up to this size are not counted, and parts of files up to this size are copied: a
    #: reading of shared octets takes as much.
    free_octets: int = 2048
    #: Files and folders that are watched: each takes one KiB of the kernel's memory.
    watches: int = 4096
    #: One part in so many of the watches that a user may have: editors want some as well.
    share_of_watches: int = 16

    #: A response is made anew when memories have been released so many times, ten minutes, however
    #: often it is used: should anything of it not show in what it depends on, that is for a time.
    releases: int = 20

    # --- contents of files

    #: Files up to this size are held in memory, and their entity tag is made of their content.
    #: Larger ones would take more than a millisecond to digest and push many small ones out of the
    #: cache.
    small_file: int = _MIB
    #: Contents of small files that responses may hold besides those in the cache: what was dropped
    #: from it while it was sent.  What is beyond that is sent from the file.
    passing_octets: int = 4 * _MIB
    #: Digests that are remembered, with or without content: 64 k of them take about 20 MiB.
    digests: int = 65_536
    #: Readings of a file that changes while it is read, before it is taken as it is.
    read_attempts: int = 3
    #: Attempts at a response while files change; then it is 503.
    attempts: int = 4
    #: Files of a folder that are looked at to find out whether all have one date: a tool that sets
    #: dates sets all of them.
    dated_files: int = 32
    #: Folders of which that is remembered; one takes 250 octets.
    dated_folders: int = 4096
    #: Octets of buffers that readings of files keep from one read to the next: 64 at full speed.
    kept_buffers: int = 16 * _MIB
    #: Looks at a file that seems rewritten, as one that just grows does for a moment: a write sets
    #: the time first and the size last.  Each look waits for the writer where the file system can,
    #: else for a thread's turn.
    looks: int = 100

    # --- lists of folders

    #: Entries: more make no page that anybody reads, and a megabyte of HTML.
    list_entries: int = 10_000
    #: Characters of what names in a list are to have in them: as long as a name.
    list_filter: int = 255
    # --- compressing while serving
    #: Smaller files fit one packet anyhow.
    compress_least: int = 512
    #: Larger ones would take a thread for more than half a second.
    compress_most: int = 16 * _MIB
    #: What does not become smaller than this part of it is sent as it is: decoding costs, too.
    compress_ratio: float = 0.95
    #: Octets that are remembered, compressed; some hundred builds' scripts.
    compressed_kept: int = 32 * _MIB
    #: With those that streams and responses still hold; beyond it files are sent as they are.
    compressed_held: int = 96 * _MIB
    #: Contents of which it is known what becomes of them.
    compressed_entries: int = 10_000
    #: Octets that are compressed at once, and in a second after that: somebody who asks for more
    #: than is remembered, again and again, gets files as they are; it is some 5 % of a processor.
    compress_burst: int = 64 * _MIB
    compress_rate: int = 2 * _MIB
    #: Lists that are kept to be sent again while nothing has changed.
    kept_lists: int = 8 * _MIB
    #: Lists that streams hold and that are kept, together; then the response is 503.
    held_lists: int = 64 * _MIB

    # --- uploads that are echoed

    #: One upload: enough to test with.
    upload: int = 256 * _MIB
    #: All uploads of a worker whose responses were not sent yet: too little to fill a disk.
    uploads: int = 1024 * _MIB
    #: Held in memory of one upload, until its response is sent; more goes to a file.
    upload_in_memory: int = 16 * _KIB
    #: Held in memory of all uploads of a worker; beyond that, all go to files.
    uploads_in_memory: int = 16 * _MIB
    #: Open files of uploads, of the 1024 descriptors that a process has at least.
    upload_files: int = 256

    # --- hints

    #: Promises with one response.  Each costs the client a stream and the server a response before
    #: the client has asked for anything.
    promises: int = 32
    #: A Link field.  Together with the other fields it has to stay far below the 8 to 16 KiB that
    #: clients and proxies take.
    link: int = 4096
    #: Pages whose targets are kept; one takes a few hundred octets for each target.
    hint_pages: int = 1024
    #: Pages are read for hints up to this size; what is not held in memory is not read again for
    #: that.
    hint_page: int = _MIB
    #: Octets of a page that are read: what matters for the first paint stands at the beginning.
    html: int = 256 * _KIB
    #: Octets of one tag; longer ones have inline data in them and no URL that could be sent.
    html_tag: int = 4096
    #: Targets of one page; more cannot be fetched at once (100 streams are usual) and a Link field
    #: of more would be larger than clients take.
    html_targets: int = 32
    #: A target's URL: longer ones name no file of a site and would fill a field section.
    url: int = 2048
    #: Rules: more are a generated file that should have been a pattern.
    rules: int = 4096
    #: Targets of one rule: pushing more than a client may have streams helps nobody.
    rule_targets: int = 100

    # --- precompressed siblings

    #: Files of a site that are looked at when it starts, for siblings that are too old: they take a
    #: thread a tenth of a second.
    surveyed_files: int = 20_000
    #: Folders of which is remembered what siblings they have, and entries that are read for that:
    #: a thread does it in a twentieth of a second.
    listed_folders: int = 1024
    listed_entries: int = 65_536
    #: Such siblings in one folder, a hundred octets each.
    listed_siblings: int = 2048
    #: Files that are asked for in a folder before it is worth reading it.
    looks_before_list: int = 4
    #: Siblings that are remembered as unused, to tell how many there are.
    unused_siblings: int = 10_000

    # --- files that build tools write

    #: Octets of a page, manifest or script that is asked which files it names: the first script of
    #: a large application.
    bundle_file: int = 4 * _MIB
    #: Octets and scripts that are read for one page: they take a thread a tenth of a second, once
    #: for each version of the page.
    bundle_octets: int = 8 * _MIB
    bundle_files: int = 256
    #: Entries of a folder that are looked at for scripts of which only the hash is known.
    bundle_entries: int = 4096
    #: Pages and scripts of which is remembered what they name; one takes a few KiB.
    bundle_pages: int = 1024

    # --- files that the owner writes

    #: ``_headers`` and ``_redirects``: they have a few hundred lines, and every request is compared
    #: with all of them.
    netlify_file: int = _MIB
    #: Push rules: a file of the most rules with the most targets that anybody writes is far
    #: smaller.
    rule_file: int = 4 * _MIB
    #: Media types: the largest table of a system has 100 KiB.
    mime_types_file: int = 4 * _MIB
    #: Pages of a folder that rules are made of: one with more needs patterns, not a rule for each.
    exported_pages: int = 4096


DEFAULTS: Final = SiteLimits()
