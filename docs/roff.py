"""The language of manual pages, man(7), as far as the pages here need it."""

from __future__ import annotations

from collections.abc import Iterator


def item(head: str, text: str) -> Iterator[str]:
    """The lines of a paragraph under ``head``, which may have markup; ``text`` is as it is."""
    yield ".TP"
    yield head
    yield roff(text)


def roff(text: str) -> str:
    """``text`` as it stands in a manual page: nothing in it is a request."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return r"\&" + text if text.startswith(".") else text
