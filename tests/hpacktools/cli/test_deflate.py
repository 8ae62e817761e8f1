"""hpack-deflate."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import hpack
import pytest

from hpacktools.cli import deflate_main, inflate_main
from hpacktools.schemas import problems
from hpacktools.strategies import STRATEGY_NAMES
from tests.hpacktools.cli.running import run
from tests.support.stories import load, vectors

GET = [{":method": "GET"}, {":path": "/"}]
TWO = json.dumps(
    {"cases": [{"headers": [*GET, {"user-agent": "x"}]}, {"headers": [*GET, {"user-agent": "x"}]}]}
)

#: The frame and the members, their order and their indentation, are those of deflatehd.
GOLDEN = """\
{
  "cases":
  [
{
  "seq": 0,
  "input_length": 27,
  "output_length": 5,
  "percentage_of_original_size": 18.518518518518519,
  "wire": "82847a0178",
  "headers": [
    {
      ":method": "GET"
    },
    {
      ":path": "/"
    },
    {
      "user-agent": "x"
    }
  ],
  "header_table_size": 4096
}
,
{
  "seq": 1,
  "input_length": 27,
  "output_length": 3,
  "percentage_of_original_size": 11.111111111111111,
  "wire": "8284be",
  "headers": [
    {
      ":method": "GET"
    },
    {
      ":path": "/"
    },
    {
      "user-agent": "x"
    }
  ]
}
  ]
}
"""


def deflate(*arguments: str, **cases: Any) -> Any:
    result = run(deflate_main, *arguments, stdin=json.dumps(cases))
    assert result.code == 0, result.err
    assert problems("deflate-output", json.loads(result.out)) == []
    return result.cases


def test_output_is_that_of_deflatehd() -> None:
    result = run(deflate_main, stdin=TWO)
    assert result.out == GOLDEN
    assert result.err == "Overall: input=54 output=8 ratio=0.15\n"
    assert result.code == 0


def test_percentages_are_rounded_as_deflatehd_rounds() -> None:
    """It divides first: 100 * 7 / 25 would be 28.0."""
    cases = json.dumps({"cases": [{"headers": [{":method": "GET"}, {"user-agent": "11111"}]}]})
    assert (
        '"percentage_of_original_size": 28.000000000000004,' in run(deflate_main, stdin=cases).out
    )


def test_output_is_input_of_both() -> None:
    once = run(deflate_main, stdin=TWO).out
    assert run(deflate_main, stdin=once).out == once
    back = run(inflate_main, stdin=once)
    assert [case["headers"] for case in back.cases] == [
        case["headers"] for case in json.loads(TWO)["cases"]
    ]
    assert run(deflate_main, stdin=back.out).out == once


@pytest.mark.parametrize(
    ("arguments", "wire", "setting", "maximum"),
    [
        ([], "8284", 4096, 4096),
        (["-s", "100"], "3f458284", 100, 100),
        (["--table-size", "0"], "208284", 0, 0),
        (["-s", "8192", "-S", "8192"], "3fe13f8284", 8192, 8192),
        (["-s", "8192"], "8284", 8192, 4096),
        (["-S", "100"], "3f458284", 4096, 100),
        (["--deflate-table-size=8192"], "8284", 4096, 4096),
        (["-s", "200", "-S", "100"], "3f458284", 200, 100),
    ],
)
def test_table_sizes(arguments: list[str], wire: str, setting: int, maximum: int) -> None:
    (case,) = deflate("-d", *arguments, cases=[{"headers": GET}])
    assert (case["wire"], case["header_table_size"]) == (wire, setting)
    assert case["header_table"]["max_size"] == maximum


def test_size_of_a_case_is_honoured() -> None:
    cases = deflate(
        cases=[
            {"headers": GET, "header_table_size": 100},
            {"headers": GET, "header_table_size": None},
            {"headers": GET, "header_table_size": 4096},
            {"headers": GET, "header_table_sizes": [0, 200], "header_table_size": 200},
        ]
    )
    assert [case["wire"] for case in cases] == ["3f458284", "8284", "3fe11f8284", "203fa9018284"]
    assert [case.get("header_table_size") for case in cases] == [100, None, 4096, 200]
    assert cases[3]["header_table_sizes"] == [0, 200]
    back = run(inflate_main, stdin=json.dumps({"cases": cases}))
    assert back.code == 0


def test_dumped_table() -> None:
    (case,) = deflate("-d", cases=[{"headers": [{"a": "1"}, {"b": "22"}]}])
    assert list(case)[-1] == "header_table"
    assert case["header_table"] == {
        "entries": [
            {"index": 62, "name": "b", "value": "22", "size": 35},
            {"index": 63, "name": "a", "value": "1", "size": 34},
        ],
        "size": 69,
        "max_size": 4096,
    }


def test_seqno() -> None:
    assert [case["seqno"] for case in deflate("--seqno", cases=[{"headers": []}] * 2)] == [0, 1]
    (case,) = deflate(cases=[{"seqno": 7, "headers": []}])
    assert (case["seq"], case["percentage_of_original_size"]) == (7, 0.0)


def test_sensitive_in_and_out() -> None:
    (case,) = deflate(
        cases=[{"headers": [{"a": "b"}, {"t": "x"}, {"a": "c"}], "sensitive": [1, "a"]}]
    )
    assert case["sensitive"] == [0, 1, 2]
    assert case["wire"].startswith("10")
    (case,) = deflate(cases=[{"headers": [{"authorization": "secret"}]}])
    assert case["sensitive"] == [0]
    (back,) = run(inflate_main, stdin=json.dumps({"cases": [case]})).cases
    assert back["sensitive"] == [0]


def test_octets_in_and_out() -> None:
    octets = {"0": {"name": "ff", "value": "636166e9"}}
    (case,) = deflate("-d", cases=[{"headers": [{"?": "caf?"}], "octets": octets}])
    assert case["octets"] == octets
    assert case["header_table"]["entries"][0]["value_hex"] == "636166e9"
    (back,) = run(inflate_main, stdin=json.dumps({"cases": [case]})).cases
    assert back["octets"] == octets


@pytest.mark.parametrize("options", [[], ["-d", "--seqno"]])
def test_what_is_written_validates(options: list[str]) -> None:
    """Of stories that have no headers in some cases, too."""
    for path in [*vectors("rfc7541"), *vectors("unusual"), *vectors("malformed")]:
        result = run(deflate_main, *options, str(path))
        assert problems("deflate-output", json.loads(result.out)) == []
        lines = "".join(json.dumps(case) + "\n" for case in load(path)["cases"]) + "{\n"
        for line in run(deflate_main, *options, "--jsonl", stdin=lines).lines:
            assert problems("deflate-output", line, "case") == []


@pytest.mark.parametrize("strategy", STRATEGY_NAMES)
@pytest.mark.parametrize("plain", [False, True])
def test_strategies(strategy: str, plain: bool) -> None:
    arguments = ["--strategy", strategy, *(["--no-huffman"] if plain else [])]
    headers = [{":status": "200"}, {"x-long": "value " * 4}, {"etag": "1"}]
    cases = deflate(*arguments, cases=[{"headers": headers}] * 3)
    decoder = hpack.Decoder()
    for case in cases:
        decoded = decoder.decode(bytes.fromhex(case["wire"]))
        assert [{str(name): str(value)} for name, value in decoded] == headers
    assert (b"value value".hex() in cases[0]["wire"]) == plain


def test_best_knows_the_sizes() -> None:
    cases = deflate(
        "--strategy=best",
        "-S",
        "60",
        cases=[{"headers": [{"a": "b"}]}, {"headers": [{"a": "b"}], "header_table_size": 0}],
    )
    assert [case["wire"] for case in cases] == ["3f1d4001610162", "200001610162"]


class TestHttp1Text:
    def deflate(self, text: str | bytes) -> list[Any]:
        result = run(deflate_main, "-t", stdin=text)
        assert result.code == 0
        return [case["headers"] for case in result.cases]

    def test_last_set_needs_no_empty_line(self) -> None:
        sets = [[{":method": "GET"}, {"host": "a"}], [{"x": "y"}]]
        assert self.deflate(":method: GET\nhost: a\n\nx: y\n") == sets
        assert self.deflate(":method: GET\nhost: a\n\nx: y") == sets
        assert self.deflate(":method: GET\r\nhost: a\r\n\r\nx: y\r\n\r\n") == sets
        assert self.deflate("\n\n:method: GET\nhost: a\n\n\n\nx: y\n\n\n") == sets

    def test_names_and_values(self) -> None:
        assert self.deflate(":path:/\n::a:b\nA B :  \t c:d \nempty:\n") == [
            [{":path": "/"}, {":": "a:b"}, {"A B ": "c:d "}, {"empty": ""}]
        ]

    def test_octets(self) -> None:
        result = run(deflate_main, "-t", stdin=b"x: caf\xe9\n")
        assert result.cases[0]["octets"] == {"0": {"name": "78", "value": "636166e9"}}

    def test_a_byte_order_mark_is_no_part_of_the_first_name(self) -> None:
        assert self.deflate(b"\xef\xbb\xbf:method: GET\n\nx: y\n") == [
            [{":method": "GET"}],
            [{"x": "y"}],
        ]
        assert self.deflate(b"\xef\xbb\xbf\na: b\n") == [[{"a": "b"}]]
        # Anywhere else it is what it is.
        assert self.deflate(b"\na: b\n\xef\xbb\xbfc: d\n") == [[{"a": "b"}, {"\ufeffc": "d"}]]

    def test_nothing(self) -> None:
        assert self.deflate("") == []

    def test_a_line_without_a_colon_fails_its_set(self) -> None:
        result = run(deflate_main, "-t", stdin="a: b\n\nno colon\nc: d\n\ne: f\n")
        assert result.code == 1
        assert result.cases[1]["error"] == {
            "message": "missing colon after the name",
            "path": "line 3",
        }
        assert [case["seq"] for case in result.cases] == [0, 1, 2]
        assert "standard input: case 1: line 3: missing colon" in result.err


class TestBadInput:
    @pytest.mark.parametrize(
        ("bad", "path"),
        [
            ([], "$.cases[1]"),
            ({}, "$.cases[1]"),
            ({"headers": None}, "$.cases[1].headers"),
            ({"headers": [{}]}, "$.cases[1].headers[0]"),
            ({"headers": [{"a": "b", "c": "d"}]}, "$.cases[1].headers[0]"),
            ({"headers": [{"a": 5}]}, "$.cases[1].headers[0].a"),
            ({"headers": [{"a": "\ud800"}]}, "$.cases[1].headers[0].a"),
            ({"headers": [], "sensitive": [1]}, "$.cases[1].sensitive[0]"),
            ({"headers": [], "header_table_size": "1"}, "$.cases[1].header_table_size"),
        ],
    )
    @pytest.mark.parametrize("strategy", ["default", "best"])
    def test_a_bad_case_does_not_end_the_others(self, bad: Any, path: str, strategy: str) -> None:
        good = {"headers": [{"a": "b"}]}
        result = run(
            deflate_main,
            f"--strategy={strategy}",
            stdin=json.dumps({"cases": [good, bad, good, bad]}),
        )
        assert result.code == 1
        assert [("error" in case) for case in result.cases] == [False, True, False, True]
        assert result.cases[1]["error"]["path"] == path
        assert result.cases[2]["wire"] == "be"
        assert f"hpack-deflate: standard input: case 1: {path}: " in result.err
        assert problems("deflate-output", json.loads(result.out)) == []

    def test_a_bad_first_case_does_not_lose_the_setting(self) -> None:
        result = run(deflate_main, "-s", "100", stdin='{"cases": [{}, {"headers": []}]}')
        assert result.cases[1]["wire"] == "3f45"

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            (b"", "is empty\n"),
            (b" \n", "is empty\n"),
            (b"\xef\xbb\xbf", "is empty\n"),
            (b"x", "not JSON: Expecting value: line 1 column 1"),
            (b"{", "not JSON: "),
            (b"[" + b"1" * 5000 + b"]", "not JSON: a number has too many digits\n"),
            (b'{"a": 1, "a": 2}', "$: the root object has the member 'a' twice"),
            (b"\xff", "not UTF-8 at octet 0"),
            (b"[]", "$: the root is not an object"),
            (b"{}", "$: the root object has no member 'cases'"),
            (b'{"cases": {}}', "$.cases: is not an array"),
        ],
    )
    def test_unusable_input(self, text: bytes, reason: str) -> None:
        result = run(deflate_main, stdin=text)
        assert (result.code, result.out) == (2, "")
        assert result.err.startswith(f"hpack-deflate: standard input: {reason}")
        assert "Overall" not in result.err

    @pytest.mark.parametrize(
        ("bad", "path"),
        [
            ('{"headers": [{"a": "b"}, {"a": "b", "a": "c"}]}', "$.cases[1].headers[1]"),
            ('{"headers": [], "headers": []}', "$.cases[1]"),
        ],
    )
    def test_a_member_that_comes_twice_fails_its_case(self, bad: str, path: str) -> None:
        result = run(deflate_main, stdin=f'{{"cases": [{{"headers": []}}, {bad}]}}')
        assert result.code == 1
        assert result.cases[0]["wire"] == ""
        assert result.cases[1]["error"]["path"] == path
        assert "twice" in result.cases[1]["error"]["message"]

    def test_names_cannot_write_to_the_terminal(self) -> None:
        cases = json.dumps({"cases": [{"headers": [{"\x1b]0;x\x07": 5}]}]})
        result = run(deflate_main, stdin=cases)
        assert result.code == 1
        first, _ = result.err.splitlines()
        assert first.isprintable()
        assert "\\x1b]0;x\\x07" in first

    def test_files(self, tmp_path: Path) -> None:
        good, bad = tmp_path / "good.json", tmp_path / "bad.json"
        good.write_text(TWO)
        bad.write_text("x")
        missing = str(tmp_path / "missing.json")
        result = run(deflate_main, str(good), str(bad), missing, str(good))
        assert result.code == 2
        assert f"{bad}: not JSON" in result.err
        assert f"{missing}: No such file" in result.err
        assert "Overall: input=108 " in result.err
        assert result.out == run(deflate_main, str(good)).out * 2
        assert run(inflate_main, stdin=result.out).code == 0

    @pytest.mark.parametrize(
        "arguments",
        [
            ["-s", "4k"],
            ["-s", "-1"],
            ["-S", "4294967296"],
            ["--strategy", "x"],
            ["--jsonl", "--strategy", "best"],
            ["--effort", "5"],
            ["--effort", "0", "--strategy", "linear"],
            ["--table", "1"],
        ],
    )
    def test_wrong_options(self, arguments: list[str]) -> None:
        result = run(deflate_main, *arguments, stdin=TWO)
        assert (result.code, result.out) == (2, "")
        assert "hpack-deflate: error: " in result.err

    def test_help(self) -> None:
        result = run(deflate_main, "-h")
        assert result.code == 0
        assert "--deflate-table-size" in result.out


class TestLines:
    def test_one_case_a_line(self) -> None:
        result = run(
            deflate_main,
            "--jsonl",
            stdin='{"headers": [{"a": "b"}]}\n\n{"headers": [{"a": "b"}]}\n',
        )
        assert [case["wire"] for case in result.lines] == ["4001610162", "be"]
        assert result.lines[0]["header_table_size"] == 4096

    def test_bad_lines_fail_alone(self) -> None:
        result = run(deflate_main, "--jsonl", stdin='{"headers": []}\n{\n{}\n{"headers": []}')
        assert result.code == 1
        assert [("error" in case) for case in result.lines] == [False, True, True, False]
        assert result.lines[1]["error"]["path"] == "$[1]"
        assert result.lines[2]["error"]["path"] == "$[2]"

    def test_errors_name_the_line_of_the_input(self) -> None:
        result = run(deflate_main, "--jsonl", stdin=b'\n{\n\n{"headers": []} 5\n\xff\n')
        assert [case["error"]["message"] for case in result.lines] == [
            "not JSON: Expecting property name enclosed in double quotes: line 2 column 2",
            "not JSON: extra data after the JSON document: line 4 column 17",
            "not JSON: not UTF-8 at octet 0: line 5",
        ]


def by_deflatehd(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """What nghttp2's tool writes, where it is installed."""
    theirs = shutil.which("deflatehd")
    if theirs is None:
        pytest.skip("deflatehd is missing: build nghttp2 with jansson")
    return subprocess.run(
        [theirs, *arguments], input=TWO.encode(), capture_output=True, check=True, timeout=30
    )


@pytest.mark.parametrize(
    "sizes", [[], ["-s", "100"], ["-s", "8192", "-S", "6000"], ["-s", "8192", "-S", "0"]]
)
def test_like_deflatehd(sizes: list[str]) -> None:
    """Octet by octet."""
    done = by_deflatehd("-d", *sizes)
    ours = run(deflate_main, "-d", "--strategy=nghttp2", *sizes, stdin=TWO)
    assert json.loads(ours.out) == json.loads(done.stdout)
    assert ours.err == done.stderr.decode()


def test_without_the_size_update_of_deflatehd_that_changes_nothing() -> None:
    done = by_deflatehd("-s", "8192")
    ours = run(deflate_main, "--strategy=nghttp2", "-s", "8192", stdin=TWO)
    theirs = [case["wire"] for case in json.loads(done.stdout)["cases"]]
    assert theirs == ["3fe11f" + ours.cases[0]["wire"], ours.cases[1]["wire"]]
