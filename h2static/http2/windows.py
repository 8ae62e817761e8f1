"""Flow control of what the peer sends (RFC 9113 section 6.9): windows, and credit to return.

Contract: a :class:`ReceiveWindow` is told of every octet that came and of every octet that was
taken; it says how much credit is to be returned.  Credit is returned in halves of the window, so
that WINDOW_UPDATE frames stay few and a sender never runs dry.

A window may grow: each time that half of it was taken it doubles, up to a limit.  So round trips
soon do not hold up a long download, and what nobody takes never gets more than the first window.
"""

from __future__ import annotations


class ReceiveWindow:
    """The window of a connection or of a stream."""

    __slots__ = ("_most", "credit", "left", "size")

    def __init__(self, left: int, size: int, *, debt: int = 0, most: int = 0) -> None:
        """``left``: octets that may come now; ``size``: octets at its widest.

        ``debt``: octets less than ``left`` that the window is to have in the long run: so much is
        never returned.  ``most``: octets that it may grow to, if that is more than ``size``.
        """
        self.left = left
        self.size = size
        self._most = most
        #: Octets that were taken and whose credit was not returned; below 0 for a debt.
        self.credit = -debt

    def received(self, octets: int) -> bool:
        """Octets came; false when the window did not allow them."""
        self.left -= octets
        return self.left >= 0

    def taken(self, octets: int) -> int:
        """Octets were taken; the increment to announce now, 0 for none."""
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
        """Have ``size`` octets at its widest, if that is more; the increment to announce now."""
        increment = max(0, size - self.size)
        self.size += increment
        self.left += increment
        return increment

    def widen(self, increment: int) -> None:
        """Octets were allowed in addition, which is announced elsewhere."""
        self.left += increment
