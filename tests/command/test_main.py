"""The command from outside: exit codes, one line for what is wrong, the banner."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import h2static
from h2static.cli import main
from h2static.command.commands import COMMANDS
from tests.support.processes import command, run, running
from tests.support.tools import BUILD


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text(
        '<!doctype html><link rel="stylesheet" href="/style.css"><p>t</p>'
    )
    return tmp_path


def outcome(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a run in this process."""
    code = main(words)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert outcome(capsys, "--version") == (
        0,
        f"h2static {h2static.__version__} ({BUILD})\n",
        "",
    )


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = outcome(capsys, "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Usage: h2static [OPTION]... [PORT] [DOCROOT] [KEY CERT]\n")
    assert outcome(capsys, "-h", "8080") == (0, out, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command(capsys: pytest.CaptureFixture[str], name: str) -> None:
    _, written, text = COMMANDS[name]
    help_text = f"Usage: h2static {written}\n\n{text}\n"
    for words in (["--help"], ["-h"], ["--check", "--help"]):
        assert outcome(capsys, name, *words) == (0, help_text, "")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--no-tsl", "80"], 2, "--no-tsl: unknown option; did you mean --no-tls"),
        (["80", "nowhere"], 1, "the folder to serve does not exist: "),
        (["--config", "nowhere.toml", "80"], 1, "cannot read the configuration: nowhere.toml: No"),
        (["80", ".", "k", "c"], 1, "cannot read the certificate: "),
        (["--no-tls", "-a", "192.0.2.1", "80"], 1, "cannot listen on 192.0.2.1:80: "),
        (["--no-tls", "-a", "\x1b[31m", "80"], 1, "cannot listen on \\x1b[31m: "),
        (["config"], 2, "usage: h2static config"),
        (["config", "--chekc"], 2, "usage: h2static config"),
        (["push-rules"], 2, "usage: h2static push-rules DOCROOT"),
        (["push-rules", "nowhere"], 1, "nowhere: No such file or directory"),
        (["install-ca", "--maybe"], 2, "usage: h2static install-ca"),
        (["completion", "tcsh"], 2, "usage: h2static completion bash|zsh|fish"),
        (["confg"], 2, "PORT: 'confg' is not a port number"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(folder)
    told = outcome(capsys, *words)
    assert told == (code, "", told[2])
    assert told[2].startswith(f"h2static: {message}")
    assert told[2].count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mime-types-file", "/nowhere"], "/nowhere: No such file"),
        (["--spa", "none.html"], "spa: none.html: no such file in the root"),
        (["--push-rules", "/nowhere"], "/nowhere: No such file"),
        (["--pid-file", "/nowhere/pid"], "cannot write /nowhere/pid: No such"),
        (["--error-log", "/nowhere/log"], "cannot open the log /nowhere/log: "),
        (["--ready-fd", "999"], "--ready-fd 999: "),
    ],
)
def test_a_server_that_cannot_start_says_why(folder: Path, words: list[str], message: str) -> None:
    done = run("--no-tls", "-a", "127.0.0.1", *words, "0", folder=folder)
    assert done.stderr.startswith(f"h2static: {message}")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("push-rules", '{"rules": 1}', "$.rules: expected an array, found 1"),
        ("push-rules", "{", "1:2: not JSON: Expecting property name"),
        ("mime-types-file", "text/html html\nhtml text/html\n", "2: 'html' is not a media type"),
        ("config", "workers = 0", "workers: 0 is less than the minimum of 1"),
        ("config", "workers =", "not TOML: Invalid value"),
    ],
)
def test_a_file_that_says_something_wrong_is_wrong_usage(
    folder: Path, capsys: pytest.CaptureFixture[str], option: str, content: str, message: str
) -> None:
    file = folder / "file"
    file.write_text(content)
    code, out, err = outcome(capsys, "--no-tls", f"--{option}", str(file), "0", str(folder / "www"))
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"h2static: {file}:")
    assert message in err
    if option == "config":
        return
    configuration = folder / "h2static.toml"
    configuration.write_text(f'{option} = "file"\n')
    assert outcome(capsys, "config", "--check", str(configuration)) == (2, "", err)


