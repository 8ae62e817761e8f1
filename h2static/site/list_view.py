"""The requested view of a file list: its order and filter.

Contract: :func:`read_view` uses the parameters of a query that it knows, and ignores the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from h2static.site.limits import DEFAULTS, SiteLimits

#: Names of query parameters.
SORT: Final = "sort"
FILTER: Final = "filter"
#: The orders of lists; the first one is the default.
ORDERS: Final = ("name", "size", "date")


@dataclass(slots=True, frozen=True, kw_only=True)
class ListView:
    """A view of a list; views of the same kind are equal."""

    #: One of :data:`ORDERS`.
    sort: str = ORDERS[0]
    descending: bool = False
    #: Text that names must contain, in lower case; empty: any name.
    filter: str = ""
    #: Whether pictures are shown.
    thumbnails: bool = False

    @property
    def order(self) -> str:
        """The order in the form of the query parameter."""
        return f"-{self.sort}" if self.descending else self.sort


def parameters(query: bytes | None, limits: SiteLimits = DEFAULTS) -> Mapping[bytes, bytes]:
    """The parameters of a query; empty if there are too many."""
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
    """The view requested by a query."""
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
