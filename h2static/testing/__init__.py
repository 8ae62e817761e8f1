"""For tests: a server, and what its frames are held against.

::

    def test_the_page(h2server):
        server = h2server("www")
        page = server.get("/")
        assert page.status == 200
        page.expect("HEADERS stream=1 :status=200", "DATA stream=1 END_STREAM")
        page.never("RST_STREAM")
        server.run_script("handshake\\n> PING\\n< PING ACK\\n")

Contract: ``h2server`` is a fixture of pytest, which every test has where h2static is installed; it
serves a folder, or what a :class:`~h2static.config.Config` says, until the test is over.  A
:class:`Peer` does the same with any server.  What does not hold raises ``AssertionError`` with the
frames that came.  Expectations and scripts are written as ``docs/h2get.md`` says.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h2static.testing.peer import Exchange, Peer
    from h2static.testing.plugin import ServerFactory

__all__ = ["Exchange", "Peer", "ServerFactory"]

_HOMES = {"Exchange": "peer", "Peer": "peer", "ServerFactory": "plugin"}


def __getattr__(name: str) -> object:
    """Load a public name when it is asked for: pytest loads the plugin for every run."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
