"""The trust stores of the system and of browsers.

Contract: :func:`find_stores` lists the stores of this user; those that browsers create on their
first start are listed as soon as the browser has a folder.  Nothing is changed and no program is
run.

The location of browser profiles depends on how the browser was installed: as a package of the
distribution, as a Snap or as a Flatpak, and for Firefox on its version as well.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class StoreKind(StrEnum):
    """The kinds of stores, which differ in the tool that changes them."""

    #: A folder of the system with one file for each certificate (Linux).
    ANCHORS = "anchors"
    #: The keychain of macOS.
    KEYCHAIN = "keychain"
    #: A database of NSS: Chromium's and Firefox's.
    NSS = "nss"


@dataclass(slots=True, kw_only=True, frozen=True)
class Store:
    """One place that certificates are trusted in."""

    #: The programs that use the store.
    who: str
    kind: StoreKind
    place: Path
    #: For :attr:`StoreKind.ANCHORS`: the command that makes the system re-read the folder.
    refresh: tuple[str, ...] = ()
    #: Whether it is there; otherwise it can be made.
    exists: bool = True


#: Linux: where distributions keep trusted certificates, and the command that re-reads them.
_ANCHORS = (
    ("/usr/local/share/ca-certificates", ("update-ca-certificates",)),
    ("/etc/pki/ca-trust/source/anchors", ("update-ca-trust", "extract")),
    ("/etc/ca-certificates/trust-source/anchors", ("trust", "extract-compat")),
)
_KEYCHAIN = Path("/Library/Keychains/System.keychain")
#: Folders of Firefox's profiles below the home folder; since version 147 it is a folder for
#: configuration (the XDG Base Directory Specification).
_FIREFOX = (
    ("Firefox", ".mozilla/firefox"),
    ("Firefox", "{config}/mozilla/firefox"),
    ("Firefox, Snap", "snap/firefox/common/.mozilla/firefox"),
    ("Firefox, Snap", "snap/firefox/current/.config/mozilla/firefox"),
    ("Firefox, Snap", "snap/firefox/common/.config/mozilla/firefox"),
    ("Firefox, Flatpak", ".var/app/org.mozilla.firefox/.mozilla/firefox"),
    ("Firefox, Flatpak", ".var/app/org.mozilla.firefox/config/mozilla/firefox"),
    ("LibreWolf", ".librewolf"),
    ("LibreWolf, Flatpak", ".var/app/io.gitlab.librewolf-community/.librewolf"),
)
#: Databases of browsers that are built on Chromium, and the folder that shows that one is there.
_CHROMIUM = (
    ("Chromium, Snap", "snap/chromium/current", ".pki/nssdb"),
    ("Chromium, Flatpak", ".var/app/org.chromium.Chromium", ".pki/nssdb"),
    ("Chrome, Flatpak", ".var/app/com.google.Chrome", ".pki/nssdb"),
    ("Edge, Flatpak", ".var/app/com.microsoft.Edge", ".pki/nssdb"),
    ("Brave, Flatpak", ".var/app/com.brave.Browser", ".pki/nssdb"),
)


def find_stores(
    *, home: Path | None = None, environment: Mapping[str, str] | None = None
) -> list[Store]:
    """The stores of this machine and of the user whose folder is ``home``."""
    if sys.platform == "darwin":
        return [
            Store(who="macOS, Safari, Chrome", kind=StoreKind.KEYCHAIN, place=_KEYCHAIN),
            *_firefox(Path.home() if home is None else home, "Library/Application Support"),
        ]
    variables = os.environ if environment is None else environment
    place = Path.home() if home is None else home
    config = variables.get("XDG_CONFIG_HOME", "") if home is None else ""
    return [
        *_anchors(),
        *_chromium(place),
        *_firefox(place, config if os.path.isabs(config) else ".config"),
    ]


def _anchors() -> Iterator[Store]:
    for folder, refresh in _ANCHORS:
        if os.path.isdir(folder):
            yield Store(
                who="system, curl",
                kind=StoreKind.ANCHORS,
                place=Path(folder, "h2static-local-ca.crt"),
                refresh=refresh,
            )
            return


def _chromium(home: Path) -> Iterator[Store]:
    def store(who: str, place: Path) -> Store:
        there = (place / "cert9.db").exists()
        return Store(who=who, kind=StoreKind.NSS, place=place, exists=there)

    yield store("Chrome, Chromium", home / ".pki" / "nssdb")
    newer = home / ".local" / "share" / "pki" / "nssdb"
    if newer.is_dir():
        yield store("Chrome, Chromium", newer)
    for who, folder, database in _CHROMIUM:
        if (home / folder).is_dir():
            yield store(who, home / folder / database)


def _firefox(home: Path, config: str) -> Iterator[Store]:
    seen: set[Path] = set()
    bases = _FIREFOX
    if sys.platform == "darwin":
        bases = (("Firefox", "{config}/Firefox/Profiles"),)
    for who, folder in bases:
        for database in sorted((home / folder.format(config=config)).glob("*/cert9.db")):
            profile = database.parent
            # Folders of the same name may be one, by way of a link.
            if profile.resolve() not in seen:
                seen.add(profile.resolve())
                yield Store(who=f"{who} ({profile.name})", kind=StoreKind.NSS, place=profile)
