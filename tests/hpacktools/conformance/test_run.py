"""hpack-conformance run, with our codec and with others in its place; the reports."""

from __future__ import annotations

import io
import json
import shlex
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

import hpacktools
from hpacktools.cli import conformance_main
from hpacktools.conformance.results import KEPT_FAILURES, Outcome
from hpacktools.conformance.runner import Progress
from hpacktools.strategies import STRATEGY_NAMES
from tests.hpacktools.cli.running import run
from tests.hpacktools.conformance.running import GOOD_DECODER, command, conformance, report
from tests.support.browser import browsing
from tests.support.stories import VECTORS, require_corpus


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestRun:
    def test_rows(self, corpus: Path) -> None:
        document = report("run", corpus)
        assert document["passed"]
        rows = {(row["suite"], row["name"]): row for row in document["rows"]}
        assert rows["decode", "other"]["blocks"] == 2
        for strategy in STRATEGY_NAMES:
            assert rows["encode", strategy]["stories"] == 2
            assert rows["encode", strategy]["blocks"] == 4
        assert ("encode", "linear, plain") in rows
        assert rows["encode", "default, sizes changed"]["failures"] == 0

    def test_text(self, corpus: Path) -> None:
        result = conformance("run", corpus)
        assert result.code == 0
        assert "2 of 2 blocks decoded; 48 of 48 blocks encoded and decoded back" in result.out
        assert result.err == ""

    def test_the_variable_names_the_corpus(
        self, corpus: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HPACK_TEST_CASE", str(corpus))
        assert conformance("run").code == 0

    def test_no_corpus(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("HPACK_TEST_CASE", raising=False)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        result = conformance("run")
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert "hpack-conformance fetch" in result.err
        assert conformance("run", tmp_path / "nowhere").code == 2
        assert "no subfolder contains" in conformance("run", tmp_path).err

    def test_wrong_headers_are_failures_with_explanations(self, corpus: Path) -> None:
        path = corpus / "other" / "story_00.json"
        path.write_text(json.dumps({"cases": [{"wire": "82", "headers": [{"a": "b"}]}] * 30}))
        document = report("run", corpus)
        assert not document["passed"]
        assert document["rows"][0]["failures"] == 30
        assert len(document["failures"]) == KEPT_FAILURES
        failure = document["failures"][0]
        assert (failure["story"], failure["case"], failure["wire"]) == (
            "other/story_00.json",
            0,
            "82",
        )
        assert failure["explanation"]["representations"][0]["index"] == 2
        result = conformance("run", corpus)
        assert result.code == 1
        assert "\n30 failures:\n" in result.out
        assert f"\n  and {30 - KEPT_FAILURES} more\n" in result.out
        assert (
            "decode other/story_00.json case 0: field 0 is (b':method', b'GET'), not" in result.out
        )

    def test_a_refused_block_ends_its_story_only(self, corpus: Path) -> None:
        path = corpus / "other" / "story_00.json"
        path.write_text(json.dumps({"cases": [{"wire": "80", "headers": []}] * 3}))
        document = report("run", corpus)
        assert [failure["message"] for failure in document["failures"]] == [
            "an indexed field with index 0 (octet 0, RFC 7541 section 6.1)",
            "2 more cases were not decoded",
        ]

    @pytest.mark.parametrize(
        ("text", "reason"),
        [
            ("{", "not JSON"),
            ('{"cases": [{"wire": "8"}]}', "$.cases[0].wire"),
            ('{"cases": [{"wire": "82"}]}', "$.cases[0]: 'headers' is missing"),
            ('{"cases": [{"headers": []}]}', "$.cases[0]: 'wire' is missing"),
        ],
    )
    def test_a_file_of_the_wrong_shape_does_not_end_the_run(
        self, corpus: Path, text: str, reason: str
    ) -> None:
        (corpus / "other" / "story_01.json").write_text(text)
        result = conformance("run", corpus)
        assert result.code == 2
        assert f"unusable: other/story_01.json: {reason}" in result.out
        assert "2 of 2 blocks decoded" in result.out
        assert report("run", corpus)["problems"][0]["file"] == "other/story_01.json"

    def test_several_processes_find_the_same(self, corpus: Path) -> None:
        (corpus / "other" / "story_01.json").write_text('{"cases": [{"wire":"80","headers":[]}]}')
        one = report("run", corpus)
        two = json.loads(run(conformance_main, "run", str(corpus), "--json", "--jobs", "2").out)
        del one["seconds"], two["seconds"]
        assert one == two

    def test_progress_on_a_terminal(self, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from tests.hpacktools.cli.running import _Standard

        monkeypatch.setattr(_Standard, "isatty", lambda self: True)
        error = conformance("run", corpus).err
        assert "░   0% 0/25 stories\x1b[K" in error
        assert "█ 100% 25/25 stories\x1b[K\r\x1b[K" in error

    def test_progress_is_that_of_the_work(self) -> None:
        """One long story and many short ones: the long one is done."""
        terminal = _Terminal()
        progress = Progress([98, 1, 1], terminal)
        progress.add(0, Outcome(suite="decode", row="x", story="x"))
        progress._next = 0
        progress.add(1, Outcome(suite="decode", row="x", story="x", problem="y"))
        assert terminal.getvalue().endswith(f"\r{'█' * 29}░  99% 2/3 stories, 1 failed\x1b[K")


class TestOtherImplementations:
    def test_decoder(self, corpus: Path, tmp_path: Path) -> None:
        document = report("run", corpus, "--decoder", command(tmp_path, GOOD_DECODER))
        assert document["passed"]
        assert [row["suite"] for row in document["rows"]] == ["decode"]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ("print(json.dumps({'cases': [{'headers': []}] * 2}))", "0 fields, not 2"),
            ("print('{')", "not JSON"),
            ("sys.exit('broken')", "refused: broken"),
            ("print('{\"cases\": []}')", "it wrote 0 of 2 cases but exited with 0"),
            ("print('{\"cases\": [{}, {}]}')", "no header list"),
            ("print('{\"cases\": [1, 2]}')", "case 0 of its output is not an object"),
            ("print('[]')", "no cases"),
            ("print(json.dumps({'cases': [{'error': 'x'}] * 2}))", "refused: x"),
            ("print(json.dumps({'cases': [{'headers': [{}, {}]}] * 2}))", "field 0 is {}, not"),
            (GOOD_DECODER + "sys.exit(3)", "refused: exit code 3"),
            (
                "print(json.dumps({'cases': [{'headers': []}] * 3}))",
                "it wrote 3 cases instead of 2",
            ),
            ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "signal 11 (SIGSEGV)"),
            ("print(json.dumps({'cases': [{'headers': [{'a': 'b'}] * 2}] * 2}))", "field 0 is"),
        ],
    )
    def test_broken_decoders(self, corpus: Path, tmp_path: Path, body: str, message: str) -> None:
        document = report("run", corpus, "--decoder", command(tmp_path, body))
        assert not document["passed"]
        assert message in document["failures"][0]["message"]

    @pytest.mark.parametrize(
        ("body", "verdict"),
        [
            # It says nothing of where it stopped.
            ("sys.exit(1)", "0 of 30 blocks decoded"),
            ("import os; os.abort()", "0 of 30 blocks decoded"),
            # It refuses the 21st case, by a short output and by an error object.
            ("print(json.dumps({'cases': GET * 20})); sys.exit(1)", "20 of 30 blocks decoded"),
            ("print(json.dumps({'cases': GET * 20 + [{'error': 1}] * 10}))", "20 of 30 blocks"),
            # And the first is wrong.
            ("print(json.dumps({'cases': BAD + GET * 19})); sys.exit(1)", "19 of 30 blocks"),
            # One of those that it wrote, nobody knows which.
            ("print(json.dumps({'cases': GET * 30})); sys.exit(1)", "29 of 30 blocks decoded"),
            # It knows which: it is wrong.
            ("print(json.dumps({'cases': BAD * 30})); sys.exit(1)", "0 of 30 blocks decoded"),
        ],
    )
    def test_every_case_that_a_decoder_did_not_do_is_a_failure(
        self, corpus: Path, tmp_path: Path, body: str, verdict: str
    ) -> None:
        get = {"wire": "82", "headers": [{":method": "GET"}]}
        (corpus / "other" / "story_00.json").write_text(json.dumps({"cases": [get] * 30}))
        body = (
            "GET = [{'headers': [{':method': 'GET'}]}]\nBAD = [{'headers': [{'a': 'b'}]}]\n" + body
        )
        page = tmp_path / "report.html"
        decoder = command(tmp_path, body)
        result = conformance("run", corpus, "--decoder", decoder, "--html", page)
        assert (result.code, f"\n{verdict}" in result.out) == (1, True), result.out
        assert ("  and " in result.out) == ("BAD * 30" in body)
        assert verdict in page.read_text()

    @pytest.mark.parametrize(
        ("body", "verdict"),
        [
            ("sys.exit(1)", "0 of 4"),
            ("import os; os.abort()", "0 of 4"),
            # The story of three cases stops after one, the story of one is complete.
            ("write([WIRE]); sys.exit(len(cases) > 1)", "2 of 4"),
            # The second block is an error: the third cannot be decoded either.
            ("write([WIRE, '80', WIRE])", "2 of 4"),
            # The second block is something else: the third counts for itself.
            ("write([WIRE, '82', WIRE])", "3 of 4"),
            # One of those that it wrote, nobody knows which.
            ("write([WIRE, WIRE, WIRE]); sys.exit(1)", "2 of 4"),
        ],
    )
    def test_every_case_that_an_encoder_did_not_do_is_a_failure(
        self, corpus: Path, tmp_path: Path, body: str, verdict: str
    ) -> None:
        long, short = (hpacktools.Deflater(strategy="static") for _ in range(2))
        wire = long.deflate([(b":method", b"GET"), (b":path", b"/"), (b"x-a", "caf\xe9".encode())])
        body = (
            f"WIRE = {wire.hex()!r} if len(cases) > 1 else "
            f"{short.deflate([(b'x-b', b'c')]).hex()!r}\n"
            "def write(wires):\n"
            "    wires = wires[:len(cases)]\n"
            "    print(json.dumps({'cases': [{'wire': wire} for wire in wires]}))\n" + body
        )
        document = report("run", corpus, "--encoder", command(tmp_path, body))
        assert not document["passed"]
        row = document["rows"][0]
        assert f"{row['blocks'] - row['failures']} of {row['blocks']}" == verdict

    def test_equal_cases_are_counted_by_their_place(self, corpus: Path) -> None:
        """Two cases that are the same text: the second is refused, for a reference is lost."""
        case = {"seqno": 0, "wire": "be", "headers": [{"a": "b"}]}
        first = {"wire": "4001610162", "headers": [{"a": "b"}]}
        lost = {"seqno": 0, "wire": "20", "headers": []}
        (corpus / "other" / "story_00.json").write_text(
            json.dumps({"cases": [first, case, lost, case, case]})
        )
        assert report("run", corpus)["rows"][0]["failures"] == 2

    def test_a_story_without_cases_is_skipped(self, corpus: Path) -> None:
        (corpus / "other" / "story_00.json").write_text('{"cases": []}')
        result = conformance("run", corpus, "--decoder", "false")
        assert "skipped: other/story_00.json: the story has no cases" in result.out
        assert "0 of 0 blocks decoded" in result.out

    def test_no_control_character_of_a_command_or_file_reaches_the_terminal(
        self, corpus: Path, tmp_path: Path
    ) -> None:
        (corpus / "other" / "story_01.json").write_text(
            json.dumps({"cases": [{"headers": [{"\x1b]0;x\x07": 5}]}]})
        )
        body = "sys.exit('\x1b[2Jgone\x9b')"
        result = conformance("run", corpus, "--decoder", command(tmp_path, body))
        assert "\\x1b[2Jgone\\x9b" in result.out
        assert "\\x1b]0;x\\x07" in result.out
        assert result.out.replace("\n", "").isprintable()

    @pytest.mark.parametrize("option", ["--decoder", "--encoder"])
    def test_effort_is_for_our_encoder_only(self, corpus: Path, option: str) -> None:
        result = conformance("run", corpus, option, "true", "--effort", "2")
        assert (result.code, result.out) == (2, "")
        assert "run: error: --effort applies to this encoder" in result.err

    @pytest.mark.parametrize("option", ["--decoder", "--encoder"])
    @pytest.mark.parametrize(
        ("command", "message"),
        [
            ("/nowhere/codec -x", "/nowhere/codec: command not found"),
            ("no-such-codec", "no-such-codec: command not found"),
            ("/etc", "/etc: cannot be executed"),
            ("'unclosed", "'unclosed: No closing quotation"),
            (" ", "' ' does not name a command"),
        ],
    )
    def test_a_command_that_cannot_be_run(
        self, corpus: Path, option: str, command: str, message: str
    ) -> None:
        """One line, and no story is run."""
        result = conformance("run", corpus, option, command)
        assert (result.code, result.out, result.err) == (2, "", f"hpack-conformance: {message}\n")

    @pytest.mark.parametrize(
        "arguments",
        [
            ["run", "--decoder", ""],
            ["run", "--encoder="],
            ["negative", "--decoder", ""],
            ["run", ""],
            ["negative", ""],
            ["run", "--junit", ""],
            ["negative", "--html", ""],
            ["generate", ""],
            ["generate", "x", "--source", ""],
            ["fetch", ""],
        ],
    )
    def test_an_empty_argument_is_not_none(self, corpus: Path, arguments: list[str]) -> None:
        """As a variable that is not set leaves it: another codec would pass."""
        result = run(conformance_main, *arguments)
        assert (result.code, result.out) == (2, "")
        assert result.err.endswith(": must not be empty\n")

    def test_a_command_that_cannot_decode_the_vectors(self) -> None:
        result = conformance("negative", "--decoder", "no-such-codec")
        expected = "hpack-conformance: no-such-codec: command not found\n"
        assert (result.code, result.out, result.err) == (2, "", expected)

    def test_a_command_that_is_no_program(self, corpus: Path, tmp_path: Path) -> None:
        """The system says so when it is started: each story fails."""
        broken = tmp_path / "broken"
        broken.write_text("")
        broken.chmod(0o755)
        document = report("run", corpus, "--decoder", str(broken))
        assert "cannot run: Exec format error" in document["failures"][0]["message"]

    def test_encoder(self, corpus: Path) -> None:
        ours = shlex.join(
            [sys.executable, "-c", "import hpacktools.cli as c; raise SystemExit(c.deflate_main())"]
        )
        document = report("run", corpus, "--encoder", ours)
        assert document["passed"]
        rows = [(row["suite"], row["name"], row["blocks"]) for row in document["rows"]]
        assert rows == [("encode", ours, 4), ("encode", f"{ours}, sizes changed", 4)]

    def test_an_encoder_is_told_of_settings(self, corpus: Path, tmp_path: Path) -> None:
        """In a row of its own, in which one that hears nothing of them fails."""
        body = (
            "deflater = Deflater()\n"
            "sizes = [case.get('header_table_size') for case in cases]\n"
            "assert sizes in ([None], [2730], [None, None, None], [None, 1365, 2730]), sizes\n"
            "wires = [deflater.deflate([(n.encode(), v.encode()) for h in case['headers']\n"
            "                           for n, v in h.items()]) for case in cases]\n"
            "print(json.dumps({'cases': [{'wire': wire.hex()} for wire in wires]}))\n"
        )
        document = report("run", corpus, "--encoder", command(tmp_path, body))
        plain, changed = document["rows"]
        assert (plain["failures"], changed["failures"]) == (0, 3)
        assert "no dynamic table size update to 1365" in document["failures"][0]["message"]

    @pytest.mark.parametrize(
        ("wires", "message"),
        [
            (["80", "82", "82"], "does not decode"),
            (["82", "82", "82"], "decodes to something else"),
            (["8", "82", "82"], "no header block"),
        ],
    )
    def test_broken_encoders(
        self, corpus: Path, tmp_path: Path, wires: list[str], message: str
    ) -> None:
        body = f"print(json.dumps({{'cases': [{{'wire': w}} for w in {wires}][:len(cases)]}}))"
        document = report("run", corpus, "--encoder", command(tmp_path, body))
        assert message in document["failures"][0]["message"]


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


