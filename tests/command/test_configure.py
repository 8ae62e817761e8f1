"""What command line and configuration file decide together."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2static.command.command_line import parse
from h2static.command.configure import configure
from h2static.command.options import OPTIONS
from h2static.config import Config
from h2static.errors import StartError, UsageError
from h2static.server.basic_auth import hash_password
from h2static.site.config import SiteConfig


def decide(*words: str, file: dict[str, object] | None = None) -> Config:
    line = parse(words, OPTIONS)
    return configure(line.operands, line.values, file or {})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder: it has ``www``, a key and a certificate."""
    (tmp_path / "www").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_port_only_serves_the_current_folder(folder: Path) -> None:
    config = decide("--no-tls", "8080")
    assert (config.port, config.root, config.scheme) == (8080, str(folder), "http")
    assert config.addresses == ()


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("localhost", True),
        ("LOCALHOST.", True),
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("unix:/run/x", True),
        # A name that anybody may have.
        ("127.example.test", False),
        ("0.0.0.0", False),
        ("::", False),
        ("192.0.2.1", False),
    ],
)
def test_where_passwords_are_asked_for_without_tls(folder: Path, address: str, right: bool) -> None:
    words = ["--auth", f"me:{hash_password('x')}", "--no-tls", "-a", address, "80"]
    if right:
        assert decide(*words).auth
    else:
        with pytest.raises(UsageError, match="--auth requires TLS or -a localhost"):
            decide(*words)


def test_a_user_has_one_password(folder: Path) -> None:
    words = [word for text in "ab" for word in ("--auth", f"me:{hash_password(text)}")]
    with pytest.raises(UsageError, match="--auth: the user 'me' is repeated"):
        decide(*words, "80")


