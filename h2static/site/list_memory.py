"""Folder lists as octets, cached as long as the folder is unchanged.

Contract: :meth:`ListMemory.octets` gives equal lists the same object, for all streams, as long as
it is cached.  The cache holds the latest lists up to ``SiteLimits.kept_lists`` octets; including
those that streams still hold, there are at most ``SiteLimits.held_lists``, and more are refused.

Strategy: lists are rendered in several threads.  Each step on the dictionary is atomic and does not
rely on earlier steps: at worst a list is rendered twice, or dropped too early.  If the program that
owns the threads provides ``alone``, they take turns in rendering, which takes most of the memory
and only computes: a list that many request at the same time is rendered by the first.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias

from h2static.site.errors import SiteError
from h2static.site.limits import SiteLimits
from h2static.site.listing import Listing
from h2static.site.octets import HeldOctets, OctetCount
from h2static.site.paths import Names

#: Renders a list as octets: the same for the same list.
Form: TypeAlias = Callable[[Listing], bytes | bytearray]
#: A context that one thread at a time can enter.
Alone: TypeAlias = AbstractContextManager[object]
#: For programs with a single thread, which need not take turns.
ANYHOW: Final[Alone] = nullcontext()
#: Identifies a list: its folder, the name after which it begins, and its form.
ListKey: TypeAlias = tuple[Names, bytes, Form]


class _KeptList(NamedTuple):
    #: Digest of the list's contents.
    digest: bytes
    octets: HeldOctets


class ListMemory:
    """The cached lists of one site."""

    def __init__(self, limits: SiteLimits, alone: Alone = ANYHOW) -> None:
        """``alone`` is entered by one thread at a time."""
        self._limits = limits
        self._alone = alone
        self._count = OctetCount()
        #: Most recently used last.
        self._lists: dict[ListKey, _KeptList] = {}

    @property
    def held(self) -> int:
        """Octets of lists held by the cache or by streams."""
        return self._count.held

    def octets(self, listing: Listing, form: Form, *, after: bytes = b"") -> bytes:
        """Render ``listing``, which begins after the name ``after``, in ``form``.

        Raises :class:`SiteError` with 503 if too many octets are held.
        """
        with self._alone:
            return self._octets((listing.names, after, form), listing)

    def _octets(self, key: ListKey, listing: Listing) -> bytes:
        digest = _digest(listing)
        known = self._lists.pop(key, None)
        if known is None or known.digest != digest:
            made = key[-1](listing)
            if self._count.held + len(made) > self._limits.held_lists:
                raise SiteError(503, refusal="too many lists of files are being sent")
            known = _KeptList(digest, self._count.hold(made))
        self._lists[key] = known
        self._make_room()
        return known.octets

    def _make_room(self) -> None:
        # A copy, which is made in one step: the loop's thread may clear the dictionary.
        kept = self._lists.copy()
        excess = sum(len(item.octets) for item in kept.values()) - self._limits.kept_lists
        for key, item in kept.items():
            if excess <= 0:
                return
            self._lists.pop(key, None)
            excess -= len(item.octets)

    def settle(self) -> None:
        """Call :meth:`h2static.site.octets.OctetCount.settle`."""
        self._count.settle()

    def forget(self) -> None:
        """Clear the cache; streams keep the lists that they hold."""
        self._lists.clear()


def _digest(listing: Listing) -> bytes:
    """A digest that distinguishes lists of one folder."""
    digest = blake2b(b"%d" % listing.left_out, digest_size=16)
    for packed in listing.packed:
        digest.update(b"%d\0%b" % (len(packed), packed))
    return digest.digest()
