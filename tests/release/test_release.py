"""What keeps a checkout from being released, what is signed, and what is installed where."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest

from release import __main__ as release
from release.install import SHARED
from tests.support.tools import require_tool

REPOSITORY = Path(__file__).parents[2]


def git(folder: Path, *words: str) -> None:
    program = require_tool("git", package="git")
    subprocess.run(
        [program, "-c", "user.name=a", "-c", "user.email=a@b", *words],
        cwd=folder,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """One that can be released as 0.2.0."""
    (tmp_path / "CHANGELOG.md").write_text("# C\n\n## 0.2.0 - 2027-01-02\n\n### Added\n\n- A.\n")
    (tmp_path / "changes").mkdir()
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "all")
    return tmp_path


def test_a_clean_checkout_with_notes_has_no_fault(checkout: Path) -> None:
    assert release.faults("0.2.0", checkout) == []


def test_another_version_than_that_of_the_changelog(checkout: Path) -> None:
    (fault,) = release.faults("0.3.0", checkout)
    assert "CHANGELOG.md does not begin with 0.3.0" in fault


def test_a_version_that_was_released(checkout: Path) -> None:
    git(checkout, "tag", "v0.2.0")
    (fault,) = release.faults("0.2.0", checkout)
    assert "there is a tag v0.2.0" in fault


def test_changes_that_are_in_no_commit_and_in_no_release(checkout: Path) -> None:
    (checkout / "changes/a.added.md").write_text("A.")
    uncommitted, fragments = release.faults("0.2.0", checkout)
    assert "not committed" in uncommitted
    assert "changes/ has fragments" in fragments


def test_without_keys_nothing_is_signed_and_that_is_said(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MINISIGN_KEY", raising=False)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", "/dev/null")
    monkeypatch.setattr(release, "ROOT", checkout)
    assert release.sign("0.2.0", tag=True) == [
        "SHA256SUMS is not signed: MINISIGN_KEY is not set.",
        "There is no tag: git config user.signingkey is not set.",
    ]
    assert release.faults("0.2.0", checkout) == [], "a tag was made"
    assert release.sign("0.2.0", tag=False)[1] == "A draft has no tag."


def test_pages_and_completions_are_installed_where_they_are_looked_for() -> None:
    """Each file of the package that man or a shell reads; the release tries whether it arrives."""
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    shared = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    resources = {path.name for path in (REPOSITORY / "h2static/resources").iterdir()}
    assert {Path(source).name for source in shared} == resources - {"config.schema.json"}
    assert sorted(shared.values()) == sorted(SHARED)
