"""Lists of folders as octets: each is made once while its folder is as it was.

Contract: :meth:`ListMemory.octets` gives equal lists the same object, whoever sends them, as long
as it is kept.  Kept are the last ones up to ``SiteLimits.kept_lists`` octets; with those that
streams still hold they are at most ``SiteLimits.held_lists``, and what is beyond that is refused.

Strategy: lists are made in several threads.  Each step on the dictionary is whole by itself, and
nobody relies on the one before: at worst a list is made twice, or dropped too early.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from h2static.site.errors import SiteError
from h2static.site.limits import SiteLimits
from h2static.site.listing import Listing
from h2static.site.octets import HeldOctets, OctetCount

#: Makes octets of a list: the same for the same list.
Form: TypeAlias = Callable[[Listing], bytes]


class _KeptList(NamedTuple):
    #: Of what the list says.
    digest: bytes
    octets: HeldOctets


class ListMemory:
    """The lists of one site."""

    def __init__(self, limits: SiteLimits) -> None:
        self._limits = limits
        self._count = OctetCount()
        #: By the names of the folder and the form; the last used at the end.
        self._lists: dict[tuple[tuple[bytes, ...], Form], _KeptList] = {}

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
        known = self._lists.pop(key, None)
        if known is None or known.digest != digest:
            made = form(listing)
            if self._count.held + len(made) > self._limits.held_lists:
                raise SiteError(503, refusal="too many lists of files are being sent")
            known = _KeptList(digest, self._count.hold(made))
        self._lists[key] = known
        self._make_room()
        return known.octets

    def _make_room(self) -> None:
        kept = tuple(self._lists.items())
        excess = sum(len(item.octets) for _, item in kept) - self._limits.kept_lists
        for key, item in kept:
            if excess <= 0:
                return
            self._lists.pop(key, None)
            excess -= len(item.octets)

    def settle(self) -> None:
        """See :meth:`h2static.site.octets.OctetCount.settle`."""
        self._count.settle()

    def forget(self) -> None:
        """Keep no lists; what streams hold stays with them."""
        self._lists.clear()


def _digest(listing: Listing) -> bytes:
    """What tells lists of one folder apart."""
    lines = [
        b"%b\0%d %d %d\n" % (entry.name, entry.is_folder, entry.size, entry.modified)
        for entry in listing.entries
    ]
    lines.append(b"%d" % listing.left_out)
    return blake2b(b"".join(lines), digest_size=16).digest()
