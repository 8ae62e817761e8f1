"""What newcomers type and get: few words, clear errors, a banner that says who can come."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.command.banner import banner
from h2static.command.command_line import parse
from h2static.command.configure import configure
from h2static.command.help_text import SHORT
from h2static.command.options import OPTIONS
from h2static.config import LOOPBACK, Config
from h2static.errors import UsageError
from h2static.localca.certificates import ensure_certificate
from h2static.server.listeners import Listener, open_listeners
from h2static.site import SiteConfig
from tests.support.processes import run, running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    (tmp_path / "8000").mkdir()
    return tmp_path


def decide(*words: str) -> Config:
    line = parse(words, OPTIONS)
    return configure(line.operands, line.values, {})


def refused(*words: str) -> str:
    with pytest.raises(UsageError) as caught:
        decide(*words)
    return str(caught.value)


# ---------------------------------------------------------------- few words


@pytest.mark.parametrize(
    ("words", "port", "root"),
    [
        ("", 8080, "."),
        (".", 8080, "."),
        ("./www", 8080, "www"),
        ("www", 8080, "www"),
        ("--dev", 8443, "."),
        ("--dev ./www", 8443, "www"),
        ("--dev --no-tls", 8080, "."),
        # nghttpd's forms: digits are a port, also where a folder has that name.
        ("8000", 8000, "."),
        ("8000 www", 8000, "www"),
        ("8000 www key cert", 8000, "www"),
        ("8000 key cert", 8000, "."),
        ("www key cert", 8080, "www"),
    ],
)
def test_operands(folder: Path, words: str, port: int, root: str) -> None:
    config = decide(*words.split())
    assert (config.port, config.root) == (port, str((folder / root).resolve()))
    assert config.port_given is words.startswith("8000")
    assert (config.key_file is not None) is words.endswith("cert")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("./www 8080", "8080: only KEY CERT may follow a folder; the order is PORT DOCROOT"),
        ("nothing", "PORT: 'nothing' is not a port number from 0 to 65535; the order is PORT"),
        ("8000 www k c more", "more: too many arguments; the order is"),
        ("www k c more", "more: too many arguments; the order is"),
        ("serve", "no command is needed to serve: h2static 8080 ./www"),
        ("trust", "did you mean h2static install-ca --yes?"),
        ("unistall-ca", "did you mean h2static uninstall-ca?"),
    ],
)
def test_errors_name_the_order_and_an_example(folder: Path, words: str, told: str) -> None:
    assert told in refused(*words.split())


def test_the_environment_chooses_no_port(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "1234")
    assert decide().port == 8080


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on, with a free one behind it."""
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            one = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            port = int(one.getsockname()[1])
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
            yield port
            return


def test_dev_mode_takes_the_next_port_and_says_so(folder: Path, taken: int) -> None:
    site = SiteConfig(root=str(folder))
    config = Config(port=taken, port_given=False, addresses=LOOPBACK, dev=True, site=site)
    listeners = open_listeners(config, 1)
    try:
        (port,) = {one.port for one in listeners}
        assert port is not None
        assert port > taken
        assert f"  port     {taken} is in use; using {port} instead" in banner(
            config, listeners, None, 0
        )
    finally:
        for one in listeners:
            one.close()


def test_a_port_that_was_asked_for_is_not_exchanged(folder: Path, taken: int) -> None:
    words = ("--dev", "--no-tls", "-a", "127.0.0.1", str(taken))
    done = run(*words, folder=folder)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{taken}: " in done.stderr


# ---------------------------------------------------------------- the file in the current folder


def test_a_configuration_file_is_found_and_named(folder: Path) -> None:
    (folder / "h2static.toml").write_text(
        'htdocs = "www"\nno-tls = true\naddress = ["127.0.0.1"]\n'
    )
    with running("0", folder=folder) as server:
        assert "  options  h2static.toml (--no-config ignores it)\n" in server.stderr()
        assert f"serving  {folder}/www\n" in server.stderr()
    words = ("--no-config", "--no-tls", "-a", "127.0.0.1", "0")
    with running(*words, folder=folder) as server:
        assert "h2static.toml" not in server.stderr()
        assert f"serving  {folder}\n" in server.stderr()
    (folder / "other.toml").write_text('htdocs = "8000"\nno-tls = true\naddress = ["127.0.0.1"]\n')
    with running("--config", "other.toml", "0", folder=folder) as server:
        assert "h2static.toml" not in server.stderr()
        assert f"serving  {folder}/8000\n" in server.stderr()


def test_a_configuration_file_that_is_found_is_checked(folder: Path) -> None:
    (folder / "h2static.toml").write_text("porrt = 1\n")
    done = run("0", folder=folder)
    assert (done.returncode, done.stderr) == (
        2,
        "h2static: h2static.toml: porrt: unknown key; did you mean port?\n",
    )


# ---------------------------------------------------------------- help


def test_help_is_one_screen_with_five_examples() -> None:
    lines = SHORT.splitlines()
    assert len(lines) <= 23
    assert max(map(len, lines)) <= 80
    examples = [line.strip().split("  ")[0] for line in lines if line.startswith("  h2static ")]
    assert len(examples) == 5
    names = {f"--{option.name}" for option in OPTIONS}
    for line in lines:
        written = line.replace(",", " ").split()
        assert {word for word in written if word.startswith("--")} <= names


