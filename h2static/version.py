"""The version of the distribution, which the build reads from here, and the kind of build."""

__version__ = "0.1.0"

#: Compiled in every build that compiles anything.
_HOT = "h2static.http2.connection"


def build() -> str:
    """``compiled`` where the hot modules are machine code (``make compiled``), else ``plain``.

    Both are built from the same source and behave alike.
    """
    from importlib.machinery import EXTENSION_SUFFIXES
    from importlib.util import find_spec

    found = find_spec(_HOT)
    origin = "" if found is None or found.origin is None else found.origin
    return "compiled" if origin.endswith(tuple(EXTENSION_SUFFIXES)) else "plain"
