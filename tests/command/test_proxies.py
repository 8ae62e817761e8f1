"""``--proxy`` and ``[proxy."/api"]``: what becomes of them, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.command.command_line import parse
from h2static.command.configure import configure
from h2static.command.options import OPTIONS
from h2static.command.toml_config import read_file
from h2static.config import Config
from h2static.errors import UsageError
from h2static.proxy.config import HealthCheck, Policy, parse_target


def decide(tmp_path: Path, text: str, *words: str) -> Config:
    """The configuration that a file and a command line come to."""
    path = tmp_path / "h2static.toml"
    path.write_text(f"no-tls = true\nport = 0\n{text}")
    operands, written = parsed(*words)
    return configure(operands, written, read_file(str(path)).values)


def parsed(*words: str) -> tuple[list[str], dict[str, object]]:
    line = parse(words, OPTIONS)
    return list(line.operands), dict(line.values)


def test_on_the_command_line(tmp_path: Path) -> None:
    config = decide(tmp_path, "", "--proxy", "/api/=http://localhost:3000", "--proxy=/=unix:/run/x")
    first, second = config.proxies
    assert (first.prefix, first.targets[0].host, first.targets[0].port) == (
        "/api",
        "localhost",
        3000,
    )
    assert first.targets[0].path is None
    assert (second.prefix, second.targets[0].unix) == ("", "/run/x")
    assert not config.folder


def test_a_table(tmp_path: Path) -> None:
    config = decide(
        tmp_path,
        """
[proxy."/api"]
target = ["http://a:1/x/", "h2c://[::1]:2"]
policy = "least-connections"
rewrite = { "^/x" = "/y" }
change-origin = true
headers = { "X-A" = " b " }
ws = false
cookie-domain = ""
location = false
timeout = 2.5
max-fails = 3
health-path = "/up"
health-interval = 1
ca = "ca.pem"
[proxy."/b"]
target = "https://c"
""",
    )
    one, other = config.proxies
    assert [target.path for target in one.targets] == ["/x", None]
    assert [target.authority for target in one.targets] == [b"a:1", b"[::1]:2"]
    assert one.policy is Policy.LEAST_CONNECTIONS
    assert one.rewrite == (("^/x", "/y"),)
    assert one.headers == ((b"x-a", b"b"),)
    assert (one.ws, one.location, one.cookie_domain) == (False, False, "")
    assert (one.timeout, one.max_fails) == (2.5, 3)
    assert one.health == HealthCheck(path="/up", interval=1)
    assert one.ca == str(tmp_path / "ca.pem")
    assert other.changes_origin(other.targets[0])


def test_a_table_of_a_host(tmp_path: Path) -> None:
    config = decide(
        tmp_path, '[[host]]\nnames = ["a.test"]\n[host.proxy."/x"]\ntarget = "http://b"\n'
    )
    (host,) = config.hosts
    assert [one.prefix for one in host.proxies] == ["/x"]
    assert not host.folder


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[proxy."/a"]\n', 'target is missing'),
        ('[proxy."/a"]\ntargte = "http://x"\n', "targte: unknown key; did you mean target?"),
        ('[proxy."/a"]\ntarget = []\n', "target"),
        ('[proxy."/a"]\ntarget = "x"\n', "target: 'x' is not an upstream URL"),
        ('[proxy."/a"]\ntarget = "http://"\n', "the host is missing or malformed"),
        ('[proxy."/a"]\ntarget = "http://x?y"\n', "the URL has a query or a fragment"),
        ('[proxy."/a"]\ntarget = "http://u@x"\n', "contains user information"),
        ('[proxy."/a"]\ntarget = "http://x/.."\n', "malformed path"),
        ('[proxy."/a"]\ntarget = "http://x:0"\n', "the host is missing or malformed"),
        ('[proxy."/a"]\ntarget = "unix:x"\n', "expected unix:/path"),
        ('[proxy."/a"]\ntarget = ["http://x", "http://x"]\n', "http://x is repeated"),
        ('[proxy."/a"]\ntarget = "http://x"\nrewrite = {"(" = ""}\n', "rewrite: '('"),
        ('[proxy."/a"]\ntarget = "http://x"\nrewrite = {"a" = "\\\\2"}\n', "rewrite: 'a'"),
        ('[proxy."/a"]\ntarget = "http://x"\nheaders = {"via" = "x"}\n', "via cannot be set"),
        ('[proxy."/a"]\ntarget = "http://x"\nheaders = {"a b" = "x"}\n', "is not a field name"),
        ('[proxy."/a"]\ntarget = "http://x"\nheaders = {"a" = "x\\ny"}\n', "control character"),
        ('[proxy."/a"]\ntarget = "http://x"\nhealth-path = "x"\n', "health-path: 'x'"),
        ('[proxy."/a"]\ntarget = "http://x"\nhealth-timeout = 1\n', "health-timeout"),
        ('[proxy."/a"]\ntarget = "http://x"\nsecure = false\nca = "y"\n', "ca: has no effect"),
        ('[proxy."/a"]\ntarget = "http://x"\n[proxy."/a/"]\ntarget = "http://y"\n', "more than"),
        ('[proxy."/a"]\ntarget = "http://x"\n[mount."/a"]\nhtdocs = "."\n', "more than one app"),
        ('proxy = ["/a"]\n', "expected /PREFIX=URL"),
        ('[[host]]\nnames = ["a.test"]\nproxy = {"/x" = "y"}\n', '1: [proxy."/x"]: target'),
    ],
)  # fmt: skip
def test_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(UsageError) as caught:
        decide(tmp_path, text)
    said = str(caught.value)
    assert problem in said
    assert "\n" not in said
    assert "proxy" in said


def test_two_for_the_same_prefix() -> None:
    operands, written = parsed("--no-tls", "--proxy", "/a=http://x", "--proxy", "/a/=http://y", "0")
    with pytest.raises(UsageError, match="more than one app, proxy or mount uses the prefix /a"):
        configure(operands, written, {})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("http://localhost", "localhost"),
        ("http://localhost:80", "localhost"),
        ("https://x:444", "x:444"),
        ("http://[::1]:3000/x", "[::1]:3000"),
        ("unix:/run/x.sock", "unix:/run/x.sock"),
        ("http://bücher.test", "xn--bcher-kva.test"),
    ],
)
def test_names_of_targets(text: str, name: str) -> None:
    assert parse_target(text).name == name