def test_warnings_do_not_keep_it_from_serving(folder: Path) -> None:
    words = ("--no-tls", "-a", "127.0.0.1", "-p", "/=/gone.css", "0", "www")
    with running(*words, folder=folder) as server:
        assert server.stderr().count("/gone.css") == 1


def test_config_check(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = folder / "h2static.toml"
    file.write_text("no-tls = true\nworkers = 2\n")
    assert outcome(capsys, "config", "--check", str(file)) == (0, f"{file}: valid\n", "")
    file.write_text("workers = 0\n")
    code, _, err = outcome(capsys, "config", "--check", str(file))
    assert code == 2
    assert err.startswith(f"h2static: {file}: workers: 0 is less than the minimum of 1")


def test_config_schema(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "config", "--schema")
    assert code == 0
    assert "workers" in json.loads(out)["properties"]


def test_print_config(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (folder / "x.toml").write_text(
        'port = 1\nerror-log = "log"\nmime-types-file = "types"\n[cache]\n"*.js" = "no-store"\n'
    )
    code, out, _ = outcome(capsys, "--config", "x.toml", "--print-config", "-v", "81", "www")
    assert code == 0
    assert tomllib.loads(out) == {
        "port": 81,
        "htdocs": str(folder / "www"),
        "verbose": True,
        "error-log": str(folder / "log"),
        "mime-types-file": str(folder / "types"),
        "cache": {"*.js": "no-store"},
    }
    # What is printed means the same when it is read.
    (folder / "y.toml").write_text(out)
    assert outcome(capsys, "--config", "y.toml", "--print-config")[1] == out


def test_a_printed_configuration_is_valid(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    words = ["-m", "5", "-n", "2", "-w", "20", "-W", "21", "-b", "8", "--grace", "1.5"]
    words += ["-c", "4K", "--cache-size", "4096", "--ready-fd", "1", "--dev", "--debounce", "50"]
    words += ["--trailer", "a: 5", "--header", "*:A: 5", "--index", "5", "--access-log=5"]
    code, out, _ = outcome(capsys, "--no-tls", *words, "--print-config", "81", "www")
    assert code == 0
    (folder / "p.toml").write_text(out)
    assert outcome(capsys, "config", "--check", "p.toml")[0] == 0
    said = tomllib.loads(out)
    assert (said["workers"], said["grace"], said["header-table-size"]) == (2, 1.5, "4K")
    assert (said["index"], said["trailer"]) == ("5", ["a: 5"])
    assert outcome(capsys, "--config", "p.toml", "--print-config")[1] == out
    auto = outcome(capsys, "-n", "auto", "--print-config", "81", "www")[1]
    assert tomllib.loads(auto)["workers"] == "auto"


def test_push_rules_of_a_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "push-rules", str(folder / "www"))
    assert code == 0
    assert "/style.css" in json.dumps(json.loads(out)["rules"])


def test_completion(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = outcome(capsys, "completion", "bash")
    assert code == 0
    assert "--max-concurrent-streams" in out


def test_install_ca_tells_what_is_needed(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "data"))
    code, out, _ = outcome(capsys, "install-ca")
    assert code == 0
    assert str(folder / "data" / "h2static" / "ca.pem") in out
    (folder / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(folder / "file"))
    code, _, err = outcome(capsys, "install-ca")
    assert code == 1
    assert err.startswith("h2static: cannot store a certificate for this machine")


def test_the_banner(folder: Path) -> None:
    with running("--no-tls", "-a", "127.0.0.1", "-v", "0", "www", folder=folder) as server:
        lines = server.stderr().splitlines()
        assert lines[0].startswith(f"h2static {h2static.__version__} ({BUILD}), ready in ")
        assert [line.split() for line in lines[1:]] == [
            ["serving", str(folder / "www")],
            ["at", f"http://localhost:{server.port}/"],
            ["Ctrl-C", "stops", "the", "server."],
        ]
        assert server.stdout() == f"IPv4: listen 127.0.0.1:{server.port}\n"


def test_quiet(folder: Path) -> None:
    with running("--no-tls", "--quiet", "-a", "127.0.0.1", "0", "www", folder=folder) as server:
        assert server.stderr() == ""
        assert server.stdout() == ""


def test_without_key_and_cert_a_certificate_is_made(folder: Path) -> None:
    environment = {"XDG_DATA_HOME": str(folder / "data")}
    words = ("-a", "127.0.0.1", "0", "www")
    with running(*words, folder=folder, environment=environment) as server:
        assert server.urls == [f"https://127.0.0.1:{server.port}/"]
        assert (
            "browsers show a warning until you run h2static install-ca --yes once"
            in server.stderr()
        )
    key = folder / "data" / "h2static" / "localhost-key.pem"
    assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_descriptors_are_raised_to_the_hard_limit(folder: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.ExitStack() as stack:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        try:
            words = ("--no-tls", "-n", "2", "-a", "127.0.0.1", "0", "www")
            server = stack.enter_context(running(*words, folder=folder))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for pid in (server.pid, *server.workers()):
            (line,) = [
                line
                for line in Path(f"/proc/{pid}/limits").read_text().splitlines()
                if line.startswith("Max open files")
            ]
            soft, hard = line.split()[3:5]
            assert soft == hard


def test_modules_in_the_current_folder_are_not_imported(folder: Path) -> None:
    # It may be the very folder that is served.
    (folder / "anyio.py").write_text("raise SystemExit('imported')")
    (folder / "selectors.py").write_text("raise SystemExit('imported')")
    program = Path(sys.executable).with_name("h2static")
    words = [str(program), "--no-tls", "-a", "127.0.0.1", "--ready-fd", "1", "0", "www"]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["pid"] == process.pid
        finally:
            process.terminate()
        assert process.wait(20) == 0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a terminal")
def test_a_closed_terminal_stops_the_server(folder: Path) -> None:
    """SIGHUP reloads, but not when it says that the terminal has gone."""
    ours, theirs = os.openpty()
    words = command("--no-tls", "-a", "127.0.0.1", "0", "www")
    process = subprocess.Popen(
        words, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        text = b""
        while b"Ctrl-C" not in text:
            text += os.read(ours, 1024)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_sockets_that_a_service_manager_opened(folder: Path) -> None:
    """Socket activation, and what the manager is told."""
    manager = folder / "notify"
    program = (
        "import os, sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True);"
        " os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1');"
        " os.execv(sys.executable, [sys.executable, '-m', 'h2static', *sys.argv[2:]])"
    )
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified,
    ):
        notified.bind(str(manager))
        notified.settimeout(20)
        port = listener.getsockname()[1]
        number = str(listener.fileno())
        process = subprocess.Popen(
            [sys.executable, "-c", program, number, "--no-tls", "-n", "2", str(port), "www"],
            cwd=folder,
            pass_fds=[listener.fileno()],
            env={**os.environ, "NOTIFY_SOCKET": str(manager)},
        )
        try:
            assert notified.recv(1000) == b"READY=1\nSTATUS=serving"
            with socket.create_connection(("127.0.0.1", port), 10) as client:
                client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                assert client.recv(9)[3] == 4, "SETTINGS"
            process.send_signal(signal.SIGHUP)
            assert notified.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert notified.recv(1000) == b"READY=1\nSTATUS=serving"
            process.send_signal(signal.SIGTERM)
            assert notified.recv(1000) == b"STOPPING=1"
            assert process.wait(20) == 0
        finally:
            process.kill()
            process.wait()
