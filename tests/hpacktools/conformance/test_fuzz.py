"""hpack-conformance fuzz: what is generated, what is found, how small it becomes."""

from __future__ import annotations

import ctypes.util
import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hpacktools.cli import conformance_main
from hpacktools.codec import HPACKError
from hpacktools.conformance.external import Answer
from hpacktools.conformance.fuzz.blocks import Block, Generator, read
from hpacktools.conformance.fuzz.smallest import TRIALS, smallest
from hpacktools.conformance.fuzz.verdicts import Verdict, cases_of, compare, without_numbers
from hpacktools.schemas import problems
from hpacktools.shapes import Object
from tests.hpacktools.cli.running import Result, run
from tests.hpacktools.cli.test_processes import command as tool
from tests.hpacktools.conformance.running import report
from tests.hpacktools.conformance.test_command import Witness, end_of, start, witness
from tests.hpacktools.conformance.test_coprocess import adapter
from tests.support.tools import replaces_a_function

__all__ = ["witness"]

REPOSITORY = Path(__file__).resolve().parents[3]


def fuzz(*arguments: str, blocks: int = 300, seed: int = 1) -> Result:
    return run(conformance_main, "fuzz", *arguments, "--blocks", str(blocks), "--seed", str(seed))


def differences(*arguments: str, blocks: int = 300) -> list[Any]:
    document = json.loads(fuzz(*arguments, "--json", blocks=blocks).out)
    assert problems("fuzz-report", document) == []
    found: list[Any] = document["differences"]
    return found


def say(answer: Object) -> str:
    """A statement that writes an answer."""
    return f"print({json.dumps(answer)!r}, flush=True)"


class TestGenerator:
    def test_a_seed_says_it_all(self) -> None:
        """Also what this is: a change of the generator changes what a seed stands for."""
        one, two, other = (
            list(itertools.islice(Generator(seed).connections(), 50)) for seed in (7, 7, 8)
        )
        assert [connection for connection, _ in one] == [connection for connection, _ in two]
        assert [connection for connection, _ in one] != [connection for connection, _ in other]

    def test_every_kind_of_block_is_there(self) -> None:
        """Legal ones, and those that break each rule, by section and reason."""
        reasons: Counter[str] = Counter()
        blocks = accepted = settings = 0
        for connection, ours in itertools.islice(Generator(0).connections(), 3000):
            again = read(connection)
            assert [each.fields for each in again.accepted] == [
                each.fields for each in ours.accepted
            ]
            assert str(again.error) == str(ours.error)
            blocks += len(connection)
            accepted += len(ours.accepted)
            settings += sum(bool(block.sizes) for block in connection)
            # Only the last block may be refused.
            assert len(ours.accepted) + (ours.error is not None) == len(connection)
            if ours.error is not None:
                reasons[without_numbers(ours.error.reason)] += 1
        assert accepted > blocks / 2
        assert settings > blocks / 20
        expected = {
            "an indexed field with index N",
            "index N is beyond the tables, which end at N",
            "an integer is larger than N",
            "an integer has more than N octets after its prefix",
            "the block ends inside an integer",
            "the block ends where a string must begin",
            "a string of N octets reaches beyond the end of the block",
            "the padding of a Huffman-coded string is longer than N bits",
            "the padding of a Huffman-coded string is not the beginning of EOS",
            "a Huffman-coded string contains EOS",
            "a dynamic table size update to N, more than the N allowed",
            "a dynamic table size update after a field",
            "more than N dynamic table size updates",
            "no dynamic table size update to N or less at the start of the block",
        }
        assert expected <= set(reasons)


