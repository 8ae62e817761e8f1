"""Co-processes: the protocol, one process for all stories, and what is left of them."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from hpacktools.cli import deflate_main, inflate_main
from hpacktools.conformance import coprocess
from hpacktools.conformance.command import CommandError, uninterrupted
from hpacktools.conformance.coprocess import CoProcess
from hpacktools.conformance.external import Commands
from hpacktools.stories import Case
from tests.hpacktools.cli.running import run
from tests.hpacktools.conformance.running import conformance, report
from tests.hpacktools.conformance.test_command import DEADLINE, Witness, end_of, start, witness

__all__ = ["witness"]

#: A decoder of a few lines, as an adapter for another codec is.
ADAPTER = """
import json, sys
from hpacktools import Deflater, Inflater
from hpacktools.codec import HPACKError
inflater, deflater = Inflater(), Deflater()
for line in sys.stdin:
    case = json.loads(line)
    if 'reset' in case:
        inflater, deflater = Inflater(), Deflater()
        continue
    SPECIAL
    try:
        if 'wire' in case:
            for size in case.get('header_table_sizes', []):
                inflater.change_table_size(size)
            fields = inflater.inflate(bytes.fromhex(case['wire']))
            answer = {'fields': [[n.hex(), v.hex()] for n, v in fields],
                      'sensitive': list(inflater.never_indexed)}
        else:
            for size in case.get('header_table_sizes', []):
                deflater.change_table_size(size)
            fields = [(bytes.fromhex(n), bytes.fromhex(v)) for n, v in case['fields']]
            answer = {'wire': deflater.deflate(fields, case.get('sensitive', [])).hex()}
    except HPACKError as error:
        answer = {'error': str(error)}
    print(json.dumps(answer), flush=True)
