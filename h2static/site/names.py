"""Deciding which names of a site are public, in this module alone.

Contract: names hidden by :meth:`PublicNames.hides` are treated as absent everywhere: in requests,
targets of rules, lists and suggestions.  A name that is not hidden is safe to look up in its
folder. Files that the owner names in an option are the owner's choice and not checked.

Strategy: a name is judged by itself and its folder, never by the file behind it; so a folder's list
needs one check per name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from h2static.site.config import SiteConfig
from h2static.site.netlify import FILES as NETLIFY_FILES
from h2static.site.paths import Names, join_path
from h2static.site.patterns import Pattern, parse_pattern

#: A folder of well-known resources (RFC 8615), the one dotted name that is always public.
WELL_KNOWN = b".well-known"


@dataclass(slots=True, frozen=True, kw_only=True)
class PublicNames:
    """The rule for which names of a site are public."""

    #: Patterns of names with a leading dot that are also public.
    dot_names: Sequence[Pattern] = ()
    #: Names of files in the root that are only for the server.
    private: frozenset[bytes] = frozenset()

    def hides(self, folder: Names, name: bytes) -> bool:
        """Whether nothing is served or listed under ``name`` in ``folder``."""
        if name[:1] != b".":
            if name in self.private and not folder:
                return True
            # No file can have such a name, and the system would treat it as a path.
            return not name or b"/" in name or b"\0" in name
        if name == WELL_KNOWN:
            return False
        if name in (b".", b"..") or b"/" in name or b"\0" in name:
            return True
        path = join_path((*folder, name), directory=False)
        return not any(pattern.matches(path) for pattern in self.dot_names)

    def hides_way(self, names: Names) -> bool:
        """Whether one of ``names``, from the root on, is hidden in its folder."""
        if not names:
            return False
        path = join_path(names, directory=False)
        if b"/." in path or b"//" in path or b"\0" in path or path.count(b"/") > len(names):
            return any(self.hides(names[:count], name) for count, name in enumerate(names))
        # The usual case, quick to check even for a path with thousands of names.
        return names[0] in self.private


#: The public names without any option.
DEFAULT_NAMES: Final = PublicNames()


def public_names(config: SiteConfig) -> PublicNames:
    """The public names of a site with this configuration."""
    private = frozenset(NETLIFY_FILES) if config.netlify else frozenset[bytes]()
    return PublicNames(dot_names=config.dot_names, private=private)


def parse_dot_names(text: str) -> Pattern:
    """Parse a pattern of names with a leading dot, such as ``.z*`` or ``/.vite``.

    Raises ``ValueError`` for a pattern that matches no such name.
    """
    pattern = parse_pattern(text)
    name = text[text.rfind("/") + 1 :]
    if not name.startswith((".", "*")) or name == ".":
        raise ValueError(
            f"{text!r} does not end in a name with a leading dot; files inside a dot folder"
            " need no pattern of their own"
        )
    return pattern