class TestReports:
    @pytest.fixture
    def failing(self, corpus: Path) -> Path:
        (corpus / "other" / "story_01.json").write_text(
            json.dumps({"cases": [{"wire": "40013c013e80", "headers": [{"<b>": "\x1f&"}]}]})
        )
        (corpus / "other" / "story_02.json").write_text("<")
        return corpus

    def test_junit(self, failing: Path, tmp_path: Path) -> None:
        path = tmp_path / "report.xml"
        conformance("run", failing, "--junit", path)
        root = ET.parse(path).getroot()
        suite = root[0]
        assert (suite.get("name"), suite.get("tests")) == ("decode other", "3")
        assert (suite.get("failures"), suite.get("errors")) == ("1", "1")
        failure = suite.find("./testcase[@name='other/story_01.json']/failure")
        assert failure is not None
        assert "wire 40013c013e80" in (failure.text or "")

    def test_html_is_one_sound_page(self, failing: Path, tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        conformance("run", failing, "--html", path)
        page = _Page()
        text = path.read_text()
        page.feed(text)
        page.close()
        assert page.open == []
        assert page.references == []
        assert "script" not in page.tags
        assert "details" in page.tags
        assert "&lt;: &gt;" in text
        assert "other/story_02.json" in text
        assert text.count('class="bar"') == 13

    def test_negative_has_no_chart(self, tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        conformance("negative", "--html", path)
        assert 'class="bar"' not in path.read_text()

    @pytest.mark.slow
    def test_html_fits_into_a_narrow_window(self, tmp_path: Path) -> None:
        path = tmp_path / "report.html"
        rows = [{":path": "/" + "x" * 10_000}] * 100
        (tmp_path / "corpus" / "a-codec-of-some-name").mkdir(parents=True)
        case = {"wire": "82", "headers": rows}
        story = tmp_path / "corpus" / "a-codec-of-some-name" / "story_00.json"
        story.write_text(json.dumps({"cases": [case] * 10}))
        conformance("run", tmp_path / "corpus", "--html", path)
        with browsing(tmp_path, "--window-size=500,900") as browser:
            browser.driver.get(path.as_uri())
            right, width = browser.driver.execute_script(
                "return [document.querySelector('table').getBoundingClientRect().right,"
                " document.documentElement.clientWidth]"
            )
        assert 0 < right <= width

    def test_a_report_that_cannot_be_written(self, corpus: Path, tmp_path: Path) -> None:
        result = conformance("run", corpus, "--html", tmp_path / "no" / "x.html")
        assert result.code == 2
        assert "No such file" in result.err


def test_stories_of_this_project() -> None:
    """Recorded requests and responses, and what our encoder makes of them."""
    document = report("run", VECTORS)
    assert document["passed"], document["failures"][:3]
    rows = {(row["suite"], row["name"]): row for row in document["rows"]}
    stories = len(list((VECTORS / "raw-data").glob("*.json")))
    assert rows["decode", "h2static"]["stories"] == stories
    ours, default = rows["decode", "h2static"], rows["encode", "default"]
    assert ours["output_length"] == default["output_length"]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_whole_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    # Measuring the coverage of so much would take minutes, and show no line that others do not.
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    document = report_of_corpus()
    assert document["passed"], document["failures"][:3]
    rows = {(row["suite"], row["name"]): row for row in document["rows"]}
    decoded = [row for (suite, _), row in rows.items() if suite == "decode"]
    assert sum(row["blocks"] for row in decoded) == 47_142
    encoded = [row for (suite, _), row in rows.items() if suite == "encode"]
    assert {row["stories"] for row in encoded} == {32}
    assert {row["input_length"] for row in encoded} == {1_162_372}
    assert rows["encode", "nghttp2"]["ratio"] <= 0.3087
    assert rows["encode", "default"]["ratio"] <= 0.2945
    assert rows["encode", "best"]["ratio"] <= 0.2615


def report_of_corpus() -> Any:
    result = run(conformance_main, "run", str(require_corpus()), "--json")
    return json.loads(result.out)
