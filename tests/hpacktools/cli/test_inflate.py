"""hpack-inflate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hpacktools.cli import inflate_main
from hpacktools.schemas import problems
from tests.hpacktools.cli.running import run
from tests.support.stories import VECTORS, load, vectors

GOLDEN = """\
{
  "cases":
  [
{
  "seq": 0,
  "wire": "3FE101 82",
  "headers": [
    {
      ":method": "GET"
    }
  ],
  "header_table_size": 256,
  "header_table": {
    "entries": [],
    "size": 0,
    "max_size": 256
  }
}
  ]
}
""".replace(" 82", "82")


def inflate(*arguments: str, cases: Any) -> Any:
    result = run(inflate_main, *arguments, stdin=json.dumps({"cases": cases}))
    assert problems("inflate-output", json.loads(result.out)) == []
    return result


def test_output_is_that_of_inflatehd() -> None:
    result = inflate("-d", cases=[{"wire": "3FE10182", "headers": "ignored"}])
    assert (result.out, result.err, result.code) == (GOLDEN, "", 0)


def test_header_table_size_is_the_effective_maximum() -> None:
    cases = [
        {"wire": "82", "header_table_size": 8192},
        {"wire": "3fe13f82"},
        {"wire": "82", "header_table_size": None},
    ]
    result = inflate(cases=cases)
    assert [case.get("header_table_size") for case in result.cases] == [None, 8192, None]


def test_lowering_demands_an_update() -> None:
    result = inflate(cases=[{"wire": "82"}, {"wire": "82", "header_table_size": 100}])
    assert result.code == 1
    assert result.cases[1]["error"]["section"] == "RFC 7541 section 4.2"


@pytest.mark.parametrize("path", vectors("malformed"), ids=lambda path: path.stem)
def test_malformed(path: Path) -> None:
    result = run(inflate_main, "--seqno", str(path))
    assert result.code == 1
    expected = load(path)["cases"][-1]["expect"]
    error = result.cases[-1]["error"]
    assert (error["section"], error["offset"]) == (expected["section"], expected["offset"])
    assert f"{path}: case {result.cases[-1]['seqno']}: " in result.err
    assert problems("inflate-output", json.loads(result.out)) == []


@pytest.mark.parametrize(
    "path", [*vectors("unusual"), *vectors("rfc7541")], ids=lambda path: path.stem
)
def test_legal(path: Path) -> None:
    result = run(inflate_main, "-d", "--seqno", str(path))
    assert (result.code, result.err) == (0, "")
    for case, expected in zip(result.cases, load(path)["cases"], strict=True):
        for key in ("seqno", "wire", "headers"):
            assert case[key] == expected[key]
        for key in ("octets", "sensitive"):
            assert case.get(key) == expected.get(key)
        assert case["header_table"] == expected["expect"]["header_table"]


def test_after_a_failure_nothing_is_decoded_with_a_broken_table() -> None:
    result = inflate(cases=[{"wire": "82"}, {"wire": "80"}, {"wire": "82"}, {"wire": "8"}])
    assert result.code == 1
    assert result.cases[1] == {
        "seq": 1,
        "wire": "80",
        "error": {
            "message": "an indexed field with index 0",
            "section": "RFC 7541 section 6.1",
            "offset": 0,
        },
    }
    assert result.cases[2]["error"] == {
        "message": "not decoded: the table was lost in case 1",
        "after": 1,
    }
    assert result.cases[3]["error"]["path"] == "$.cases[3].wire"
    assert result.err.splitlines()[0] == (
        "hpack-inflate: standard input: case 1: "
        "an indexed field with index 0 (octet 0, RFC 7541 section 6.1)"
    )
    assert len(result.err.splitlines()) == 3


@pytest.mark.parametrize("wire", ["zz", "8", "8G", "8 2", None, 82])
def test_bad_wire(wire: Any) -> None:
    result = inflate(cases=[{"wire": "82"}, {"wire": wire}, {"wire": "82"}])
    assert result.code == 1
    assert result.cases[1]["error"]["path"] == "$.cases[1].wire"
    assert result.cases[2]["error"]["after"] == 1


def test_unusable_input() -> None:
    result = run(inflate_main, stdin="{")
    assert (result.code, result.out) == (2, "")
    assert "standard input: not JSON" in result.err


def test_lines() -> None:
    result = run(
        inflate_main,
        "--jsonl",
        "-d",
        stdin='{"wire": "4001610162"}\n{"wire": "be"}\nx\n{"wire": "82"}',
    )
    assert result.code == 1
    assert result.lines[1]["headers"] == [{"a": "b"}]
    assert result.lines[1]["header_table"]["size"] == 34
    assert result.lines[2]["error"]["message"].startswith("not JSON")
    assert result.lines[3]["error"]["after"] == 2


class TestExplain:
    def test_text(self) -> None:
        result = run(inflate_main, "--explain", str(VECTORS / "rfc7541" / "c3.json"))
        assert result.code == 0
        assert "case 2 29 octets" in result.out
        assert "custom-key: custom-value" in result.out
        assert "index 63 of the dynamic table" in result.out
        assert "\x1b" not in result.out
        assert (
            "\x1b"
            in run(inflate_main, "--explain", "--color", str(VECTORS / "rfc7541" / "c3.json")).out
        )

    def test_terminal_has_colours_unless_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.hpacktools.cli.running import _Standard

        monkeypatch.setattr(_Standard, "isatty", lambda self: True)
        monkeypatch.delenv("NO_COLOR", raising=False)
        document = '{"cases": [{"wire": "82"}]}'
        assert "\x1b" in run(inflate_main, "--explain", stdin=document).out
        monkeypatch.setenv("NO_COLOR", "1")
        assert "\x1b" not in run(inflate_main, "--explain", stdin=document).out

    def test_json(self) -> None:
        result = run(
            inflate_main,
            "--explain",
            "--json",
            stdin='{"cases": [{"wire": "82"}, {"wire": "be"}, {"wire": "82"}]}',
        )
        assert result.code == 1
        first, second, third = result.cases
        assert first["representations"][0]["kind"] == "indexed field"
        assert second["representations"] == []
        assert second["error"]["section"] == "RFC 7541 section 2.3.3"
        assert third["error"]["after"] == 1

    def test_failures(self) -> None:
        result = run(
            inflate_main,
            "--explain",
            stdin='{"cases": [{"wire": "8280"}, {"wire": "82"}, {"wire": "x"}]}',
        )
        assert result.code == 1
        assert "error: an indexed field with index 0" in result.out
        second, third = result.out.splitlines()[-2:]
        assert second == "case 1 not decoded: the table was lost in case 0"
        assert third.startswith('case 2 $.cases[2].wire: "x": must be an even number')
        assert len(result.err.splitlines()) == 3

    def test_no_control_character_of_the_input_reaches_the_terminal(self) -> None:
        case = '{"wire": 5, "\\u001b]0;x\\u0007": {"a": 1, "a": 2}}'
        result = run(inflate_main, "--explain", stdin=f'{{"cases": [{case}]}}')
        assert "\\x1b]0;x\\x07" in result.out
        assert result.out.removesuffix("\n").isprintable()

    def test_lines(self) -> None:
        result = run(inflate_main, "--explain", "--json", "--jsonl", stdin='{"wire": "82"}\n')
        assert result.lines[0]["representations"][0]["index"] == 2


@pytest.mark.parametrize("options", [["-d", "--seqno"], ["--explain", "--json"]])
def test_what_is_written_validates(options: list[str]) -> None:
    for path in [*vectors("rfc7541"), *vectors("unusual"), *vectors("malformed")]:
        result = run(inflate_main, *options, str(path))
        assert problems("inflate-output", json.loads(result.out)) == []
        lines = "".join(json.dumps(case) + "\n" for case in load(path)["cases"]) + "{\n"
        for line in run(inflate_main, *options, "--jsonl", stdin=lines).lines:
            assert problems("inflate-output", line, "case") == []


@pytest.mark.parametrize(
    "arguments", [["--json"], ["--color"], ["--explain", "-d"], ["--explain", "--jsonl"], ["-t"]]
)
def test_wrong_options(arguments: list[str]) -> None:
    result = run(inflate_main, *arguments, stdin='{"cases": []}')
    assert (result.code, result.out) == (2, "")
