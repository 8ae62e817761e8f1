"""fetch and generate."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from hpacktools import load_story
from hpacktools.cli import conformance_main
from hpacktools.conformance import corpus as places
from hpacktools.conformance.corpus import CorpusError, digest, fetch, verify
from hpacktools.schemas import problems
from hpacktools.strategies import STRATEGY_NAMES
from tests.hpacktools.cli.running import run
from tests.support import stories
from tests.support.stories import load, require_corpus
from tests.support.tools import require_tool


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one story, pinned at its first commit of two."""
    git = require_tool("git", package="git")
    folder = tmp_path / "upstream"
    (folder / "raw-data").mkdir(parents=True)
    story = folder / "raw-data" / "story_00.json"

    def commit(text: str) -> str:
        story.write_text(text)
        arguments = ["-c", "user.name=x", "-c", "user.email=x@example.com"]
        for line in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
            subprocess.run([git, *arguments, *line], cwd=folder, check=True)
        done = subprocess.run(
            [git, "rev-parse", "--short=7", "HEAD"], cwd=folder, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    pinned = commit('{"cases": []}')
    _, found = digest(folder)
    commit('{"cases": [{"headers": []}]}')
    monkeypatch.setattr(places, "COMMIT", pinned)
    monkeypatch.setattr(places, "STORIES", 1)
    monkeypatch.setattr(places, "DIGEST", found)
    return folder


def test_fetch_takes_the_pinned_commit(upstream: Path, tmp_path: Path) -> None:
    copy = tmp_path / "cache" / "copy"
    fetch(copy, url=str(upstream), quiet=True)
    assert load_story(copy / "raw-data" / "story_00.json").cases == []
    # A second time there is nothing to fetch.
    shutil.rmtree(upstream)
    fetch(copy, url=str(upstream), quiet=True)


def test_progress_is_shown(
    upstream: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A path is copied without progress; a URL goes through git's protocol.
    fetch(tmp_path / "copy", url=upstream.as_uri())
    shown = capsys.readouterr().err
    assert "Receiving objects: 100%" in shown
    assert "\n" not in shown


def test_a_changed_copy_is_refused(upstream: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    fetch(copy, url=str(upstream), quiet=True)
    (copy / "raw-data" / "story_00.json").write_text("{}")
    with pytest.raises(CorpusError, match="are not those of commit"):
        fetch(copy, url=str(upstream), quiet=True)
    (copy / "raw-data" / "story_01.json").write_text("{}")
    with pytest.raises(CorpusError, match="2 stories, not 1"):
        verify(copy)


def test_without_a_network_there_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_tool("git", package="git")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(fetch, "__kwdefaults__", {"url": str(tmp_path / "no"), "quiet": False})
    result = run(conformance_main, "fetch")
    assert result.code == 2
    assert len(result.err.splitlines()) == 1
    assert "could not fetch the corpus: git clone: " in result.err
    assert not list((tmp_path / "hpacktools").iterdir())


def test_without_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CorpusError, match="git is not installed"):
        fetch(tmp_path / "copy")


class TestWhereTestsFindTheCorpus:
    @pytest.fixture(autouse=True)
    def nowhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A lone clone with an empty cache, in continuous integration."""
        monkeypatch.setattr(stories, "REPOSITORY", tmp_path / "clone")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        monkeypatch.delenv("HPACK_TEST_CASE", raising=False)
        monkeypatch.setenv("CI", "true")

    def test_beside_the_clone_then_where_fetch_puts_it(self, tmp_path: Path) -> None:
        (places.cache_folder() / "raw-data").mkdir(parents=True)
        assert require_corpus() == places.cache_folder()
        shared = tmp_path / "shared" / "hpack-test-case"
        (shared / "raw-data").mkdir(parents=True)
        assert require_corpus() == shared

    def test_a_named_copy_is_the_only_place(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (places.cache_folder() / "raw-data").mkdir(parents=True)
        monkeypatch.setenv("HPACK_TEST_CASE", str(tmp_path / "named"))
        with pytest.raises(pytest.fail.Exception, match=r"no corpus in .*/named: run"):
            require_corpus()
        (tmp_path / "named" / "raw-data").mkdir(parents=True)
        assert require_corpus() == tmp_path / "named"

    def test_what_is_missing_fails_in_ci_only(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with pytest.raises(pytest.fail.Exception, match="run hpack-conformance fetch"):
            require_corpus()
        monkeypatch.delenv("CI")
        with pytest.raises(pytest.skip.Exception, match="run hpack-conformance fetch"):
            require_corpus()


@pytest.mark.slow
def test_a_copy_already_there_is_verified() -> None:
    corpus = require_corpus()
    result = run(conformance_main, "fetch", str(corpus))
    assert result.code == 0
    assert result.out == f"{corpus}: 478 stories of commit 8a1406e\n"


@pytest.mark.parametrize("strategy", STRATEGY_NAMES)
def test_generate(strategy: str, tmp_path: Path) -> None:
    source = tmp_path / "raw"
    source.mkdir()
    document = {
        "context": "request",
        "cases": [
            {"headers": [{":method": "GET"}, {"authorization": "x"}], "sensitive": [1]},
            {"headers": [{":method": "GET"}], "header_table_sizes": [0, 50]},
        ],
    }
    (source / "story_00.json").write_text(json.dumps(document))
    out = tmp_path / "out"
    arguments = ["generate", str(out), "--source", str(source), "--strategy", strategy]
    result = run(conformance_main, *arguments, "--no-huffman")
    assert (result.code, result.err) == (0, f"1 stories written to {out}\n")
    story = load(out / "story_00.json")
    assert problems("story", story) == []
    assert story["description"] == f"Encoded by hpacktools, strategy {strategy}, plain strings."
    assert story["context"] == "request"
    first, second = story["cases"]
    assert (first["seqno"], first["header_table_size"], first["sensitive"]) == (0, 4096, [1])
    assert (second["header_table_sizes"], second["header_table_size"]) == ([0, 50], 50)
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    out.rename(corpus / "ours")
    assert run(conformance_main, "run", str(corpus), "--jobs", "1").code == 0


def test_effort_is_for_best_only(tmp_path: Path) -> None:
    arguments = ["generate", str(tmp_path / "out"), "--source", str(tmp_path)]
    result = run(conformance_main, *arguments, "--effort", "3", "--strategy", "linear")
    assert (result.code, result.out) == (2, "")
    assert "generate: error: --effort needs --strategy best" in result.err
    (tmp_path / "story_00.json").write_text('{"cases": [{"headers": [{"a": "b"}]}]}')
    assert run(conformance_main, *arguments, "--effort", "3", "--strategy", "best").code == 0


def test_generate_needs_raw_stories(tmp_path: Path) -> None:
    arguments = ["generate", str(tmp_path / "out"), "--source", str(tmp_path)]
    assert "no stories" in run(conformance_main, *arguments).err
    (tmp_path / "story_00.json").write_text('{"cases": [{"wire": "82"}]}')
    result = run(conformance_main, *arguments)
    assert result.code == 2
    assert "a case has no headers" in result.err
