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
            f"{accepted} of {accepted} stories accepted as required; "
            f"{refused} of {refused} stories refused as required" in result.out
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
        assert document["failures"][0]["message"] == "accepted, contrary to RFC 7541 section 6.1"
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
            ("print(json.dumps({'cases': out}))", "accepted, contrary to RFC 7541 section 2.3.3"),
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
                "accepted, contrary to X",
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
                "never-indexed fields are [0]",
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
        assert "contains none of the folders" in result.err


def folder_of(tmp_path: Path, *names: str) -> Path:
    """A folder with vectors of this repository: ``malformed/n01_index_zero``."""
    folder = tmp_path / "vectors"
    for name in names:
        copy = folder / f"{name}.json"
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((VECTORS / f"{name}.json").read_bytes())
    return folder


#: It refuses nothing.
ACCEPTING = "print(json.dumps({'cases': [{'headers': []} for case in cases]}))"


class TestLevels:
    @pytest.fixture
    def disputed(self, tmp_path: Path) -> Path:
        """One story of each level."""
        return folder_of(
            tmp_path,
            "malformed/n01_index_zero",
            "malformed/n15_empty_block",
            "malformed/n06_size_update_zeros",
            "malformed/n13_update_after_field",
        )

    @pytest.mark.parametrize(
        ("level", "failed", "noted"),
        [
            ("must", {"n01"}, {"n15", "n13"}),
            ("settings", {"n01", "n15"}, {"n13"}),
            ("limits", {"n01", "n15"}, {"n13"}),
            ("advice", {"n01", "n15", "n13"}, set()),
        ],
    )
    def test_what_counts(
        self, tmp_path: Path, disputed: Path, level: str, failed: set[str], noted: set[str]
    ) -> None:
        """A size update with 20 octets of zero may be accepted, with no fields, as it is here."""
        decoder = command(tmp_path, ACCEPTING)
        document = report("negative", disputed, "--decoder", decoder, "--level", level)
        assert document["level"] == level
        for key, names in (("failures", failed), ("noted", noted)):
            assert {Path(each["story"]).name[:3] for each in document[key]} == names
        assert document["rows"][0]["noted"] == len(noted)

    @pytest.mark.parametrize(("level", "code"), [("limits", 0), ("advice", 1)])
    def test_exit_code(self, tmp_path: Path, level: str, code: int) -> None:
        folder = folder_of(tmp_path, "malformed/n13_update_after_field")
        decoder = command(tmp_path, ACCEPTING)
        files = [tmp_path / "report.xml", tmp_path / "report.html"]
        result = conformance(
            "negative",
            folder,
            "--decoder",
            decoder,
            "--level",
            level,
            "--junit",
            files[0],
            "--html",
            files[1],
        )
        assert result.code == code
        xml, page = (file.read_text() for file in files)
        if code:
            assert "\n1 failure:\n" in result.out
            assert '<failure message="accepted' in xml
        else:
            assert "1 failure beyond --level limits, not counted:\n" in result.out
            assert "0 of 1 stories refused as required (1 of the others not counted)" in result.out
            assert 'failures="0" errors="0" skipped="1"' in xml
            assert "not counted, level advice: accepted" in xml
            assert "<h2>Not counted (1)</h2>" in page
        assert "[advice]: accepted, contrary to RFC 7541 section 4.2\n" in result.out

    def test_what_may_be_refused(self, tmp_path: Path) -> None:
        """A limit on the number of fields; what is read wrong still fails."""
        folder = folder_of(tmp_path, "unusual/u19_many_references")
        limit = "if len(cases[-1]['wire']) > 500: sys.exit('more than 100 fields')\n"
        document = report("negative", folder, "--decoder", command(tmp_path, limit + GOOD_DECODER))
        assert document["passed"]
        assert document["refusals"] == [
            {
                "story": "unusual/u19_many_references.json",
                "case": 1,
                "reason": "more than 100 fields",
                "by": "exit code",
            }
        ]
        wrong = GOOD_DECODER.replace("print(", "out[-1]['headers'].pop()\nprint(")
        document = report("negative", folder, "--decoder", command(tmp_path, wrong))
        assert document["failures"][0]["message"] == "1979 fields, not 1980"
        assert document["failures"][0]["needs"] == ["1980 fields"]
        result = conformance("negative", folder, "--decoder", command(tmp_path, wrong))
        assert "\n    the story needs 1980 fields\n" in result.out

    @pytest.mark.parametrize(
        ("only", "stories"),
        [
            (["n13"], 3),
            (["n13", "n16_three"], 4),
            (["rfc7541"], 8),
            (["advice"], 6),
            (["malformed/n16_three.json"], 1),
        ],
    )
    def test_only(self, only: list[str], stories: int) -> None:
        arguments = [part for what in only for part in ("--only", what)]
        document = report("negative", *arguments)
        assert sum(row["stories"] for row in document["rows"]) == stories

    def test_only_what_is_there(self) -> None:
        result = conformance("negative", "--only", "n13", "--only", "n99")
        assert (result.code, result.out) == (2, "")
        assert "--only n99: no story with that name, folder or level" in result.err


