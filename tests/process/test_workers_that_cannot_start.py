"""Workers that the system refuses, and workers that fail before they serve."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.polite_client import ask_once
from tests.support.processes import DEADLINE, alive, command, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: ``h2static`` whose workers are run by the program that the first word names.
_OTHER_INTERPRETER = """
import sys
from h2static.cli import main
sys.executable = sys.argv.pop(1)
sys.exit(main())
"""
#: Breaks the site of each worker when it is to begin.
_BROKEN_SITE = """
import sys
if "h2static.process.worker" in " ".join(sys.orig_argv):
    import errno, os
    from h2static.site import Site
    def start(self):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/some/file")
    Site.start = start
"""


@pytest.fixture
def interpreter(tmp_path: Path) -> Path:
    """What runs workers; a test takes away the permission."""
    path = tmp_path / "interpreter"
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("workers", ["1", "3"])
def test_a_start_whose_workers_are_refused_fails_at_once(
    site: Path, tmp_path: Path, interpreter: Path, workers: str
) -> None:
    interpreter.chmod(0o644)
    path = tmp_path / "h2.sock"
    words = ("--no-tls", "-a", f"unix:{path}", "-n", workers, "0", str(site))
    done = subprocess.run(
        [sys.executable, "-c", _OTHER_INTERPRETER, str(interpreter), *words],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (
        1,
        "h2static: a worker could not start: Permission denied\n",
    )
    assert not path.exists()


def test_a_reload_whose_workers_are_refused_fails_at_once(site: Path, interpreter: Path) -> None:
    program = (sys.executable, "-c", _OTHER_INTERPRETER, str(interpreter))
    words = ("--no-tls", "-a", "127.0.0.1", "-n", "2", "0", str(site))
    with running(*words, program=program) as server:
        workers = server.workers()
        interpreter.chmod(0o644)
        server.signal(signal.SIGHUP)
        server.wait_for_stderr(
            "reload failed; keeping the old configuration: a worker could not start: Permission", 1
        )
        assert server.workers() == workers
        ask_once(server.port)
        interpreter.chmod(0o755)
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        ask_once(server.port)


def test_the_successor_of_one_that_served_is_tried_again(site: Path, interpreter: Path) -> None:
    program = (sys.executable, "-c", _OTHER_INTERPRETER, str(interpreter))
    with running("--no-tls", "-a", "127.0.0.1", "0", str(site), program=program) as server:
        (worker,) = server.workers()
        interpreter.chmod(0o644)
        os.kill(worker, signal.SIGKILL)
        server.wait_for_stderr("a worker could not start: Permission denied; restarting in", 2)
        interpreter.chmod(0o755)
        ask_once(server.port)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_one_that_fails_before_it_serves_has_not_started(
    site: Path, tmp_path: Path, workers: str
) -> None:
    """It would be started again and again, and each time be ready for a moment."""
    (tmp_path / "sitecustomize.py").write_text(_BROKEN_SITE)
    paths = [str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(
        command("--no-tls", "-a", "127.0.0.1", "-n", workers, "0", str(site)),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert (done.returncode, done.stderr) == (1, "h2static: /some/file: Permission denied\n")


def test_one_that_is_killed_before_it_serves_has_not_started(site: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        command("--no-tls", "-a", "127.0.0.1", f"--access-log={fifo}", "0", str(site)),
        stderr=subprocess.PIPE,
    )
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        # It waits for a reader of its log.
        wait_until(lambda: len(children.read_text().split()) == 1, "a worker")
        worker = int(children.read_text())
        os.kill(worker, signal.SIGKILL)
        _, said = process.communicate(timeout=DEADLINE)
        assert (process.returncode, said) == (1, b"h2static: a worker could not start: signal 9\n")
        assert not alive([worker])
    finally:
        process.kill()
        process.communicate()
