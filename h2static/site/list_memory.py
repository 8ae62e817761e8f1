"""Lists of folders as octets: each is made once while its folder is as it was.

Contract: :meth:`ListMemory.octets` gives equal lists the same object, whoever sends them, as long
as it is kept.  Kept are the last ones up to ``SiteLimits.kept_lists`` octets; with those that
streams still hold they are at most ``SiteLimits.held_lists``, and what is beyond that is refused.

Assumes nothing about threads: lists are made in any.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b
from threading import Lock
from typing import TypeAlias

from h2static.site.errors import SiteError
from h2static.site.limits import SiteLimits
from h2static.site.listing import Listing
from h2static.site.octets import HeldOctets, OctetCount

#: Makes octets of a list: the same for the same list.
Form: TypeAlias = Callable[[Listing], bytes]


class ListMemory:
    """The lists of one site."""

    def __init__(self, limits: SiteLimits) -> None:
        self._limits = limits
        self._count = OctetCount()
        self._lock = Lock()
        #: By folder and form: a digest of what the list says, and its octets.
        self._lists: OrderedDict[tuple[tuple[bytes, ...], Form], tuple[bytes, HeldOctets]] = (
            OrderedDict()
        )
        self._kept = 0

    @property
    def held(self) -> int:
        """Octets of lists that somebody holds."""
        return self._count.held

    def octets(self, listing: Listing, form: Form) -> bytes:
        """``listing`` in ``form``.

        Raises :class:`SiteError` with 503 where too many octets are held.
        """
        key = (listing.names, form)
        digest = _digest(listing)
        with self._lock:
            known = self._lists.get(key)
            if known is not None and known[0] == digest:
                self._lists.move_to_end(key)
                return known[1]
        made = form(listing)
        if self._count.held + len(made) > self._limits.held_lists:
            raise SiteError(503)
        octets = self._count.hold(made)
        with self._lock:
            known = self._lists.pop(key, None)
            if known is not None and known[0] == digest:
                # Another thread was faster.
                octets = known[1]
            elif known is not None:
                self._kept -= len(known[1])
                known = None
            self._lists[key] = (digest, octets)
            if known is None:
                self._kept += len(octets)
            while self._kept > self._limits.kept_lists:
                _, (_, dropped) = self._lists.popitem(last=False)
                self._kept -= len(dropped)
        return octets

    def forget(self) -> None:
        """Keep no lists; what streams hold stays with them."""
        with self._lock:
            self._lists.clear()
            self._kept = 0


def _digest(listing: Listing) -> bytes:
    """What tells lists of one folder apart."""
    lines = [
        b"%b\0%d %d %d\n" % (entry.name, entry.is_folder, entry.size, entry.modified)
        for entry in listing.entries
    ]
    lines.append(b"%d" % listing.left_out)
    return blake2b(b"".join(lines), digest_size=16).digest()
