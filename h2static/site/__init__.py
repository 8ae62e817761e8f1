"""Files, their versions, and the rules by which they are served.

Contract: this package depends neither on HTTP/2 nor on an event loop.  It only reads files: no
sockets, no clock (the time is a function argument), no threads (blocking jobs go to a function
argument).  It contains an application (:class:`h2static.http.exchange.Application`), which can be
used without an engine.

Strategy: :class:`Site` looks up cached responses (``response_cache``).  ``builder`` creates the
others, using what was set up once (``setup``): it opens files safely (``files``), reads small ones
(``contents``) and builds the response (``representation``).  Content is shared (``octets``) or read
from its file while being sent (``bodies``).  Everything else is pure functions in modules of their
own.
"""

from typing import TYPE_CHECKING

__all__ = ["EtagSource", "Site", "SiteConfig"]

if TYPE_CHECKING:
    from h2static.site.config import EtagSource, SiteConfig
    from h2static.site.site import Site

_HOMES = {"EtagSource": "config", "SiteConfig": "config", "Site": "site"}


def __getattr__(name: str) -> object:
    """Load a public name on first use: the supervisor does not answer requests."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
