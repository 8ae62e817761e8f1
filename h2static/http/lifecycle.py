"""What an application may want to know of the server around it.

Contract: a :class:`Lifecycle` is told when serving begins, of each batch, when memory is to be
given back, and when serving ends.  All of it is optional: what an application does not override
does
nothing.  Whoever assembles a server finds out once which applications want to know, with
:func:`lifecycle_of`.
"""

from __future__ import annotations

from collections.abc import Iterable


class Lifecycle:
    """A base class; see the module.  All methods are called in the loop's thread."""

    __slots__ = ()

    def start(self) -> None:
        """Serving begins."""

    def new_batch(self) -> None:
        """All requests answered from now on until the next call were read before this call."""

    @property
    def lasting(self) -> bool:
        """Whether all that was recalled in the batches before is still right in this one.

        Asked after :meth:`new_batch`.  May be ``False`` where that is so, but not the other way
        round.
        """
        return False

    def release(self) -> None:
        """Give back what is only remembered and was not used since the last call: files that are
        kept open, responses held in memory.

        Called about twice a minute: a deleted file takes its place on the disk until nobody has it
        open any more.
        """

    def shrink(self) -> None:
        """Memory is short: give back everything that is only remembered, used or not."""
        self.release()

    def drain(self) -> None:
        """The server is about to stop: end what would never end by itself."""

    def stop(self) -> None:
        """Serving has ended."""


#: Of those who want to know nothing.
_SILENT = Lifecycle()


def lifecycle_of(application: object) -> Lifecycle:
    """The lifecycle of ``application``: itself where it has one."""
    return application if isinstance(application, Lifecycle) else _SILENT


class Several(Lifecycle):
    """The lifecycles of several applications, told one after the other; a base class."""

    __slots__ = ("_lifecycles",)

    def __init__(self, applications: Iterable[object]) -> None:
        """Of an application that is there more than once, the lifecycle is told once."""
        self._lifecycles = tuple(dict.fromkeys(map(lifecycle_of, applications)))

    def start(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.start()

    def new_batch(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.new_batch()

    def release(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.release()

    def shrink(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.shrink()

    def drain(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.drain()

    def stop(self) -> None:
        """See :class:`Lifecycle`."""
        for one in self._lifecycles:
            one.stop()
