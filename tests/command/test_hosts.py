"""Tables of hosts, ports and mounts: what they come to, and what is wrong with them in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from h2static.command import commands
from h2static.command.configure import configure
from h2static.command.start import load
from h2static.command.toml_config import read_file, schema
from h2static.config import Config
from h2static.errors import StartError, UsageError
from h2static.virtual_hosts import configs_of_hosts
from tests.support.host_certificates import Authority, make_authority


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("main", "a", "b", "docs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    return tmp_path


@pytest.fixture
def authority(folder: Path) -> Authority:
    made = make_authority(folder)
    made.issue("a", "a.test")
    made.issue("ab", "a.test", "*.b.test")
    return made


def load_text(folder: Path, text: str) -> Config:
    path = folder / "hosts.toml"
    path.write_text(text)
    return load(["--config", str(path)]).config


PLAIN = "port = 0\nno-tls = true\n"


def test_hosts_of_a_file(folder: Path) -> None:
    config = load_text(
        folder,
        PLAIN
        + """
htdocs = "main"
index = "start.html"
listing = true
spa = "index.html"
cache = { "*" = "max-age=1" }
[[host]]
names = ["A.test.", "*.a.test"]
htdocs = "a"
listing = false
[host.header."*"]
X-Host = "a"
[host.mount."/docs"]
htdocs = "docs"
[[host]]
names = ["b.test"]
htdocs = "b"
index = "index.html"
cache = { "*" = "no-store" }
""",
    )
    a, b = config.hosts
    assert a.names == ("a.test", "*.a.test")
    assert a.site.root == str(folder / "a")
    # What holds for all holds for a host that says nothing else.
    assert (a.site.index, a.site.listing) == ("start.html", False)
    assert (b.site.index, b.site.listing) == ("index.html", True)
    assert [rule.value for rule in a.site.cache] == [b"max-age=1"]
    assert [rule.value for rule in b.site.cache] == [b"no-store"]
    assert len(a.site.header) == 1
    assert b.site.header == ()
    # A file of one site is no other one's.
    assert config.site.spa == "index.html"
    assert (a.site.spa, b.site.spa) == (None, None)
    (mount,) = a.mounts
    assert (mount.prefix, mount.site.root) == ("/docs", str(folder / "docs"))
    assert b.mounts == ()
    assert a.where == f"{folder / 'hosts.toml'}: [[host]] 1"
    assert config.has_main


def test_the_command_line(folder: Path) -> None:
    words = ["--no-tls", "--host", "a.test=a", "--host", "*.b.test=b", "--mount", "/docs=docs"]
    config = load([*words, "--listen", "127.0.0.1:0,no-tls", "--listen", "unix:/x", "0"]).config
    assert [one.names for one in config.hosts] == [("a.test",), ("*.b.test",)]
    assert [one.site.root for one in config.hosts] == [str(folder / "a"), str(folder / "b")]
    assert [one.prefix for one in config.mounts] == ["/docs"]
    # Nobody said that the current folder is to be served.
    assert not config.folder
    assert [(one.port, one.addresses, one.no_tls) for one in config.listening] == [
        (0, (), True),
        (0, ("127.0.0.1",), True),
        (0, ("unix:/x",), True),
    ]


def test_ports_without_a_first_one(folder: Path, authority: Authority) -> None:
    config = load_text(
        folder,
        """
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["a.test"]
htdocs = "a"
[[listen]]
port = 8443
address = ["127.0.0.1"]
hosts = ["a.test"]
[[listen]]
port = 8080
no-tls = true
""",
    )
    assert (config.port, config.addresses, config.no_tls) == (8443, ("127.0.0.1",), False)
    assert [one.scheme for one in config.listening] == ["https", "http"]
    assert config.listening[0].hosts == ("a.test",)
    assert not config.has_main


def test_hosts_share_the_cache_of_the_server(folder: Path) -> None:
    config = load(["--no-tls", "--host", "a.test=a", "--cache-size", "32M", "0", "main"]).config
    sizes = [own.site.cache_size for _, own in configs_of_hosts(config)]
    assert sizes == [16 * 1024 * 1024] * 2


def test_each_host_is_as_if_alone(folder: Path) -> None:
    words = ["--no-tls", "--dev", "--health", "/up", "--host", "a.test=a", "0", "main"]
    (_, main), (host, own) = configs_of_hosts(load(words).config)
    assert host is not None
    assert main.hosts == own.hosts == ()
    assert (main.root, own.root) == (str(folder / "main"), str(folder / "a"))
    assert own.site.lenient
    assert own.site.listing
    assert own.allow_host == ("a.test",)
    # By any name, not only by one of a host.
    assert (main.health, own.health) == (None, None)


def test_what_is_printed_is_the_same_again(folder: Path, authority: Authority) -> None:
    (folder / "etc").mkdir()
    (folder / "push.json").write_text('{"/m/": {"/m/index.html": {}}}')
    text = """