class TestVerdicts:
    CONNECTION = (Block(sizes=(), pieces=(b"\x82", b"\x10\x01a\x00")),)

    @pytest.mark.parametrize(
        ("answer", "verdict"),
        [
            ({"fields": [["3a6d6574686f64", "474554"], ["61", ""]], "sensitive": [1]}, None),
            ({"headers": [{":method": "GET"}, {"a": ""}]}, None),
            ({"headers": [{":method": "GET"}, {"a": "b"}]}, Verdict.READS),
            ({"headers": [{":method": "GET"}, {"a": ""}], "sensitive": []}, Verdict.NEVER_INDEXED),
        ],
    )
    def test_what_is_read(self, answer: Object, verdict: Verdict | None) -> None:
        found = compare(self.CONNECTION, read(self.CONNECTION), Answer(cases=[answer]))
        assert (found and found.verdict) == verdict

    @pytest.mark.parametrize(
        ("wire", "level"),
        [
            ("80", "must"),
            ("be", "must"),
            ("202020", "advice"),
            ("8220", "advice"),
            ("3f808080808000", "limits"),
        ],
    )
    def test_level_of_what_is_accepted(self, wire: str, level: str) -> None:
        connection = (Block(sizes=(), pieces=(bytes.fromhex(wire),)),)
        found = compare(connection, read(connection), Answer(cases=[{"headers": []}]))
        assert found is not None
        assert (found.verdict, found.level) == (Verdict.ACCEPTS, level)

    def test_settings_are_a_level_of_their_own(self) -> None:
        connection = (Block(sizes=(100,), pieces=(b"\x82",)),)
        found = compare(connection, read(connection), Answer(cases=[{"headers": []}]))
        assert found is not None
        assert found.level == "settings"

    @pytest.mark.parametrize(
        ("wire", "level"), [("82", "must"), ("007f800061" + "61" * 126 + "00", "limits")]
    )
    def test_level_of_what_is_refused(self, wire: str, level: str) -> None:
        """A longer integer than need be may be more than an implementation takes."""
        connection = (Block(sizes=(), pieces=(bytes.fromhex(wire),)),)
        answer = Answer(cases=[], refusal="integer 7 too long", refused=0)
        found = compare(connection, read(connection), answer)
        assert found is not None
        assert (found.verdict, found.reason) == (Verdict.REFUSES, "integer N too long")
        assert found.level == level


class TestSmallest:
    def test_nothing_is_left_that_is_not_needed(self) -> None:
        connection = tuple(
            Block(sizes=(4096,), pieces=(b"\x82\x84", b"\x40\x05value\x05value", b"\x80"))
            for _ in range(6)
        )
        found = smallest(connection, lambda those: any(b"\x80" in block.octets for block in those))
        assert [(block.sizes, block.octets) for block in found] == [((), b"\x80")]

    def test_trials_are_bounded(self) -> None:
        trials = 0

        def shows(connection: tuple[Block, ...]) -> bool:
            nonlocal trials
            trials += 1
            return False

        connection = (Block(sizes=(), pieces=tuple(bytes(100) for _ in range(50))),)
        assert smallest(connection, shows) == connection
        assert trials == TRIALS


