"""What is raised into applications."""

from __future__ import annotations


class ClientDisconnected(OSError):
    """The client has gone: nothing that is sent reaches it (ASGI spec_version 2.4)."""


class InvalidEvent(RuntimeError):
    """The application has sent what ASGI does not allow here; the text says what is wrong."""
