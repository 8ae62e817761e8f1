"""Starts and reloads that fail half-way: what was begun is undone, and nobody notices."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from h2static.assembly import assemble
from h2static.config import Config
from h2static.errors import StartError
from h2static.site.config import SiteConfig
from tests.support.certificates import make_certificate
from tests.support.polite_client import ask_once
from tests.support.processes import DEADLINE, RunningServer, command, run, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


def test_a_reload_that_fails_leaves_no_socket_without_a_worker(site: Path, tmp_path: Path) -> None:
    """The kernel would go on sending clients to the sockets of workers that never were."""
    file = tmp_path / "h2static.toml"
    file.write_text("workers = 1\n")
    with running("--no-tls", "-a", "127.0.0.1", "--config", str(file), "0", str(site)) as server:
        file.write_text('workers = 4\nmime-types-file = "types"\n')
        (tmp_path / "types").write_text("html is not a media type\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("reload failed")
        for _ in range(20):
            ask_once(server.port)
        (tmp_path / "types").write_text("text/html html\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        assert len(server.workers()) >= 4
        for _ in range(20):
            ask_once(server.port)


def test_what_is_left_out_is_told_once_whatever_the_number_of_workers(site: Path) -> None:
    (site / "_redirects").write_text("/a /b 301\n")
    words = ("--no-tls", "-a", "127.0.0.1", "--netlify", "-p", "/=/gone.css", "-n", "3")
    with running(*words, "0", str(site)) as server:
        assert server.stderr().count("/gone.css") == 1
        (site / "_redirects").write_text("/a /b 999\n")
        wait_until(lambda: all_asked(server), "a request to each worker")
        # Each looks once a second at what it has seen.
        end = max(uptimes(server)) + 2.5
        server.wait_for_stderr("'999' is not a status")
        wait_until(lambda: min(uptimes(server)) > end, "another look of each worker")
        assert server.stderr().count("'999' is not a status") == 1


def all_asked(server: RunningServer) -> bool:
    """Ask once more; whether every worker was asked since the start."""
    ask_once(server.port)
    return all(value > 0 for value in counters(server, "requests"))


def uptimes(server: RunningServer) -> list[float]:
    return counters(server, "uptime")


def counters(server: RunningServer, name: str) -> list[float]:
    found = []
    for worker in server.counters():
        values = worker["counters"]
        assert isinstance(values, dict)
        found.append(float(values[name]))
    return found


def test_an_expired_certificate_is_told_in_the_form_of_the_log(site: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path, days=7)
    words = ("-a", "127.0.0.1", "--quiet", "0", str(site), *certificate.words)
    with running(*words) as server:
        server.wait_for_stderr("[tls] the certificate expires in ")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[tls] the certificate expires in ", 2)
        for line in server.stderr().splitlines():
            assert line.startswith("h2static: 2")


def test_the_line_of_a_worker_is_no_descriptor_to_be_ready_at(site: Path) -> None:
    """A descriptor that the caller did not hand over may be in use all the same."""
    for number in range(3, 12):
        done = run("--no-tls", "-a", "127.0.0.1", "--ready-fd", str(number), "0", str(site))
        assert (done.returncode, done.stderr) == (
            1,
            f"h2static: --ready-fd {number}: Bad file descriptor\n",
        )


def test_a_start_that_fails_late_leaves_no_socket_in_the_file_system(
    site: Path, tmp_path: Path
) -> None:
    path = tmp_path / "h2.sock"
    words = ("--no-tls", "-a", f"unix:{path}", "--pid-file", str(tmp_path), "0", str(site))
    done = run(*words)
    assert (done.returncode, done.stderr) == (
        1,
        f"h2static: cannot write {tmp_path}: Is a directory\n",
    )
    assert not path.exists()


def test_the_working_folder_may_be_gone(site: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1"; rmdir "$1"; shift; exec "$@"'
    words = command("--no-tls", "-a", "127.0.0.1", "--quiet", "--ready-fd", "1", "0", str(site))
    process = subprocess.Popen(
        ["sh", "-c", script, "sh", str(gone), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b'{"port": ')
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=DEADLINE)
        assert (process.returncode, said) == (0, b"")
    finally:
        process.kill()
        process.communicate()


def test_a_reader_that_has_enough_is_no_error() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = subprocess.run(
        command("--help"), stdout=theirs, stderr=subprocess.PIPE, timeout=DEADLINE, check=False
    )
    os.close(theirs)
    assert done.stderr == b""


def descriptors() -> set[str]:
    """What this process has open."""
    found = set()
    for one in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{one} {os.readlink(f'/proc/self/fd/{one}')}")
        except FileNotFoundError:
            continue  # that was the listing itself
    return found


BREAK: dict[str, Callable[[Path], dict[str, object]]] = {
    "a key that is none": lambda folder: {
        "no_tls": False,
        "key_file": str(folder / "www" / "index.html"),
        "cert_file": str(folder / "www" / "index.html"),
    },
    "a log below a file": lambda folder: {"access_log": str(folder / "www" / "index.html" / "log")},
    "a folder that is gone": lambda folder: {
        "site": SiteConfig(root=str(folder / "gone")),
        "access_log": str(folder / "log"),
    },
}


@pytest.mark.parametrize("name", BREAK)
def test_a_server_that_cannot_be_made_keeps_nothing_open(
    site: Path, tmp_path: Path, name: str
) -> None:
    (site / "index.html").chmod(0o600)
    values: dict[str, object] = {
        "site": SiteConfig(root=str(site)),
        "port": 0,
        "no_tls": True,
        "error_log": str(tmp_path / "error"),
        **BREAK[name](tmp_path),
    }
    before = descriptors()
    with socket.create_server(("127.0.0.1", 0)) as sock, pytest.raises(StartError):
        assemble(Config(**values), [sock], several=False)  # type: ignore[arg-type]  # by name
    # What others left may be closed meanwhile.
    assert descriptors() - before == set()
