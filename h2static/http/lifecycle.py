"""Events of the server that an application may want to know about.

Contract: a :class:`Lifecycle` is called when serving begins, for each batch, when memory should be
released, and when serving ends.  All of it is optional: methods that an application does not
override do nothing.  The code that assembles a server calls :func:`lifecycle_of` once to find out
which applications have one.
"""

from __future__ import annotations

from collections.abc import Iterable


class Lifecycle:
    """Base class with methods that do nothing.  All are called in the loop's thread."""

    __slots__ = ()

    def start(self) -> None:
        """Serving begins."""

    def new_batch(self) -> None:
        """A batch begins: all requests answered until the next call were read before this call."""

    @property
    def lasting(self) -> bool:
        """Whether everything recalled in earlier batches is still right in this one.

        Read after :meth:`new_batch`.  May be ``False`` even if that is so, but never ``True`` if it
        is not.
        """
        return False

    def release(self) -> None:
        """Release cached resources that were not used since the last call: open files, responses in
        memory.

        Called about twice a minute: a deleted file occupies disk space as long as it is open.
        """

    def shrink(self) -> None:
        """Memory is short: empty all caches, recently used or not."""
        self.release()

    def drain(self) -> None:
        """The server is about to stop: end everything that would not end by itself."""

    def stop(self) -> None:
        """Serving is over."""


#: The lifecycle of applications without one.
_SILENT = Lifecycle()


def lifecycle_of(application: object) -> Lifecycle:
    """The lifecycle of ``application``: itself if it is one, otherwise one that does nothing."""
    return application if isinstance(application, Lifecycle) else _SILENT


class Several(Lifecycle):
    """Base class that calls the lifecycles of several applications one after the other."""

    __slots__ = ("_lifecycles",)

    def __init__(self, applications: Iterable[object]) -> None:
        """``applications`` may contain duplicates; each lifecycle is called once."""
        self._lifecycles = tuple(dict.fromkeys(map(lifecycle_of, applications)))

    def start(self) -> None:
        """Implement :meth:`Lifecycle.start`."""
        for one in self._lifecycles:
            one.start()

    def new_batch(self) -> None:
        """Implement :meth:`Lifecycle.new_batch`."""
        for one in self._lifecycles:
            one.new_batch()

    def release(self) -> None:
        """Implement :meth:`Lifecycle.release`."""
        for one in self._lifecycles:
            one.release()

    def shrink(self) -> None:
        """Implement :meth:`Lifecycle.shrink`."""
        for one in self._lifecycles:
            one.shrink()

    def drain(self) -> None:
        """Implement :meth:`Lifecycle.drain`."""
        for one in self._lifecycles:
            one.drain()

    def stop(self) -> None:
        """Implement :meth:`Lifecycle.stop`."""
        for one in self._lifecycles:
            one.stop()
