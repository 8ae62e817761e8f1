"""Release notes from fragments: one file for each change, so that changes do not collide.

    python -m release.notes            what the next release would say
    python -m release.notes 0.2.0      write it into CHANGELOG.md, and the version into its place

Contract: a fragment is ``changes/NAME.KIND.md``, with KIND one of :data:`KINDS`; its text becomes
one item.  What stands under "Unreleased" in the changelog already comes first, kind by kind.
Writing removes the fragments, and the section of what was unreleased becomes that of the version.
"""

from __future__ import annotations

import argparse
import datetime
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
#: In the order of the changelog, which is that of Keep a Changelog.
KINDS = ("added", "changed", "deprecated", "removed", "fixed", "security")

_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")
_SECTION = re.compile(r"^## .*\n", re.MULTILINE)


class NotesError(Exception):
    """A fragment or the changelog is not as it should be; the message says what."""


@dataclass(slots=True, kw_only=True)
class Notes:
    """A checkout's changelog and fragments.  Reading raises :class:`NotesError`."""

    root: Path = ROOT
    #: Items by kind.
    items: dict[str, list[str]] = field(default_factory=dict)
    _before: str = ""
    _after: str = ""

    def __post_init__(self) -> None:
        text = self.changelog.read_text(encoding="utf-8")
        found = list(_SECTION.finditer(text))
        if not found:
            raise NotesError("CHANGELOG.md: no section")
        unreleased = found[0][0].strip() == "## Unreleased"
        end = found[1].start() if unreleased and len(found) > 1 else len(text)
        self._before = text[: found[0].start()]
        self._after = text[end:] if unreleased else text[found[0].start() :]
        if unreleased:
            self._read_section(text[found[0].end() : end])
        for path in self.fragments():
            kind = path.name.split(".")[-2]
            if kind not in KINDS:
                raise NotesError(f"{path.name}: expected NAME.KIND.md with {', '.join(KINDS)}")
            content = path.read_text(encoding="utf-8").strip()
            if not content:
                raise NotesError(f"{path.name} is empty")
            self.items.setdefault(kind, []).append("- " + content.replace("\n", "\n  "))

    @property
    def changelog(self) -> Path:
        """The file."""
        return self.root / "CHANGELOG.md"

    def fragments(self) -> list[Path]:
        """The files of changes, by name."""
        folder = self.root / "changes"
        return sorted(path for path in folder.glob("*.*.md") if path.name != "README.md")

    def text(self, title: str) -> str:
        """The section."""
        parts = [f"## {title}\n"]
        for kind in KINDS:
            if self.items.get(kind):
                parts.append(f"### {kind.capitalize()}\n")
                parts.append("\n".join(self.items[kind]) + "\n")
        return "\n".join(parts)

    def write(self, version: str, date: datetime.date) -> None:
        """Make the section that of ``version`` and remove the fragments."""
        if not _VERSION.fullmatch(version):
            raise NotesError(f"{version} is not a version such as 1.2.3 or 1.2.3rc1")
        if not self.items:
            raise NotesError("nothing has changed")
        after = self._after.lstrip("\n")
        section = self.text(f"{version} - {date.isoformat()}")
        text = f"{self._before}{section}\n{after}" if after else f"{self._before}{section}"
        self.changelog.write_text(text, encoding="utf-8")
        place = self.root / "h2static/version.py"
        old = place.read_text(encoding="utf-8")
        place.write_text(
            re.sub(r'^__version__ = ".*"$', f'__version__ = "{version}"', old, flags=re.MULTILINE),
            encoding="utf-8",
        )
        for path in self.fragments():
            path.unlink()

    def _read_section(self, text: str) -> None:
        for part in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
            title, _, content = part.partition("\n")
            kind = title.strip().lower()
            if kind not in KINDS:
                raise NotesError(f"CHANGELOG.md: unknown kind {title.strip()}")
            items = re.split(r"^(?=- )", content.strip(), flags=re.MULTILINE)
            self.items[kind] = [item.rstrip() for item in items if item.strip()]


def main() -> None:
    """Print or write the notes."""
    parser = argparse.ArgumentParser(prog="release.notes", description="Release notes.")
    parser.add_argument("version", nargs="?", help="write the notes of this version")
    options = parser.parse_args()
    try:
        notes = Notes()
        if options.version:
            notes.write(options.version, datetime.datetime.now(datetime.UTC).date())
            print(f"CHANGELOG.md and h2static/version.py say {options.version}.")
            print("Then: python -m docs.generate_reference, and commit.")
        else:
            print(notes.text("Unreleased"))
    except NotesError as error:
        raise SystemExit(f"release.notes: {error}") from None


if __name__ == "__main__":
    main()