port = 0
htdocs = "../main"
key = "../a.key"
cert = "../a.pem"
[mount."/docs"]
htdocs = "../docs"
[[host]]
names = ["x.b.test"]
htdocs = "../b"
key = "../ab.key"
cert = "../ab.pem"
listing = true
[host.app]
[host.push]
"/" = ["/a.css"]
[host.header."*"]
Key = "no path"
key-password-file = "neither"
[host.mount."/m"]
htdocs = "../docs"
push-rules = "../push.json"
netlify = true
[[listen]]
port = 0
no-tls = true
address = ["127.0.0.1"]
"""
    first = load_text(folder / "etc", text.replace("[host.app]\n", ""))
    printed = subprocess.run(
        [sys.executable, "-m", "h2static", "--config", "etc/hosts.toml", "--print-config"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert load_text(folder, printed) == first


def test_what_a_command_line_has_is_printed(folder: Path) -> None:
    words = ["--no-tls", "--host", "a.test=a", "--mount", "/d=docs", "--listen", "81", "0", "main"]
    printed = subprocess.run(
        [sys.executable, "-m", "h2static", *words, "--print-config"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert load_text(folder, printed) == load(words).config


HOST_A = '[[host]]\nnames = ["a.test"]\nhtdocs = "a"\n'
HOST_B = '[[host]]\nnames = ["b.test"]\nhtdocs = "b"\n'

BAD: list[tuple[str, str]] = [
    (PLAIN + HOST_A + "default = true\n" + HOST_B + "default = true\n",
     "[[host]] 2: default: {file}: [[host]] 1 is already the def"),
    (PLAIN + 'htdocs = "main"\n' + HOST_A + "default = true\n",
     "[[host]] 1: default: the site without a name (htdocs, app or mount) is already the def"),
    (PLAIN + HOST_A + HOST_B + HOST_A,
     "[[host]] 3: names: a.test is already in {file}: [[host]] 1"),
    (PLAIN + '[[host]]\nnames = ["a.test", "A.test."]\nhtdocs = "a"\n',
     "[[host]] 1: names: a name is repeated"),
    (PLAIN + HOST_A + "indx = 1\n", "[[host]] 1: indx: unknown key; did you mean index?"),
    (PLAIN + HOST_A + "[host.mount.\"/x\"]\nhtdocs = \"b\"\nnetlfy = true\n",
     '[[host]] 1: [mount."/x"]: netlfy: unknown key; did you mean netlify?'),
    (PLAIN + '[mount."/x"]\nhtdoc = "b"\nhtdocs = "b"\n',
     '[mount."/x"]: htdoc: unknown key; did you mean htdocs?'),
    (PLAIN + "[[listen]]\nprot = 1\n", "[[listen]] 1: prot: unknown key; did you mean port?"),
    (PLAIN + '[[host]]\nhtdocs = "a"\n', "[[host]] 1: names is missing"),
    (PLAIN + '[[host]]\nnames = []\nhtdocs = "a"\n', "[[host]] 1: names: [] should be non-empty"),
    (PLAIN + '[[host]]\nnames = "a.test"\n', "[[host]] 1: names: expected a list, not \"a.test\""),
    (PLAIN + '[[host]]\nnames = ["a.test"]\n', "[[host]] 1: htdocs is missing: "),
    (PLAIN + '[[host]]\nnames = ["bücher.test"]\nhtdocs = "a"\n',
     "[[host]] 1: names: 'bücher.test': write it as A-labels: xn--bcher-kva.test"),
    (PLAIN + '[[host]]\nnames = ["a.test:80"]\nhtdocs = "a"\n',
     "[[host]] 1: names: 'a.test:80' is not a host name: it has a port"),
    (PLAIN + HOST_A + 'push-mode = "sometimes"\n', "[[host]] 1: push-mode: "),
    (PLAIN + HOST_A + "verify-client = true\n",
     "[[host]] 1: verify-client: applies to a whole port"),
    (PLAIN + HOST_A + 'key = "a.key"\n', "[[host]] 1: key and cert must be set together"),
    (PLAIN + 'host = ["a.test"]\n', "[[host]] 1: 'a.test': expected NAME=DOCROOT"),
    (PLAIN + 'htdocs = "main"\n[mount."/x"]\nhtdocs = "a"\n[mount."/x/"]\nhtdocs = "b"\n',
     '[mount."/x'),
    (PLAIN + '[mount."/x"]\nhtdocs = "a"\n[app."/x"]\ntarget = "a:b"\n',
     '[mount."/x'),
    (PLAIN + HOST_A + '[host.mount."/x"]\nhtdocs = "b"\n[host.app."/x"]\ntarget = "a:b"\n',
     '[[host]] 1: [mount."/x"]: more than one app, proxy or mount uses the prefix /x'),
    (PLAIN + '[mount."/x"]\nhtdocs = "b"\npush = { "/" = ["a.css"] }\n',
     '[mount."/x"]: push: '),
    (PLAIN + HOST_A + '[host.mount."/"]\nhtdocs = "b"\n',
     "[[host]] 1: [mount.\"/\"]: prefix: '/' is the root; use htdocs for that"),
    (PLAIN + '[mount."/a b"]\nhtdocs = "b"\n',
     "[mount.\"/a b\"]: prefix: '/a b' is not a path prefix like /api"),
    (PLAIN + HOST_A + '[[listen]]\nport = 81\nhosts = ["c.test"]\n',
     "[[listen]] 1: hosts: no host is named c.test"),
    (PLAIN + "[[listen]]\nport = 81\n[[listen]]\nport = 81\n",
     "[[listen]] 2: port: 81 is already in {file}: [[listen]] 1"),
    (PLAIN + "[[listen]]\nport = 81\nno-tls = false\nverify-client = true\n",
     "[[listen]] 1: verify-client requires client-ca"),
    (PLAIN + '[[listen]]\nport = 81\ngroups = "X25519"\n',
     "[[listen]] 1: no-tls cannot be combined with other TLS options"),
    (PLAIN + 'spa = "index.html"\n' + HOST_A,
     "--spa requires DOCROOT; to set it for one host, put it in [[host]]"),
    ('port = 0\nkey = "a.key"\ncert = "a.pem"\n' + HOST_B,
     "[[host]] 1: cert: the certificate {folder}/a.pem does not cover b.test"),
    ("port = 0\n" + HOST_B + 'key = "ab.key"\ncert = "ab.pem"\n',
     "[[host]] 1: cert: the certificate {folder}/ab.pem does not cover b.test"),
    ('port = 0\n[[host]]\nnames = ["*.a.test"]\nhtdocs = "a"\nkey = "a.key"\ncert = "a.pem"\n',
     "[[host]] 1: cert: the certificate {folder}/a.pem does not cover *.a.test"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), BAD, ids=[told[:60] for _, told in BAD])
def test_wrong_files(folder: Path, authority: Authority, text: str, told: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_text(folder, text)
    line = str(raised.value)
    assert "\n" not in line
    assert told.format(file=folder / "hosts.toml", folder=folder) in line
    if told.startswith("["):
        assert line.startswith(f"{folder / 'hosts.toml'}: [")
    # Told by ``config --check``, too.
    done = subprocess.run(
        [sys.executable, "-m", "h2static", "config", "--check", "hosts.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLAIN + HOST_A.replace('"a"', '"gone"'), "[[host]] 1: htdocs: the folder to serve does"),
        (
            "port = 0\n" + HOST_A + 'key = "gone"\ncert = "a.pem"\n',
            "hosts.toml: [[host]] 1: cannot read the private key",
        ),
        (
            "port = 0\n" + HOST_A + 'key = "a.key"\ncert = "gone"\n',
            "hosts.toml: [[host]] 1: cannot read the certificate",
        ),
        (
            "port = 0\n" + HOST_A + 'key = "ab.key"\ncert = "a.pem"\n',
            "hosts.toml: [[host]] 1: the private key",
        ),
        (
            "port = 0\n" + HOST_A + 'key = "a.key"\ncert = "a.pem"\n'
            '[[listen]]\nport = 81\nverify-client = true\nclient-ca = "gone"\n',
            "hosts.toml: [[listen]] 1: --client-ca ",
        ),
        (PLAIN + HOST_A + 'push-rules = "gone"\n', "[[host]] 1: "),
        (
            PLAIN + HOST_A + '[host.mount."/x"]\nhtdocs = "b"\npush-rules = "gone"\n',
            '[[host]] 1: [mount."/x"]: ',
        ),
        (
            PLAIN + '[mount."/x"]\nhtdocs = "b"\nmime-types-file = "gone"\n',
            'hosts.toml: [mount."/x"]: ',
        ),
    ],
)
def test_what_the_machine_does_not_have(
    folder: Path, authority: Authority, text: str, told: str
) -> None:
    with pytest.raises(StartError) as raised:
        load_text(folder, text)
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--host", "a.test"], "expected NAME=DOCROOT"),
        (["--host", "0.0.0.0"], "to listen on an address, use -a"),
        (
            ["--host", "a.test=a", "--host", "a.test=b"],
            "--host a.test: names: a.test is already in --host a.test",
        ),
        (["--mount", "docs=a"], "is not a path prefix"),
        (["--mount", "/=a"], "is the root"),
        (
            ["--mount", "/a=a", "--mount", "/a=b"],
            "--mount /a: more than one app",
        ),
        (["--listen", "x"], "not a port number"),
        (["--listen", ":80"], "expected [ADDR:]PORT"),
        (["--listen", "80,tls"], "expected no-tls"),
    ],
)
def test_wrong_words(folder: Path, words: list[str], told: str) -> None:
    with pytest.raises(UsageError) as raised:
        load(["--no-tls", *words, "0", "main"])
    assert told in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_schema_knows_the_tables() -> None:
    text = json.dumps(schema())
    for key in ("names", "default", "hosts", "verify-client", "mount"):
        assert f'"{key}"' in text


def test_a_program_says_the_same(folder: Path) -> None:
    path = folder / "hosts.toml"
    path.write_text(PLAIN + HOST_A)
    values = read_file(str(path)).values
    assert configure([], {}, values).hosts[0].names == ("a.test",)


def test_a_check_says_whose_certificate_is_missing(folder: Path, authority: Authority) -> None:
    text = "port = 0\n" + HOST_A + 'key = "a.key"\ncert = "gone"\n'
    (folder / "hosts.toml").write_text(text)
    with pytest.raises(StartError, match=r"hosts\.toml: \[\[host\]\] 1: cert: cannot read"):
        commands.config(["--check", "hosts.toml"])
