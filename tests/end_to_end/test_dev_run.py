"""``--run`` and ``--watch``: commands beside the server, more folders, and what goes wrong."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.edits import replace
from tests.support.events import EventClient
from tests.support.processes import RunningServer, alive, run, running, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

#: A tool that watches: begins a child that sleeps, tells both, and prints what a file says.
TOOL = """
import os, signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("pids", os.getpid(), child.pid, flush=True)
if "stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
seen = ""
while True:
    try:
        text = open("say").read()
    except OSError:
        text = ""
    if text != seen:
        seen = text
        print(text, flush=True)
    time.sleep(0.02)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    (tmp_path / "tool.py").write_text(TOOL)
    return tmp_path


def tool(*words: str) -> str:
    return f"{sys.executable} tool.py {' '.join(words)}".strip()


def dev(folder: Path, *words: str) -> AbstractContextManager[RunningServer]:
    arguments = ("--dev", "--no-tls", "-a", "127.0.0.1", *words, "0", "www")
    return running(*arguments, folder=folder)


def pids(server: RunningServer) -> list[int]:
    server.wait_for_stderr("pids ")
    line = next(line for line in server.stderr().splitlines() if "] pids " in line)
    return [int(word) for word in line.split()[-2:]]


def problems(events: EventClient, words: str) -> list[object]:
    """The problems of the first state that mentions ``words``."""
    while True:
        found = events.next("hello")["problems"]
        assert isinstance(found, list)
        if any(words in str(one) for one in found):
            return found


def test_output_and_errors_of_a_command(folder: Path) -> None:
    with dev(folder, "--run", tool()) as server, EventClient(server.port) as events:
        processes = pids(server)
        (folder / "say").write_text(
            "\x1b[2Jbuild started...\n[vite:css] Unknown word\nfile: a.css:3:5"
        )
        server.wait_for_stderr("[vite:css] Unknown word\n")
        assert "\x1b[2J" not in server.stderr()
        (problem,) = problems(events, "Unknown word")
        assert str(problem).endswith("[vite:css] Unknown word\nfile: a.css:3:5")
        replace(folder / "say", "build started...\nbuilt in 20ms.")
        while events.next("hello")["problems"]:
            pass
        assert len(alive(processes)) == 2
    assert alive(processes) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_nothing_outlives_the_server(folder: Path, number: signal.Signals) -> None:
    with dev(folder, "--run", tool("stubborn")) as server:
        processes = pids(server)
        workers = server.workers()
        os.kill(server.pid, number)
        wait_until(lambda: not alive(processes), "the command and its child have ended")
        wait_until(lambda: not alive(workers), "the workers have ended")


def test_a_command_goes_on_while_the_server_reloads(folder: Path) -> None:
    with dev(folder, "--run", tool()) as server:
        processes = pids(server)
        # The process that runs the commands is a child of the supervisor, too.
        (worker,) = server.counters()
        before = [int(str(worker["pid"]))]
        os.kill(server.pid, signal.SIGHUP)
        wait_until(lambda: not alive(before), "the workers were replaced")
        assert len(alive(processes)) == 2
        # The new workers hear of it.
        with EventClient(server.port) as events:
            (folder / "say").write_text("Error: something")
            problems(events, "something")


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("echo oops; exit 3", "echo exited with code 3"),
        ("kill -9 $$", "kill was killed by SIGKILL"),
    ],
)
def test_a_command_that_ends_is_told_on_the_page(folder: Path, command: str, told: str) -> None:
    with dev(folder, "--run", command) as server, EventClient(server.port) as events:
        problems(events, told)
        server.wait_for_stderr(f"[{command.split()[0]}] {told.partition(' ')[2]}\n")
    with dev(folder, "--run", "echo fine") as server:
        server.wait_for_stderr("[echo] exited\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--run", "no-such-program --watch"), "program not found: no-such-program"),
        (("--run", " "), "--run: the command is empty"),
        (("--run", "echo 'x"), "--run: echo 'x: No closing quotation"),
        (("--watch", "nowhere"), "--watch: no such folder: "),
    ],
)
def test_faults_are_told_at_the_start(folder: Path, words: tuple[str, ...], told: str) -> None:
    done = run("--dev", "--no-tls", *words, "0", "www", folder=folder)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert told in done.stderr


def test_neither_makes_sense_without_live_reload(folder: Path) -> None:
    done = run("--no-tls", "--run", "true", "0", "www", folder=folder)
    assert (done.returncode, done.stderr) == (
        2,
        "h2static: --run requires --dev or --live-reload\n",
    )


def test_the_folder_of_a_first_build_is_made(folder: Path) -> None:
    command = "mkdir -p out && echo '<!doctype html>built' > out/index.html"
    words = ("--dev", "--no-tls", "-a", "127.0.0.1", "--run", command, "0", "out")
    with running(*words, folder=folder) as server:
        server.wait_for_stderr(f"serving  {folder}/out\n")
        wait_until((folder / "out" / "index.html").exists, "the build is made")


def test_a_change_in_another_folder_reloads(folder: Path) -> None:
    (folder / "templates").mkdir()
    with dev(folder, "--watch", "templates") as server, EventClient(server.port) as events:
        events.known()
        replace(folder / "templates" / "a.txt", "x")
        change = events.next("change")
        path = f"{folder}/templates/a.txt"
        assert change["changes"] == [{"path": path, "kind": "outside"}]
        server.wait_for_stderr(f"changed {path}\n")