def test_the_examples_are_right(folder: Path) -> None:
    (folder / "dist").mkdir()
    (folder / "dist" / "index.html").write_text("x")
    for line in SHORT.splitlines():
        if line.startswith("  h2static "):
            decide(*line.strip().split("  ")[0].split()[1:])


def test_both_help_texts_are_printed(folder: Path) -> None:
    assert run("--help", folder=folder).stdout == SHORT
    assert run("-h", folder=folder).stdout == SHORT
    assert "--max-concurrent-streams" in run("--help-all", folder=folder).stdout


# ---------------------------------------------------------------- what is meant


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("--https", "TLS is on unless you pass --no-tls"),
        ("--tls", "TLS is on unless you pass --no-tls"),
        ("--http2", "TLS is on unless you pass --no-tls"),
        ("--base=/app", "did you mean --mount /PREFIX=DIR"),
        ("--vhost", "did you mean --host NAME=DOCROOT?"),
        ("--backend", "did you mean --proxy PREFIX=URL?"),
        ("--hostname", "did you mean --address?"),
        ("--root", "the folder is an argument"),
        ("--key", "KEY and CERT are arguments"),
        ("--single", "did you mean --spa index.html?"),
        ("--livereload", "did you mean --dev, or --live-reload alone?"),
        ("--no-cache", "did you mean --dev, or --cache '*=no-store'?"),
        ("--log", "did you mean --access-log?"),
        ("--browser", "did you mean --open?"),
        # Near spellings.
        ("--adress", "did you mean --address?"),
        ("--verbos-e", "did you mean --verbose?"),
        # Nothing is better than something that has nothing to do with it.
        ("--hsts", "see h2static --help-all"),
        ("--zip", "see h2static --help-all"),
    ],
)
def test_what_is_meant_by_an_unknown_option(folder: Path, word: str, told: str) -> None:
    assert told in refused(word)


@pytest.mark.parametrize("word", ["--addr", "--ad=::", "--allow", "--trusted", "--cor"])
def test_what_lets_others_in_is_written_in_full(folder: Path, word: str) -> None:
    assert "spell out --" in refused(word)


def test_other_abbreviations_stay(folder: Path) -> None:
    assert decide("--verb").verbose
    assert decide("--max-conc=7").max_concurrent_streams == 7


# ---------------------------------------------------------------- who can come


def test_live_reload_alone_listens_on_loopback(folder: Path) -> None:
    assert decide("--live-reload").addresses == LOOPBACK
    assert decide("--live-reload", "-a", "::").addresses == ("::",)
    assert decide().addresses == ()


def listener(host: str, port: int = 8443) -> Listener:
    return Listener(host=host, port=port, sockets=[])


def shown(config: Config, *hosts: str) -> list[list[str]]:
    text = banner(config, [listener(host) for host in hosts], None, 0)
    return [line.split() for line in text.splitlines()]


def test_the_banner_names_localhost_first(folder: Path) -> None:
    config = Config(port=8443, addresses=LOOPBACK, dev=True, site=SiteConfig(root=str(folder)))
    lines = shown(config, *LOOPBACK)
    assert lines[2] == ["at", "https://localhost:8443/"]
    assert [line[0] for line in lines] == ["h2static", "serving", "at", "Ctrl-C"]
    other = shown(config, "192.0.2.1", "127.0.0.1")
    assert other[2:4] == [["at", "https://localhost:8443/"], ["at", "https://192.0.2.1:8443/"]]


def test_the_banner_says_when_everybody_can_come(folder: Path) -> None:
    config = Config(port=8443, site=SiteConfig(root=str(folder)))
    lines = shown(config, "0.0.0.0", "::")
    assert ["at", "https://localhost:8443/"] in lines
    assert any(line[:4] == ["open", "to", "every", "machine"] for line in lines)
    # Without dev mode, too, wherever there is a network.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return
        own = probe.getsockname()[0]
    assert ["network", f"https://{own}:8443/"] in lines


def test_the_banner_names_http3(folder: Path) -> None:
    site = SiteConfig(root=str(folder))
    line = "  HTTP/3   on UDP port 8443"
    for config, expected in (
        (Config(port=8443, site=site), []),
        (Config(port=8443, site=site, http3=True), [line]),
        (Config(port=8443, site=site, http3_only=True), [f"{line} (TCP connections are refused)"]),
    ):
        text = banner(config, [listener("127.0.0.1"), listener("::1")], None, 0)
        assert [one for one in text.splitlines() if "HTTP/3" in one] == expected


def test_one_line_about_a_certificate_and_none_when_it_is_trusted(
    folder: Path, tmp_path: Path
) -> None:
    certificate = ensure_certificate(folder=tmp_path / "data")
    config = Config(port=8443, dev=True, site=SiteConfig(root=str(folder)))
    text = banner(config, [listener("127.0.0.1")], certificate, 0)
    (line,) = [line for line in text.splitlines() if "TLS" in line]
    assert "install-ca --yes" in line
    assert "SHA-256" not in text
    (tmp_path / "data" / "trusted").write_text(certificate.fingerprint)
    assert "TLS" not in banner(config, [listener("127.0.0.1")], certificate, 0)
    (tmp_path / "data" / "trusted").write_text("another one's")
    assert "TLS" in banner(config, [listener("127.0.0.1")], certificate, 0)