@pytest.mark.parametrize(
    ("words", "root", "key", "cert"),
    [
        (["80"], ".", None, None),
        (["80", "www"], "www", None, None),
        (["80", "k", "c"], ".", "k", "c"),
        (["80", "www", "k", "c"], "www", "k", "c"),
        (["-d", "www", "80", "k", "c"], "www", "k", "c"),
    ],
)
def test_operands(
    folder: Path, words: list[str], root: str, key: str | None, cert: str | None
) -> None:
    config = decide(*words)
    assert config.root == os.path.normpath(folder / root)
    assert config.key_file == (key and str(folder / key))
    assert config.cert_file == (cert and str(folder / cert))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["65536"], "PORT: '65536' is not a port number"),
        (["-1"], "-1: unknown option"),
        (["--access-log", "x.log", "80"], "to log to a file, write --access-log=FILE"),
        (["instal-ca"], "; did you mean h2static install-ca?"),
        (["80", "a", "b", "c", "d"], "d: too many arguments"),
        (["-d", "www", "80", "www"], "-d/--htdocs cannot be combined with DOCROOT"),
        (["--no-tls", "80", "k", "c"], "--no-tls cannot be combined with KEY and CERT"),
        (["80", "www", "", "c"], "key: the value is empty"),
        (["-V", "80", "k", "c"], "--verify-client requires --client-ca"),
        (["--no-tls", "-V", "80"], "--verify-client cannot be combined with --no-tls"),
        (["--no-tls", "--groups", "P-256", "80"], "--groups cannot be combined with --no-tls"),
        (["--client-ca", "x", "80"], "--client-ca requires --verify-client"),
        (["--log-format", "json", "80"], "--log-format requires --access-log or --dev"),
        (["--push-cookie", "80"], "--push-cookie requires --push or --push-rules or --hints"),
        (["--push-cookie", "--hints", "off", "80"], "--push-cookie requires --push or"),
        (["--ignore", "x", "80"], "--ignore requires --dev or --live-reload"),
        (["--no-tls", "--allow-host", "x", "80"], "--allow-host requires --dev or --live-reload"),
        (["--allow-host", "x", "80", "k", "c"], "--allow-host requires --dev or --live-reload"),
        (["-D", "80"], "-D/--daemon requires -d PATH, DOCROOT, --app, --proxy, --mount or --host"),
        (["-D", "0", "www"], "--daemon with port 0 requires --ready-fd"),
    ],
)
def test_wrong_usage(folder: Path, words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        decide(*words)
    assert message in str(caught.value)


def test_a_missing_root_is_told_with_its_full_path(folder: Path) -> None:
    with pytest.raises(StartError, match=f"does not exist: {folder}/nowhere"):
        decide("80", "nowhere")
    (folder / "file").write_text("")
    with pytest.raises(StartError, match=f"is not a folder: {folder}/file"):
        decide("80", "file")


def test_the_root_may_be_a_link_that_is_swapped_later(folder: Path) -> None:
    (folder / "current").symlink_to("www")
    assert decide("80", "current").root == str(folder / "current")


def test_paths_do_not_depend_on_the_folder_any_more(folder: Path) -> None:
    config = decide("--error-log", "e", "--access-log=a", "--pid-file", "p", "80")
    assert config.error_log == str(folder / "e")
    assert config.access_log == str(folder / "a")
    assert config.pid_file == str(folder / "p")
    assert decide("--access-log", "80").access_log == "-"


def test_the_command_line_wins_over_the_file(folder: Path) -> None:
    file: dict[str, object] = {
        "port": 1, "htdocs": "www", "window-bits": 20, "key": "k", "cert": "c",
    }  # fmt: skip
    config = decide("-w", "18", "--no-tls", "81", file=file)
    assert (config.port, config.window_bits, config.key_file) == (81, 18, None)
    assert decide("--no-tls", file={**file, "groups": "secp384r1"}).groups is None
    assert config.root == str(folder / "www")
    assert decide(file=file).port == 1


def test_options_of_the_site_reach_the_site(folder: Path) -> None:
    config = decide(
        "--index", "start.html", "-e", "--cache-size", "1M", "--cache", "*=no-store", "80"
    )
    assert config.site.index == "start.html"
    assert config.site.error_gzip
    assert config.site.cache_size == 1024 * 1024
    assert [rule.value for rule in config.site.cache] == [b"no-store"]


def test_every_option_has_an_attribute(folder: Path) -> None:
    """Each row of the table can be given and ends up in the configuration."""
    samples = {
        "address": "::1", "trusted-proxy": "10.0.0.0/8", "proxy-protocol": "require",
        "alt-svc": "on",
        "client-ca": "x", "groups": "P-256", "dh-param-file": "x", "key-password-file": "x",
        "header-table-size": "1K", "encoder-header-table-size": "1K",
        "max-concurrent-streams": "7", "window-bits": "7", "connection-window-bits": "7",
        "padding": "7", "trailer": "a: b", "access-log": "x", "log-format": "json",
        "error-log": "x", "workers": "2", "pid-file": "x", "ready-fd": "7", "grace": "7",
        "drain-delay": "7", "max-memory": "1G", "health": "/x", "htdocs": "www", "index": "x",
        "spa": "x",
        "error-page": "404=x", "cache": "*=no-store", "header": "*:A: b", "etag": "digest",
        "mime-types-file": "x", "push": "/=/x", "push-rules": "x", "push-mode": "off",
        "hints": "auto", "ignore": "x", "debounce": "7", "allow-host": "x",
        "cache-size": "1K", "compress": "gzip", "languages": "en,de", "run": "true", "watch": ".",
        "mock": "/api/*",
        "delay": "*=5ms", "rate": "*=5K", "fail": "*=503:5%", "auth": f"me:{hash_password('x')}",
        "dot-names": ".z*", "encoded-slash": "/@*",
        "app": "a:b", "app-dir": "x", "lifespan": "off",
        "host": "a.test=www", "listen": "81", "mount": "/x=www",
        "proxy": "/y=http://a",
    }  # fmt: skip
    for option in OPTIONS:
        if option.name in ("help", "help-all", "version", "config", "no-config", "print-config"):
            continue
        if option.name in samples:
            words = [f"--{option.name}={samples[option.name]}"]
        else:
            words = [f"--{option.name}"]
        needs = {"client-ca": ["-V"]}.get(option.name, [])
        if option.name in (
            "log-format",
            "push-cookie",
            "ignore",
            "debounce",
            "poll",
            "no-service-workers",
            "run",
            "watch",
            "mock",
            "delay",
            "rate",
            "fail",
        ):
            needs = ["--access-log", "--push", "/=/x", "--live-reload"]
        if option.name in ("app-dir", "factory", "lifespan", "wsgi"):
            needs = ["--app", "a:b"]
        if option.name == "proxy-protocol":
            needs = ["--trusted-proxy", "unix"]
        if option.name == "verify-client":
            needs = ["--client-ca", "x"]
        extra = needs if option.name == "htdocs" else [*needs, "-d", "."]
        plain = Config(port=80, site=SiteConfig(root=str(folder)))
        operands = ["80"]
        if option.name in ("key-password-file", "insecure-key"):
            operands, needs = ["80", "key", "cert"], ["-d", "."]
        if needs and option.name not in ("client-ca", "verify-client"):
            plain = decide(*operands, *extra)
        assert decide(*operands, *extra, *words) != plain, option.name