"""


def adapter(tmp_path: Path, special: str = "pass") -> str:
    """The command; ``special`` is a statement for each case."""
    path = tmp_path / "adapter.py"
    path.write_text(ADAPTER.replace("SPECIAL", special))
    return shlex.join([sys.executable, str(path)])


def case(wire: str, *sizes: int) -> Case:
    return Case(
        number=0,
        fields=None,
        sensitive=frozenset(),
        wire=bytes.fromhex(wire),
        table_sizes=sizes,
        document={},
    )


def started(words: Sequence[str]) -> CoProcess:
    with uninterrupted() as before:
        return CoProcess(words, before)


def shell(text: str) -> CoProcess:
    return started(["sh", "-c", text])


class TestExchange:
    def test_lines_both_ways_at_once(self) -> None:
        """More than the pipes hold, in both directions."""
        process = started(["cat"])
        lines = [b"%d " % number + b"x" * 1000 for number in range(3000)]
        assert process.exchange(b"\n".join(lines) + b"\n", len(lines)) == lines
        assert process.exchange(b"again\n", 1) == [b"again"]
        process.close()
        assert not process.running

    def test_error_output_is_read_and_told(self) -> None:
        process = shell("yes noise | head -n 200000 >&2; read line; echo broken >&2; exit 3")
        with pytest.raises(CommandError, match="ended with exit code 3 before its answer: broken"):
            process.exchange(b"x\n", 1)
        assert not process.running

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("read line; kill -SEGV $$", r"killed by signal 11 \(SIGSEGV\) before its answer"),
            ("exit 0", "ended with exit code 0 before its answer"),
            ("read line; printf 'a\\nb\\n'", "more than the 1 requested lines"),
            ("read line; printf 'a\\nb'", "more than the 1 requested lines"),
        ],
    )
    def test_other_ends(self, text: str, message: str) -> None:
        process = shell(text)
        with pytest.raises(CommandError, match=message):
            process.exchange(b"x\n", 1)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("echo late; echo done >&2; read line", "wrote more lines than"),
            ("echo done >&2; exit 5", "ended with exit code 5 .*: done"),
        ],
    )
    def test_what_happens_between_two_exchanges(
        self, tmp_path: Path, text: str, message: str
    ) -> None:
        """A line too many would be the answer to the next question."""
        go = tmp_path / "go"
        os.mkfifo(go)
        process = shell(f"read line; echo a; read line < {go}; {text}")
        assert process.exchange(b"x\n", 1) == [b"a"]
        go.write_text("on\n")
        # The other output tells that it has come so far.
        assert select.select([process._stderr], [], [], DEADLINE)[0]
        if "exit" in text:
            process._process.wait(DEADLINE)
        with pytest.raises(CommandError, match=message):
            process.exchange(b"y\n", 1)
        assert not process.running

    def test_no_answer_in_time(self, witness: Witness) -> None:
        process = started(shlex.split(witness.endless))
        assert witness.read() == b"started\n"
        with pytest.raises(CommandError, match="no answer within 1 s"):
            process.exchange(b"x\n", 1, timeout=1)
        witness.wait_for_the_end()

    def test_output_without_an_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(coprocess, "OUTPUT_LIMIT", 2**20)
        process = shell("read line; tr '\\n' 'x' < /dev/zero")
        with pytest.raises(CommandError, match="more than 1 MiB of output"):
            process.exchange(b"x\n", 1)

    def test_a_process_that_does_not_end_is_ended(
        self, witness: Witness, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coprocess, "_GRACE", 0.1)
        process = started(shlex.split(witness.endless))
        assert witness.read() == b"started\n"
        process.close()
        witness.wait_for_the_end()


class TestProtocol:
    def test_what_an_adapter_sees(self, tmp_path: Path) -> None:
        """Compact lines with their members in this order."""
        log = tmp_path / "log"
        keep = f"open({str(log)!r}, 'a').write(line)"
        command = adapter(tmp_path, keep)
        encoded = Case(
            number=0,
            fields=((b"a", b"\xff"),),
            sensitive=frozenset({0}),
            wire=None,
            table_sizes=(5,),
            document={},
        )
        with Commands(co_process=True) as commands:
            first, second = commands.decode_all(command, [[case("82", 0, 4096)], [case("", 100)]])
            assert commands.encode(command, [encoded]).cases == [{"wire": "2510016101ff"}]
        assert first.refused == 0
        assert second.refused == 0
        *decoded, line = log.read_text().splitlines()
        assert decoded == [
            '{"header_table_sizes":[0,4096],"wire":"82"}',
            '{"header_table_sizes":[100],"wire":""}',
        ]
        assert line == (
            '{"header_table_sizes":[5],"headers":[{"a":"\\ufffd"}],'
            '"octets":{"0":{"name":"61","value":"ff"}},"fields":[["61","ff"]],"sensitive":[0]}'
        )

    @pytest.mark.parametrize(
        ("special", "message"),
        [
            ("print('{', flush=True); continue", "a line of its output is not JSON"),
            ("print('[]', flush=True); continue", "case 0 of its output is not an object"),
            ("print('{}', flush=True); continue", "a case in the output has no header list"),
            ("print(json.dumps({'crash': 'NameError: x'}), flush=True); continue", "crashed: N"),
            ("1 / 0", "ended with exit code 1 before its answer: ZeroDivisionError"),
        ],
    )
    def test_what_is_no_answer(self, tmp_path: Path, special: str, message: str) -> None:
        with Commands(co_process=True) as commands, pytest.raises(CommandError, match=message):
            commands.decode(adapter(tmp_path, special), [case("82")])

    def test_a_command_that_always_fails_is_given_up(self) -> None:
        with Commands(co_process=True) as commands:
            for _ in range(3):
                with pytest.raises(CommandError, match="ended with exit code 1"):
                    commands.decode("false", [case("82")])
            with pytest.raises(CommandError, match="not restarted: failed 3 times"):
                commands.decode("false", [case("82")])

    def test_after_a_failure_it_is_started_again(self, tmp_path: Path) -> None:
        command = adapter(tmp_path, "if case.get('wire') == '80': raise SystemExit(1)")
        with Commands(co_process=True) as commands:
            for _ in range(5):
                with pytest.raises(CommandError, match="ended with exit code 1"):
                    commands.decode(command, [case("80")])
                assert commands.decode(command, [case("82")]).cases

    def test_a_command_that_is_no_program(self, tmp_path: Path) -> None:
        (tmp_path / "broken").write_text("")
        (tmp_path / "broken").chmod(0o755)
        with Commands(co_process=True) as commands, pytest.raises(CommandError, match="Exec form"):
            commands.decode(str(tmp_path / "broken"), [case("82")])


class TestSuites:
    def test_one_process_runs_everything(self, tmp_path: Path) -> None:
        starts = tmp_path / "starts"
        command = adapter(tmp_path)
        counted = f"sh -c 'echo x >> {starts}; exec {command}'"
        document = report("negative", "--co-process", "--decoder", counted, "--encoder", counted)
        assert document["passed"], document["failures"][:3]
        assert document["skipped"] == []
        assert {row["name"] for row in document["rows"]} == {
            "rfc7541",
            "unusual",
            "malformed",
            "encoder",
        }
        assert starts.read_text() == "x\n"

    def test_run(self, corpus: Path, tmp_path: Path) -> None:
        command = adapter(tmp_path)
        document = report("run", corpus, "--co-process", "--decoder", command)
        assert document["passed"]
        document = report("run", corpus, "--co-process", "--encoder", command)
        assert [row["failures"] for row in document["rows"]] == [0, 0]

    @pytest.mark.parametrize("options", [[], ["--co-process"]])
    def test_our_tools_are_co_processes(self, options: Sequence[str]) -> None:
        code = "import hpacktools.cli as c; raise SystemExit(c.{}_main({}))"
        lines = ["--jsonl"] if options else []
        decoder, encoder = (
            shlex.join([sys.executable, "-c", code.format(name, lines)])
            for name in ("inflate", "deflate")
        )
        arguments = ["--only", "n17", "--only", "u18_down", "--only", "e03_t", "--several-settings"]
        document = report(
            "negative", *options, *arguments, "--decoder", decoder, "--encoder", encoder
        )
        assert document["passed"], document["failures"][:3]
        assert document["skipped"] == []

    def test_a_codec_may_skip(self, tmp_path: Path) -> None:
        skip = "print(json.dumps({'skip': 'at most 9 fields'}), flush=True)"
        command = adapter(
            tmp_path, f"if len(case.get('wire', '')) > 300:\n        {skip}; continue"
        )
        document = report("negative", "--co-process", "--decoder", command, "--only", "u11")
        assert document["passed"]
        assert document["skipped"] == [
            {"story": "unusual/u11_128_empty.json", "reason": "at most 9 fields"}
        ]
        result = conformance("negative", "--co-process", "--decoder", command, "--only", "u11")
        assert "skipped: unusual/u11_128_empty.json: at most 9 fields\n" in result.out

    def test_ctrl_c_leaves_no_co_process(self, witness: Witness) -> None:
        running = start("negative", "--co-process", "--decoder", witness.endless)
        assert witness.read() == b"started\n"
        os.killpg(running.pid, signal.SIGINT)
        assert end_of(running) == (130, b"")
        witness.wait_for_the_end()

    def test_workers_end_theirs(self, witness: Witness) -> None:
        running = start("negative", "--co-process", "--jobs", "2", "--decoder", witness.endless)
        assert witness.read()
        running.send_signal(signal.SIGTERM)
        assert end_of(running) == (128 + signal.SIGTERM, b"")
        witness.wait_for_the_end()


class TestResetOfOurTools:
    """``{"reset": true}`` on a line of ``--jsonl``."""

    def test_inflate(self) -> None:
        lines = [
            '{"wire": "4001610162"}',
            '{"wire": "80"}',
            '{"wire": "be"}',
            ' { "reset" : true } ',
            '{"wire": "be"}',
            '{"reset": true}',
            '{"wire": "82"}',
        ]
        result = run(inflate_main, "--jsonl", stdin="\n".join(lines))
        first, zero, lost, unknown, last = map(json.loads, result.out.splitlines())
        assert first["headers"] == [{"a": "b"}]
        assert zero["error"]["section"] == "RFC 7541 section 6.1"
        assert lost["error"]["after"] == 1
        assert unknown["error"]["section"] == "RFC 7541 section 2.3.3"
        assert (last["seq"], last["headers"]) == (0, [{":method": "GET"}])

    def test_deflate(self) -> None:
        lines = ['{"headers": [{"a": "b"}]}'] * 2 + ['{"reset": true}', '{"headers": [{"a": "b"}]}']
        result = run(deflate_main, "--jsonl", stdin="\n".join(lines))
        wires = [json.loads(line)["wire"] for line in result.out.splitlines()]
        assert wires[0] == wires[2]
        assert wires[1] == "be"

    def test_other_objects_are_cases(self) -> None:
        lines = ['{"reset": false, "wire": "82"}', '{"reset": true', '{"wire": "83", "x": "reset"}']
        result = run(inflate_main, "--jsonl", stdin="\n".join(lines))
        answers = list(map(json.loads, result.out.splitlines()))
        assert answers[0]["headers"] == [{":method": "GET"}]
        assert "line 2" in answers[1]["error"]["message"]
        assert len(answers) == 3
