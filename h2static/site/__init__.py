"""Files, their versions, and the rules by which they are served.

Contract: this package knows neither HTTP/2 nor an event loop.  It reads files, and nothing else: no
sockets, no clock (the time is a function that it is given), no threads (blocking jobs go to a
function that it is given).  It holds an application
(:class:`h2static.http.exchange.Application`), which may be asked without an engine.

Strategy: :class:`Site` looks up remembered responses (``response_cache``); what is not remembered
is made by ``builder``, from what was set up once (``setup``): it opens files safely (``files``),
reads small ones (``contents``) and puts the response together (``representation``).  Octets that
are sent are shared (``octets``) or read from their file (``bodies``).  Everything else is a pure
function with its own module.
"""

from typing import TYPE_CHECKING

__all__ = ["EtagSource", "Site", "SiteConfig"]

if TYPE_CHECKING:
    from h2static.site.config import EtagSource, SiteConfig
    from h2static.site.site import Site

_HOMES = {"EtagSource": "config", "SiteConfig": "config", "Site": "site"}


def __getattr__(name: str) -> object:
    """Load a public name when it is asked for: the supervisor answers no requests."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
