"""Exceptions that applications receive."""

from __future__ import annotations

from collections.abc import Collection


class ClientDisconnected(OSError):
    """The client has disconnected: nothing more reaches it (ASGI spec_version 2.4)."""


class InvalidEvent(RuntimeError):
    """The application sent an event that ASGI does not allow here; the text says why."""


def misplaced(
    kind: object, scope: str, known: Collection[str], expected: Collection[str], after: str
) -> InvalidEvent:
    """The error for an event of type ``kind`` that may not be sent now.

    ``known``: the types that the ``scope`` has; ``expected``: those that may be sent; where there
    are none, ``after`` says why.
    """
    if kind not in known:
        return InvalidEvent(f"{kind!r} is not an event type of {scope}")
    if not expected:
        return InvalidEvent(f"{kind} after {after}")
    return InvalidEvent(f"got {kind}, expected {' or '.join(sorted(expected))}")