class TestReasons:
    """Why a command refused what it had to refuse."""

    def test_all_reports_have_them(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, "malformed/n01_index_zero", "malformed/n02_huge")
        decoder = command(tmp_path, "raise NameError('ProtocolEror')")
        files = [tmp_path / "report.xml", tmp_path / "report.html"]
        arguments: list[str | Path] = ["--decoder", decoder]
        arguments += ["--junit", files[0], "--html", files[1]]
        document = report("negative", folder, *arguments)
        assert document["passed"]
        assert document["refusals"] == [
            {
                "story": f"malformed/{name}.json",
                "case": 0,
                "reason": "NameError: ProtocolEror",
                "by": "exception",
            }
            for name in ("n01_index_zero", "n02_huge")
        ]
        result = conformance("negative", folder, "--decoder", decoder)
        assert (
            "2 blocks refused for these reasons:\n"
            "  2 (malformed/n01_index_zero.json, malformed/n02_huge.json, by exception): "
            "NameError: ProtocolEror\n"
            "  2 of them by an uncaught exception" in result.out
        )
        for file in files:
            assert file.read_text().count("NameError: ProtocolEror") == 2

    @pytest.mark.parametrize(
        ("said", "by"),
        [
            ("inflatehd: error", "exit code"),
            ('Exception in thread "main" java.lang.NullPointerException', "exception"),
            ("panic: runtime error: index out of range", "exception"),
            ("thread 'main' panicked at src/main.rs:3:5:", "exception"),
            ("x.rb:3:in `f': undefined method (NoMethodError)", "exception"),
            ("Died at x.pl line 3.", "exception"),
        ],
    )
    def test_exceptions_are_told_from_refusals(self, tmp_path: Path, said: str, by: str) -> None:
        folder = folder_of(tmp_path, "malformed/n01_index_zero")
        document = report("negative", folder, "--decoder", command(tmp_path, f"sys.exit({said!r})"))
        assert [refusal["by"] for refusal in document["refusals"]] == [by]

    def test_a_crash_is_no_refusal(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, "malformed/n01_index_zero")
        decoder = command(tmp_path, "print(json.dumps({'cases': [{'crash': 'IndexError'}]}))")
        document = report("negative", folder, "--decoder", decoder)
        assert [failure["message"] for failure in document["failures"]] == ["crashed: IndexError"]

    def test_a_refusal_at_an_earlier_case_is_none_of_the_last(self, tmp_path: Path) -> None:
        """An error in the place of a case that it accepts when that comes alone."""
        folder = folder_of(tmp_path, "malformed/n18_evicted_by_update")
        body = (
            "good = {'headers': [{'a': 'b'}]}\n"
            "out = [good] if len(cases) == 1 else [{'error': 'too early'}] * 2\n"
            "print(json.dumps({'cases': out}))\n"
        )
        document = report("negative", folder, "--decoder", command(tmp_path, body))
        assert [failure["message"] for failure in document["failures"]] == ["refused: too early"]


class TestSaidOnce:
    def test_one_line_for_all_stories(self, tmp_path: Path) -> None:
        decoder = command(tmp_path, "print('Usage: codec [-x]'); print('what?', file=sys.stderr)")
        folder = folder_of(tmp_path, *(f"rfc7541/c2_{number}" for number in (1, 2, 3, 4)))
        result = conformance("negative", folder, "--decoder", decoder)
        line = (
            "  accept rfc7541/c2_1.json, rfc7541/c2_2.json, rfc7541/c2_3.json, and 1 more "
            "(4 stories): its output is not JSON: Expecting value: line 1 column 1; standard "
            "output begins with 'Usage: codec [-x]\\n', standard error begins with 'what?\\n'\n"
        )
        assert result.out.count("is not JSON") == 1
        assert line in result.out
        assert "codec.py" not in result.out

    def test_no_output_at_all(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, "rfc7541/c3")
        result = conformance("negative", folder, "--decoder", command(tmp_path, "pass"))
        assert "standard output is empty, standard error is empty" in result.out


