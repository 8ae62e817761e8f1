"""Lists of folders as octets: each is made once while its folder is as it was.

Contract: :meth:`ListMemory.octets` gives equal lists the same object, whoever sends them, as long
as it is kept.  Kept are the last ones up to ``SiteLimits.kept_lists`` octets; with those that
streams still hold they are at most ``SiteLimits.held_lists``, and what is beyond that is refused.

Strategy: lists are made in several threads.  Each step on the dictionary is whole by itself, and
nobody relies on the one before: at worst a list is made twice, or dropped too early.  Where the
program that owns the threads says how (``alone``), they take turns at what takes most of the room
and nothing but computing: what many ask for at once is made by the first one.
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

#: Makes octets of a list: the same for the same list.
Form: TypeAlias = Callable[[Listing], bytes | bytearray]
#: What threads enter to be alone.
Alone: TypeAlias = AbstractContextManager[object]
#: For programs whose threads need not take turns, as there is one.
ANYHOW: Final[Alone] = nullcontext()
#: Of which folder a list is, after which name it begins, and how it is written.
ListKey: TypeAlias = tuple[Names, bytes, Form]


class _KeptList(NamedTuple):
    #: Of what the list says.
    digest: bytes
    octets: HeldOctets


class ListMemory:
    """The lists of one site."""

    def __init__(self, limits: SiteLimits, alone: Alone = ANYHOW) -> None:
        """``alone`` is entered by one thread at a time."""
        self._limits = limits
        self._alone = alone
        self._count = OctetCount()
        #: The last used at the end.
        self._lists: dict[ListKey, _KeptList] = {}

    @property
    def held(self) -> int:
        """Octets of lists that somebody holds."""
        return self._count.held

    def octets(self, listing: Listing, form: Form, *, after: bytes = b"") -> bytes:
        """``listing``, which begins behind ``after``, in ``form``.

        Raises :class:`SiteError` with 503 where too many octets are held.
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
    digest = blake2b(b"%d" % listing.left_out, digest_size=16)
    for packed in listing.packed:
        digest.update(b"%d\0%b" % (len(packed), packed))
    return digest.digest()
