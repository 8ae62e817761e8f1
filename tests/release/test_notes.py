"""Release notes from fragments."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest

from release.notes import Notes, NotesError

CHANGELOG = """\
# Changelog

Words.

## Unreleased

### Added

- One thing, which takes
  two lines.
- Another.

### Fixed

- A fault.

## 0.1.0 - 2026-11-21

### Added

- Everything.
"""
DATE = datetime.date(2027, 1, 2)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "h2static").mkdir()
    (tmp_path / "h2static/version.py").write_text('"""Doc."""\n\n__version__ = "0.1.0"\n')
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes/README.md").write_text("how")
    return tmp_path


def test_fragments_come_after_what_is_there_already(checkout: Path) -> None:
    (checkout / "changes/list.added.md").write_text("`--list` lists,\nand counts.\n")
    (checkout / "changes/hole.security.md").write_text("A hole.\n")
    assert (
        Notes(root=checkout).text("Unreleased")
        == """\
## Unreleased

### Added

- One thing, which takes
  two lines.
- Another.
- `--list` lists,
  and counts.

### Fixed

- A fault.

### Security

- A hole.
"""
    )


def test_writing_makes_a_version_of_it(checkout: Path) -> None:
    (checkout / "changes/list.added.md").write_text("`--list` lists.")
    Notes(root=checkout).write("0.2.0", DATE)
    text = (checkout / "CHANGELOG.md").read_text()
    expected = CHANGELOG.replace("## Unreleased", "## 0.2.0 - 2027-01-02")
    assert text == expected.replace("- Another.\n", "- Another.\n- `--list` lists.\n")
    assert '__version__ = "0.2.0"' in (checkout / "h2static/version.py").read_text()
    assert [path.name for path in (checkout / "changes").iterdir()] == ["README.md"]


def test_a_release_follows_a_release(checkout: Path) -> None:
    """There is no section of what was unreleased then."""
    Notes(root=checkout).write("0.2.0", DATE)
    (checkout / "changes/more.fixed.md").write_text("More.")
    Notes(root=checkout).write("0.2.1", DATE)
    titles = [
        line for line in (checkout / "CHANGELOG.md").read_text().splitlines() if line[:3] == "## "
    ]
    assert titles == ["## 0.2.1 - 2027-01-02", "## 0.2.0 - 2027-01-02", "## 0.1.0 - 2026-11-21"]


@pytest.mark.parametrize("version", ["0.2", "v0.2.0", "0.2.0-1", ""])
def test_what_is_no_version_writes_nothing(checkout: Path, version: str) -> None:
    with pytest.raises(NotesError, match="not a version"):
        Notes(root=checkout).write(version, DATE)
    assert (checkout / "CHANGELOG.md").read_text() == CHANGELOG


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [("a.bugfix.md", "x", "expected NAME.KIND.md"), ("a.added.md", " \n", "is empty")],
)
def test_fragments_that_are_wrong_are_named(
    checkout: Path, name: str, text: str, reason: str
) -> None:
    (checkout / "changes" / name).write_text(text)
    with pytest.raises(NotesError, match=reason):
        Notes(root=checkout)


def test_nothing_is_no_release(checkout: Path) -> None:
    Notes(root=checkout).write("0.2.0", DATE)
    with pytest.raises(NotesError, match="nothing has changed"):
        Notes(root=checkout).write("0.2.1", DATE)


def test_those_of_this_checkout_can_be_read() -> None:
    assert Notes().text("Unreleased").startswith("## Unreleased\n")