class TestSearch:
    def test_a_right_decoder_differs_in_nothing(self, tmp_path: Path) -> None:
        result = fuzz("--decoder", adapter(tmp_path))
        assert result.code == 0, result.out
        assert "seed 1: " in result.out
        assert "0 kinds of difference, 0 counted (level settings)" in result.out

    def test_a_wrong_decoder_is_found_and_the_case_is_small(self, tmp_path: Path) -> None:
        """It takes index 0 for a field."""
        wrong = (
            "if case.get('wire', '').endswith('80'): print('{\"fields\":[]}', flush=True); continue"
        )
        stories = tmp_path / "stories"
        arguments = ("--decoder", adapter(tmp_path, wrong), "--stories", str(stories))
        found = differences(*arguments, blocks=1500)
        (zero,) = [each for each in found if "section 6.1" in each["reason"]]
        assert (zero["verdict"], zero["level"]) == ("accepts", "must")
        assert [case["wire"] for case in zero["story"]["cases"]] == ["80"]
        assert zero["explanations"][0]["error"]["section"] == "RFC 7541 section 6.1"
        # What was found is a vector, by which this project's decoder passes.
        document = report("negative", stories)
        assert document["passed"], document["failures"][:2]
        assert sum(row["stories"] for row in document["rows"]) == len(found)
        result = fuzz(*arguments[:2], blocks=1500)
        assert result.code == 1
        assert "an indexed field with index 0 (octet 0, RFC 7541 section 6.1)" in result.out
        assert "block 0: 80, 1 octet\n" in result.out
        assert "FAILED" in result.out

    def test_a_crash_is_one_connection(self, tmp_path: Path) -> None:
        """The others of the batch are asked for again."""
        wrong = "if case.get('wire', '').startswith('20'): raise SystemExit('broken')"
        (found,) = differences("--decoder", adapter(tmp_path, wrong))
        assert found["verdict"] == "crashes"
        assert found["detail"].endswith(": broken")
        assert found["story"]["cases"][-1]["wire"] == "20"

    def test_a_silent_decoder_is_not_asked_for_ever(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from hpacktools.cli import fuzz as module

        monkeypatch.setattr(module, "_TIMEOUT", 0.3)
        result = fuzz("--decoder", "sleep 300")
        assert result.code == 1
        assert "no answer within N s" in result.out
        assert "too many connections without an answer" in result.out

    def test_against_two_it_may_be_ours_that_is_wrong(self, tmp_path: Path) -> None:
        wrong = (
            "if case.get('wire', '') == '': print('{\"error\":\"empty\"}', flush=True); continue"
        )
        one, two = tmp_path / "one", tmp_path / "two"
        for folder in (one, two):
            folder.mkdir()
        arguments = ("--decoder", adapter(one, wrong), "--decoder", adapter(two, wrong))
        (found,) = differences(*arguments)
        assert len(found["decoders"]) == 2
        assert "all other decoders disagree with hpacktools" in fuzz(*arguments).out

    @replaces_a_function
    @pytest.mark.parametrize(("level", "code"), [("limits", 0), ("advice", 1)])
    def test_level(self, tmp_path: Path, level: str, code: int) -> None:
        """Any number of updates is accepted."""
        wrong = "import hpacktools.codec.decode as codec; codec.MAX_SIZE_UPDATES = 99"
        command = adapter(tmp_path, wrong)
        (found,) = differences("--decoder", command, blocks=1500)
        assert (found["verdict"], found["level"]) == ("accepts", "advice")
        assert fuzz("--decoder", command, "--level", level, blocks=1500).code == code

    def test_ctrl_c_ends_it(self, witness: Witness) -> None:
        running = start("fuzz", "--decoder", witness.endless)
        assert witness.read() == b"started\n"
        os.killpg(running.pid, signal.SIGINT)
        assert end_of(running) == (130, b"")
        witness.wait_for_the_end()

    def test_skips_are_counted(self, tmp_path: Path) -> None:
        skip = 'print(\'{"skip":"no settings"}\', flush=True); continue'
        command = adapter(tmp_path, f"if 'header_table_sizes' in case: {skip}")
        result = fuzz("--decoder", command)
        assert result.code == 0
        assert "connections: no settings\n" in result.out


def peers() -> list[str]:
    """nghttp2's library and python-hpack, as co-processes."""
    return [
        shlex.join(["env", f"PYTHONPATH={REPOSITORY}", sys.executable, "-m", f"adapters.{name}"])
        for name in ("nghttp2", "python_hpack")
    ]


#: In what python-hpack differs: it keeps the last of several settings only, against RFC 7541
#: section 4.2 ("the smallest maximum table size that occurs in that interval MUST be signaled").
KNOWN = {
    (("nghttp2", "python_hpack"), "accepts", "advice"),
    (("nghttp2",), "accepts", "advice"),
    (("python_hpack",), "accepts", "advice"),
    (("python_hpack",), "accepts", "settings"),
}


def check_peers(blocks: int, seed: int) -> float:
    """Compare with both in a process of its own; returns the time that it took, in seconds."""
    commands = peers()
    if ctypes.util.find_library("nghttp2") is None:
        del commands[0]
    words = [*tool("conformance"), "fuzz", "--json", "--blocks", str(blocks), "--seed", str(seed)]
    words += [part for command in commands for part in ("--decoder", command)]
    start = time.monotonic()
    done = subprocess.run(words, capture_output=True, check=False)
    seconds = time.monotonic() - start
    assert done.stderr == b""
    document = json.loads(done.stdout)
    assert problems("fuzz-report", document) == []
    assert document["blocks"] >= blocks
    assert document["skipped"] == []
    found = {
        (
            tuple(name.rpartition(".")[2] for name in each["decoders"]),
            each["verdict"],
            each["level"],
        )
        for each in document["differences"]
    }
    assert found
    assert found <= KNOWN, document["differences"]
    for each in document["differences"]:
        # All that nghttp2 does in another way is to accept a third update, which breaks no rule.
        assert "dynamic table size update" in each["reason"]
    return seconds


def test_peers() -> None:
    check_peers(1000, seed=2)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_fifty_thousand_blocks_against_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    # Measuring coverage makes Python several times slower, and tells nothing new here.
    for name in ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START"):
        monkeypatch.delenv(name, raising=False)
    seconds = check_peers(50_000, seed=0)
    # A machine with other work is no measure.
    if os.getloadavg()[0] <= 1.5 * (os.cpu_count() or 1):
        assert seconds < 60


def test_errors_are_not_lost() -> None:
    """Each refused connection carries the error with which it ends."""
    for connection, ours in itertools.islice(Generator(3).connections(), 200):
        if ours.error is not None:
            assert isinstance(ours.error, HPACKError)
            assert len(cases_of(connection)) == len(ours.accepted) + 1
