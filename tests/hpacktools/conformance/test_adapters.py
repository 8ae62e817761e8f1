"""The adapters: each whose codec is installed answers, the others say what is missing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from adapters import catalogue, matrix
from adapters.catalogue import ADAPTERS, AbsentError, Adapter, prepare
from adapters.matrix_results import Cell, Codec, cell
from hpacktools import Inflater
from hpacktools.conformance.external import Commands
from hpacktools.conformance.results import Outcome
from hpacktools.stories import Case
from tests.support.tools import in_ci

REPOSITORY = Path(__file__).resolve().parents[3]
#: Those for which continuous integration has the codec anyway.
ALWAYS = {"nghttp2", "python-hpack"}


def case(wire: str | None, *fields: tuple[bytes, bytes]) -> Case:
    return Case(
        number=0,
        fields=fields,
        sensitive=frozenset(),
        wire=None if wire is None else bytes.fromhex(wire),
        table_sizes=(),
        document={},
    )


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: adapter.name)
def test_an_adapter_speaks_the_protocol(adapter: Adapter, monkeypatch: pytest.MonkeyPatch) -> None:
    """It decodes with a table, forgets it with the connection, and encodes."""
    monkeypatch.chdir(REPOSITORY)
    try:
        prepared = prepare(adapter)
    except AbsentError as absent:
        if in_ci() and adapter.name in ALWAYS:
            pytest.fail(str(absent))
        pytest.skip(str(absent))
    assert prepared.version.strip()
    with Commands(co_process=True) as commands:
        answers = commands.decode_all(
            prepared.command,
            [[case("4001610162"), case("be")], [case("4001630164"), case("82be")]],
        )
        block = commands.encode(prepared.command, [case(None, (b":method", b"GET"), (b"a", b"b"))])
    assert [[fields(each) for each in answer.cases] for answer in answers] == [
        [[["61", "62"]]] * 2,
        [[["63", "64"]], [["3a6d6574686f64", "474554"], ["63", "64"]]],
    ]
    wire = bytes.fromhex(str(block.cases[0]["wire"]))
    assert Inflater().inflate(wire) == [(b":method", b"GET"), (b"a", b"b")]


def fields(answer: object) -> list[list[str]]:
    assert isinstance(answer, dict)
    found: list[list[str]] = answer["fields"]
    return found


class TestAbsent:
    def test_a_program_or_a_file_that_is_missing(self, tmp_path: Path) -> None:
        for program, files in (("no-such-program", ()), ("sh", (tmp_path / "no.jar",))):
            adapter = Adapter(
                name="x",
                language="X",
                program=program,
                install="apt-get install x",
                words=(),
                files=files,
            )
            with pytest.raises(AbsentError, match="apt-get install x"):
                prepare(adapter)

    def test_an_adapter_that_says_so(self, tmp_path: Path) -> None:
        script = tmp_path / "adapter.sh"
        script.write_text("exit 77\n")
        adapter = Adapter(
            name="x", language="X", program="sh", install="install x", words=(str(script),)
        )
        with pytest.raises(AbsentError, match="install x"):
            prepare(adapter)
        script.write_text("exit 1\n")
        with pytest.raises(subprocess.CalledProcessError):
            prepare(adapter)

    def test_the_matrix_names_it_and_goes_on(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        gone = Adapter(
            name="gone", language="X", program="no-such-program", install="get it", words=()
        )
        ours = tuple(each for each in ADAPTERS if each.name == "python-hpack")
        monkeypatch.setattr(matrix, "ADAPTERS", (gone, *ours))
        monkeypatch.chdir(REPOSITORY)
        assert matrix.main(["--no-corpus", "--folder", str(tmp_path)]) == 0
        assert "gone: not installed (get it)" in capsys.readouterr().err
        text = (tmp_path / "hpack-matrix.md").read_text()
        assert "- gone: `get it`" in text
        assert "| hpacktools | Python |" in text
        assert "| python-hpack " in text
        page = (tmp_path / "hpack-matrix.html").read_text()
        assert "gone" in page
        assert "<script" not in page
        assert "src=" not in page


def test_cells() -> None:
    outcomes = [Outcome(suite="refuse", row="x", story=f"malformed/n0{n}_x.json") for n in range(4)]
    outcomes[0].fail("accepted, contrary to RFC 7541 section 6.1")
    outcomes[1].fail("crashed: IndexError")
    outcomes[2].skipped = "no settings"
    found = cell(outcomes, lambda each: each.suite == "refuse")
    assert found == Cell(run=3, failed=2, crashed=1, skipped=1)
    assert (found.text(), found.brief()) == ("1/3 (1 crashed)", "2†")
    assert cell(outcomes, lambda each: False).text() == "-"
    assert Codec(name="x", version="x 1", language="X").corpus == []


def test_python_adapters_need_no_installed_package() -> None:
    """They run from the top of the repository with any Python that has the codec."""
    done = subprocess.run(
        [sys.executable, "-m", "adapters.python_hpack", "--version"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("python-hpack ")
    assert shlex.split(prepare(ADAPTERS[1]).command)[1:] == ["-m", "adapters.python_hpack"]
    assert catalogue.ABSENT == 77
