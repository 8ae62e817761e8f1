"""An HTTP/2 server for files, applications and proxying, in pure Python.

From the command line: ``h2static --no-tls 8080 ./www``.  In a program::

    from h2static import Config, SiteConfig, serve

    async with serve(Config(port=0, no_tls=True, site=SiteConfig(root="www"))) as server:
        print(server.urls)
"""

from typing import TYPE_CHECKING

from h2static.version import __version__

__all__ = ["Config", "LogFormat", "Serving", "SiteConfig", "StartError", "__version__", "serve"]

if TYPE_CHECKING:
    from h2static.config import Config, LogFormat
    from h2static.embedding import Serving, serve
    from h2static.errors import StartError
    from h2static.site.config import SiteConfig

_HOMES = {
    "Config": "h2static.config",
    "LogFormat": "h2static.config",
    "StartError": "h2static.errors",
    "Serving": "h2static.embedding",
    "serve": "h2static.embedding",
    "SiteConfig": "h2static.site.config",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use, because the supervisor needs no event loop."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(home), name)
