"""Receive-side flow control (RFC 9113 section 6.9): windows, and credit to return.

Contract: a :class:`ReceiveWindow` counts every octet received and taken, and says how much credit
to return.  Credit is returned in halves of the window, so that WINDOW_UPDATE frames are few and the
sender never runs dry.

A window can grow: it doubles each time half of it has been taken, up to a limit.  So round trips
soon stop slowing down a long transfer, while content that is not taken never gets more than the
first window.
"""

from __future__ import annotations


class ReceiveWindow:
    """The window of a connection or of a stream."""

    __slots__ = ("_most", "credit", "left", "size")

    def __init__(self, left: int, size: int, *, debt: int = 0, most: int = 0) -> None:
        """``left``: octets allowed now; ``size``: the full size in octets.

        ``debt``: octets by which the window must shrink below ``left`` in the long run: this much
        credit is never returned.  ``most``: octets that it may grow to, if that is more than
        ``size``.
        """
        self.left = left
        self.size = size
        self._most = most
        #: Octets taken whose credit has not been returned; below 0 for a debt.
        self.credit = -debt

    def received(self, octets: int) -> bool:
        """Count received octets; returns false if the window did not allow them."""
        self.left -= octets
        return self.left >= 0

    def taken(self, octets: int) -> int:
        """Count taken octets; returns the increment to announce now, or 0."""
        credit = self.credit + octets
        if credit > 0 and credit * 2 >= self.size:
            self.credit = 0
            if self.size < self._most:
                grown = min(self.size, self._most - self.size)
                self.size += grown
                credit += grown
            self.left += credit
            return credit
        self.credit = credit
        return 0

    def grow(self, size: int) -> int:
        """Grow to ``size`` octets, if that is more; returns the increment to announce now."""
        increment = max(0, size - self.size)
        self.size += increment
        self.left += increment
        return increment

    def widen(self, increment: int) -> None:
        """Allow more octets, which is announced elsewhere."""
        self.left += increment