class TestSeveralSettings:
    def test_commands_that_can_be_told(self, tmp_path: Path) -> None:
        """All sizes stand beside the last, where a command says that it reads them."""
        folder = folder_of(tmp_path, "malformed/n17_smallest_missing", "unusual/u18_down_and_up")
        decoder = command(
            tmp_path,
            "inflater = Inflater()\nout = []\n"
            "for case in cases:\n"
            "    for size in case.get('header_table_sizes', [case.get('header_table_size')]):\n"
            "        if size is not None: inflater.change_table_size(size)\n"
            "    fields = inflater.inflate(bytes.fromhex(case['wire']))\n"
            "    out.append({'headers': [{n.decode(): v.decode()} for n, v in fields]})\n"
            "print(json.dumps({'cases': out}))\n",
        )
        document = report("negative", folder, "--decoder", decoder)
        assert len(document["skipped"]) == 2
        assert "--several-settings" in document["skipped"][0]["reason"]
        document = report("negative", folder, "--several-settings", "--decoder", decoder)
        assert (document["skipped"], document["passed"]) == ([], True)
        assert "smallest" not in document["refusals"][0]["reason"]

    def test_a_document_that_skips(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, "unusual/u19_long_name")
        decoder = command(tmp_path, "print(json.dumps({'skip': 'no long names'}))")
        document = report("negative", folder, "--decoder", decoder)
        assert document["skipped"][0]["reason"] == "no long names"
        assert document["passed"]


class TestEncoders:
    """``negative --encoder``."""

    @staticmethod
    def encoder(tmp_path: Path, change: str) -> str:
        """A good encoder; ``change`` is done to the fields of each case."""
        return command(
            tmp_path,
            "from hpacktools.jsonforms import fields_from_json\n"
            "deflater = Deflater()\nout = []\n"
            "for case in cases:\n"
            "    sizes = case.get('header_table_sizes') or [case.get('header_table_size')]\n"
            "    fields = fields_from_json(case['headers'], case.get('octets'), '$')\n"
            "    sensitive = case.get('sensitive', [])\n"
            f"    {change}\n"
            "    for size in sizes:\n"
            "        if size is not None: deflater.change_table_size(size)\n"
            "    out.append({'wire': deflater.deflate(fields, sensitive).hex()})\n"
            "print(json.dumps({'cases': out}))\n",
        )

    @pytest.mark.parametrize(
        ("change", "story", "message"),
        [
            ("pass", "", ""),
            ("sizes = []", "e02_lowered", "no dynamic table size update to 1000 or less"),
            ("sizes = sizes[-1:]", "e03_zero_and_back", "no dynamic table size update to 0"),
            ("sensitive = []", "e09_sensitive", "are not never-indexed literals"),
            ("fields = fields[:-1]", "e10_repeated", "decodes to something else: "),
        ],
    )
    def test_what_they_get_wrong(
        self, tmp_path: Path, change: str, story: str, message: str
    ) -> None:
        encoder = self.encoder(tmp_path, change)
        arguments = ["--encoder", encoder, "--several-settings"]
        if story:
            arguments += ["--only", story]
        document = report("negative", *arguments)
        assert {row["name"] for row in document["rows"]} == {"encoder"}
        assert document["passed"] == (not story), document["failures"][:2]
        if story:
            first = document["failures"][0]
            assert message in first["message"]
            assert first["explanation"]

    def test_a_wrong_length_of_a_string(self, tmp_path: Path) -> None:
        """2^7 - 1 in the prefix, without the octet that has to follow (RFC 7541 section 5.1)."""
        from hpacktools.conformance.corpus import find_vectors

        story = json.loads((find_vectors(None) / "encoder/e04_plain_lengths.json").read_text())
        headers = [header for case in story["cases"] for header in case["headers"]]
        lengths = {len(value) for header in headers for value in header.values()}
        assert {126, 127, 128} <= lengths
        body = "'0001617f' + '7e' * 127"
        encoder = command(
            tmp_path,
            "deflater = Deflater()\n"
            "wires = [deflater.deflate([(n.encode(), v.encode()) for h in case['headers']\n"
            "         for n, v in h.items()]).hex() for case in cases]\n"
            f"wires[7] = {body}\n"
            "print(json.dumps({'cases': [{'wire': wire} for wire in wires]}))\n",
        )
        document = report("negative", "--encoder", encoder, "--only", "e04_plain_lengths")
        assert "does not decode" in document["failures"][0]["message"]

    def test_both_sides(self, tmp_path: Path) -> None:
        folder = folder_of(tmp_path, "rfc7541/c3", "encoder/e10_repeated")
        encoder = self.encoder(tmp_path, "pass")
        document = report("negative", folder, "--encoder", encoder)
        assert [row["suite"] for row in document["rows"]] == ["encoder"]
        decoder = tmp_path / "decoder"
        decoder.mkdir()
        both = ["--encoder", encoder, "--decoder", command(decoder, GOOD_DECODER)]
        document = report("negative", folder, *both)
        assert [row["suite"] for row in document["rows"]] == ["accept", "encoder"]
        assert document["passed"]
