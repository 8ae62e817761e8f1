"""For tests: a server, and assertions about its frames.

::

    def test_the_page(h2server):
        server = h2server("www")
        page = server.get("/")
        assert page.status == 200
        page.expect("HEADERS stream=1 :status=200", "DATA stream=1 END_STREAM")
        page.never("RST_STREAM")
        server.run_script("handshake\\n> PING\\n< PING ACK\\n")

Contract: ``h2server`` is a pytest fixture that is available wherever h2static is installed; it
serves a folder, or a :class:`~h2static.config.Config`, until the test is over.  A :class:`Peer`
makes the same assertions about any server.  A failed assertion raises ``AssertionError`` with the
frames received.  ``docs/h2get.md`` describes the syntax of expectations and scripts.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h2static.testing.peer import Exchange, Peer
    from h2static.testing.plugin import ServerFactory

__all__ = ["Exchange", "Peer", "ServerFactory"]

_HOMES = {"Exchange": "peer", "Peer": "peer", "ServerFactory": "plugin"}


def __getattr__(name: str) -> object:
    """Load a public name on first use, because pytest loads the plugin on every run."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{home}"), name)
