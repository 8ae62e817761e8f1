"""hpack-conformance negative, with our codec and with others in its place."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.hpacktools.conformance.running import GOOD_DECODER, command, conformance, report
from tests.support.stories import VECTORS, vectors

#: An entry of a dumped table.
ENTRY = {"index": 62, "name": "a", "value": "b", "size": 34}

#: As ``inflatehd`` does it, which has no JSON for what is not UTF-8.
TEXT_ONLY_DECODER = """
from hpacktools.jsonforms import fields_to_json, table_to_json
inflater = Inflater()
out = []
for case in cases:
    headers, octets = fields_to_json(inflater.inflate(bytes.fromhex(case['wire'])))
    out.append({'headers': [{} if str(n) in octets else h for n, h in enumerate(headers)]})
    if DUMP:
        table = out[-1]['header_table'] = table_to_json(inflater.table)
        for entry in table['entries']:
            for key in ('name', 'value'):
                if entry.pop(key + '_hex', ''):
                    del entry[key]
print(json.dumps({'cases': out}))
"""


class TestNegative:
    def test_all_of_ours(self) -> None:
        result = conformance("negative")
        assert result.code == 0
        accepted = len(vectors("rfc7541")) + len(vectors("unusual"))
        refused = len(vectors("malformed"))
        assert (
            f"{accepted} of {accepted} stories to be accepted; "
            f"{refused} of {refused} stories to be refused" in result.out
        )

    def test_every_line_of_the_list_has_a_vector(self) -> None:
        """N1 to N20 without those that are not about a block (N21, N22); U1 to U22."""
        for folder, letter, last in (("malformed", "n", 20), ("unusual", "u", 22)):
            numbers = {int(path.stem[1:3]) for path in vectors(folder)}
            assert numbers == set(range(1, last + 1)), letter

    def test_our_tool_as_a_command(self, tmp_path: Path) -> None:
        folder = tmp_path / "vectors"
        for path in [*vectors("malformed")[:3], *vectors("unusual")[:3]]:
            copy = folder / path.parent.name / path.name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
        code = "import hpacktools.cli as c; raise SystemExit(c.inflate_main(['-d']))"
        document = report("negative", folder, "--decoder", shlex.join([sys.executable, "-c", code]))
        assert document["passed"], document["failures"]
        assert sum(row["stories"] for row in document["rows"]) == 6

    @pytest.mark.parametrize("dump", [False, True])
    def test_a_decoder_that_has_only_text(self, tmp_path: Path, dump: bool) -> None:
        """Fields that are not UTF-8 are ``{}``, and entries of the table lack the text."""
        folder = tmp_path / "vectors" / "unusual"
        folder.mkdir(parents=True)
        names = ("u10_all_octets_huffman", "u10_all_octets_plain", "u20_not_utf8")
        for name in names:
            (folder / f"{name}.json").write_bytes((VECTORS / f"unusual/{name}.json").read_bytes())
        decoder = command(tmp_path, TEXT_ONLY_DECODER.replace("DUMP", str(dump)))
        document = report("negative", folder.parent, "--decoder", decoder)
        assert document["passed"], document["failures"]

    @pytest.mark.parametrize("dump", [[], ["-d"]])
    def test_inflatehd(self, dump: list[str]) -> None:
        """Where nghttp2's tool is installed: it accepts what libnghttp2 accepts."""
        theirs = shutil.which("inflatehd")
        if theirs is None:
            pytest.skip("inflatehd is missing: build nghttp2 with jansson")
        document = report("negative", "--decoder", shlex.join([theirs, *dump]))
        stories = {Path(failure["story"]).stem for failure in document["failures"]}
        assert stories <= {"n16_three", "n16_hundred"}

    @pytest.mark.parametrize(
        "table",
        [
            None,
            [],
            {},
            {"entries": [], "size": 34, "max_size": 4096},
            {"entries": [5], "size": 34, "max_size": 4096},
            {"entries": [{**ENTRY, "value": "c"}], "size": 34, "max_size": 4096},
            {"entries": [ENTRY], "size": 34, "max_size": 0},
        ],
    )
    def test_another_table(self, tmp_path: Path, table: Any) -> None:
        (tmp_path / "unusual").mkdir()
        good = {"entries": [ENTRY], "size": 34, "max_size": 4096}
        case = {
            "wire": "4001610162",
            "headers": [{"a": "b"}],
            "expect": {"result": "accept", "header_table": good},
        }
        (tmp_path / "unusual" / "x.json").write_text(json.dumps({"cases": [case]}))
        for found, passed in ((good, True), (table, False)):
            answer = {"cases": [{"headers": [{"a": "b"}], "header_table": found}]}
            decoder = command(tmp_path, f"print({json.dumps(answer)!r})")
            document = report("negative", tmp_path, "--decoder", decoder)
            assert document["passed"] == passed
        assert document["failures"][0]["message"] == f"the table is {json.dumps(table)}"

    def test_a_decoder_that_accepts_everything(self, tmp_path: Path) -> None:
        folder = tmp_path / "vectors" / "malformed"
        folder.mkdir(parents=True)
        for name in ("n01_index_zero", "n17_smallest_missing"):
            (folder / f"{name}.json").write_bytes((VECTORS / f"malformed/{name}.json").read_bytes())
        body = "print(json.dumps({'cases': [{'headers': []} for case in cases]}))"
        document = report("negative", folder.parent, "--decoder", command(tmp_path, body))
        assert document["failures"][0]["message"] == "accepted, against RFC 7541 section 6.1"
        explanation = document["failures"][0]["explanation"]
        assert explanation["error"]["section"] == "RFC 7541 section 6.1"
        assert document["skipped"][0]["story"] == "malformed/n17_smallest_missing.json"

    @pytest.mark.parametrize(
        ("end", "message"),
        [
            ("print(json.dumps({'cases': out[:-1]})); sys.exit(1)", ""),
            ("print('{'); sys.exit(1)", ""),
            ("sys.exit('no')", ""),
            ("out[-1] = {'error': 'no'}; print(json.dumps({'cases': out}))", ""),
            # Every case is written, the exit code alone tells.
            ("print(json.dumps({'cases': out})); sys.exit(1)", ""),
            ("print(json.dumps({'cases': out}))", "accepted, against RFC 7541 section 2.3.3"),
            # A crash is no refusal, whatever was written before it.
            ("os.kill(os.getpid(), signal.SIGSEGV)", "killed by signal 11 (SIGSEGV)"),
            ("os.abort()", "killed by signal 6 (SIGABRT)"),
            ("sys.exit(128 + 11)", "killed by signal 11 (SIGSEGV)"),
            ("os.kill(os.getpid(), signal.SIGRTMIN + 1)", "killed by signal "),
            ("print('{', flush=True); os.abort()", "killed by signal 6 (SIGABRT)"),
            # No signal has these numbers.
            ("sys.exit(128)", ""),
            ("sys.exit(255)", ""),
        ],
    )
    def test_ways_to_refuse(self, tmp_path: Path, end: str, message: str) -> None:
        """What the command does with a story whose last block refers to an evicted entry."""
        folder = tmp_path / "vectors" / "malformed"
        folder.mkdir(parents=True)
        cases = [
            {
                "wire": "4001610162",
                "headers": [{"a": "b"}],
                "expect": {"result": "accept"},
            },
            {
                "wire": "203fe11fbe",
                "expect": {"result": "refuse", "section": "RFC 7541 section 2.3.3"},
            },
        ]
        (folder / "n18.json").write_text(json.dumps({"cases": cases}))
        body = (
            "import os, signal\nout = [{'headers': [{'a': 'b'}]} for case in cases]\n"
            f"if len(cases) == 1: print(json.dumps({{'cases': out}}))\nelse: {end}\n"
        )
        document = report("negative", folder.parent, "--decoder", command(tmp_path, body))
        messages = [failure["message"] for failure in document["failures"]]
        assert len(messages) == bool(message)
        assert message in "".join(messages)

    def test_a_story_to_be_accepted_must_not_end_with_an_exit_code(self, tmp_path: Path) -> None:
        folder = tmp_path / "vectors" / "rfc7541"
        folder.mkdir(parents=True)
        (folder / "c3.json").write_bytes((VECTORS / "rfc7541/c3.json").read_bytes())
        decoder = command(tmp_path, GOOD_DECODER + "sys.exit(1)")
        document = report("negative", folder.parent, "--decoder", decoder)
        (failure,) = document["failures"]
        assert failure["message"] == "refused: exit code 1"

    def test_a_block_that_a_command_misread_is_explained(self, tmp_path: Path) -> None:
        """With the table as it is then: the second block of C.3 refers to an entry of the first."""
        folder = tmp_path / "vectors" / "rfc7541"
        folder.mkdir(parents=True)
        (folder / "c3.json").write_bytes((VECTORS / "rfc7541/c3.json").read_bytes())
        body = GOOD_DECODER.replace("print(", "out[1]['headers'].pop()\nprint(")
        document = report("negative", folder.parent, "--decoder", command(tmp_path, body))
        (failure,) = document["failures"]
        steps = failure["explanation"]["representations"]
        assert [step["octets"] for step in steps] == [
            "82",
            "86",
            "84",
            "be",
            "58086e6f2d6361636865",
        ]
        assert (steps[3]["name"], steps[3]["value"]) == (":authority", "www.example.com")

    @pytest.mark.parametrize(
        ("case", "message"),
        [
            ({"wire": "80", "headers": [], "expect": {"result": "accept"}}, "refused: "),
            (
                {"wire": "82", "expect": {"result": "refuse", "section": "X"}},
                "accepted, against X",
            ),
            (
                {"wire": "80", "expect": {"result": "refuse", "section": "X"}},
                "refused by RFC 7541 section 6.1, not X",
            ),
            (
                {
                    "wire": "80",
                    "expect": {"result": "refuse", "section": "RFC 7541 section 6.1", "offset": 1},
                },
                "refused at octet 0, not 1",
            ),
            ({"wire": "82", "headers": [], "expect": {"result": "accept"}}, "1 fields, not 0"),
            (
                {"wire": "10016100", "headers": [{"a": ""}], "expect": {"result": "accept"}},
                "never indexed are [0]",
            ),
            (
                {
                    "wire": "82",
                    "headers": [{":method": "GET"}],
                    "expect": {
                        "result": "accept",
                        "header_table": {"entries": [], "size": 0, "max_size": 5},
                    },
                },
                "the table is ",
            ),
        ],
    )
    def test_what_is_not_as_expected(self, tmp_path: Path, case: Any, message: str) -> None:
        folder = tmp_path / "unusual"
        folder.mkdir()
        (folder / "x.json").write_text(json.dumps({"cases": [case]}))
        document = report("negative", tmp_path)
        assert document["failures"][0]["message"].startswith(message)

    @pytest.mark.parametrize(
        "case", [{"wire": "82", "headers": []}, {"wire": "82", "expect": {"result": "accept"}}]
    )
    def test_a_vector_of_the_wrong_shape(self, tmp_path: Path, case: Any) -> None:
        (tmp_path / "unusual").mkdir()
        (tmp_path / "unusual" / "x.json").write_text(json.dumps({"cases": [case]}))
        assert conformance("negative", tmp_path).code == 2

    def test_no_vectors(self, tmp_path: Path) -> None:
        result = conformance("negative", tmp_path)
        assert result.code == 2
        assert "has none of the folders" in result.err
