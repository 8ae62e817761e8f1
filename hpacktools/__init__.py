"""JSON-driven HPACK tools and the HPACK codec they share with h2static.

For one connection: :class:`Deflater` and :class:`Inflater`.  For stories of the http2jp corpus:
:class:`Story` and :func:`load_story`.  To see what each octet of a block means: :func:`explain`.
The codec itself is :mod:`hpacktools.codec`.

The names are loaded on first use, because h2static also imports this module and needs only the
codec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .deflate import Deflater
    from .explanation import explain
    from .inflate import Inflater
    from .stories import Story, load_story

__all__ = ["Deflater", "Inflater", "Story", "explain", "load_story"]

_MODULES = {
    "Deflater": "deflate",
    "Inflater": "inflate",
    "explain": "explanation",
    "Story": "stories",
    "load_story": "stories",
}


def __getattr__(name: str) -> object:
    from importlib import import_module

    module = _MODULES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value
