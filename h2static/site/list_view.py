"""How somebody wants to see a list of files: in which order, and which of them.

Contract: :func:`read_view` takes what it understands of a query, and ignores the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from h2static.site.limits import DEFAULTS, SiteLimits

#: Parameters of the query.
SORT: Final = "sort"
FILTER: Final = "filter"
#: What lists are sorted by; the first one is the order without a word about it.
ORDERS: Final = ("name", "size", "date")


@dataclass(slots=True, frozen=True, kw_only=True)
class ListView:
    """A view of a list; views of the same kind are equal."""

    #: One of :data:`ORDERS`.
    sort: str = ORDERS[0]
    descending: bool = False
    #: What names have in them, in lower case; empty: anything.
    filter: str = ""
    #: Whether pictures are shown.
    thumbnails: bool = False

    @property
    def order(self) -> str:
        """The order as the query has it."""
        return f"-{self.sort}" if self.descending else self.sort


def parameters(query: bytes | None, limits: SiteLimits = DEFAULTS) -> Mapping[bytes, bytes]:
    """The parameters of a query; none where there are too many."""
    if not query:
        return {}
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=limits.query_parameters)
    except ValueError:
        return {}
    return dict(pairs)


def read_view(
    query: bytes | None, limits: SiteLimits = DEFAULTS, *, thumbnails: bool = False
) -> ListView:
    """The view that the query of a request asks for."""
    found = parameters(query, limits)
    order = found.get(SORT.encode(), b"").decode("latin-1")
    sort = order.removeprefix("-")
    wanted = found.get(FILTER.encode(), b"").decode("utf-8", "replace").strip()
    return ListView(
        sort=sort if sort in ORDERS else ORDERS[0],
        descending=sort in ORDERS and order.startswith("-"),
        filter=wanted[: limits.list_filter].casefold(),
        thumbnails=thumbnails,
    )
