"""Configuration files."""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from h2static.command.options import OPERANDS, OPTIONS
from h2static.command.toml_config import _PATTERNS, MAX_LENGTH, read_file, render, schema
from h2static.config import LogFormat
from h2static.errors import StartError, UsageError


def write(folder: Path, text: str) -> str:
    path = folder / "h2static.toml"
    path.write_text(text)
    return str(path)


def test_the_schema_is_a_schema_and_knows_every_option() -> None:
    Draft202012Validator.check_schema(schema())
    properties = schema()["properties"]
    assert isinstance(properties, dict)
    names = {option.name for option in OPTIONS if option.in_file}
    assert properties.keys() == names | {operand.key for operand in OPERANDS}
    assert all(item["description"] for item in properties.values())


def test_values_are_those_of_the_command_line(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        port = 8443
        htdocs = "www"
        key = "/etc/key.pem"
        cert = "cert.pem"
        address = ["127.0.0.1", "unix:/run/h2static.sock"]
        header-table-size = "8K"
        encoder-header-table-size = 0
        grace = 2.5
        log-format = "json"
        access-log = "-"
        workers = "auto"
        trailer = ["X-Sum: 1"]
        verbose = true

        [cache]
        "*.js" = "max-age=60"

        [header."/fonts/*"]
        Access-Control-Allow-Origin = "*"
        X-Two = "2"
        """,
    )
    values = read_file(path).values
    cache, header = values.pop("cache"), values.pop("header")
    assert values == {
        "port": 8443,
        "htdocs": str(tmp_path / "www"),
        "key": "/etc/key.pem",
        "cert": str(tmp_path / "cert.pem"),
        "address": ("127.0.0.1", "unix:/run/h2static.sock"),
        "header-table-size": 8192,
        "encoder-header-table-size": 0,
        "grace": 2.5,
        "log-format": LogFormat.JSON,
        "access-log": "-",
        "workers": 0,
        "trailer": ((b"x-sum", b"1"),),
        "verbose": True,
    }
    assert isinstance(cache, tuple)
    assert isinstance(header, tuple)
    assert [(rule.pattern.text, rule.value) for rule in cache] == [("*.js", b"max-age=60")]
    assert [(rule.name, rule.value) for rule in header] == [
        (b"access-control-allow-origin", b"*"),
        (b"x-two", b"2"),
    ]


@pytest.mark.parametrize(
    ("section", "texts"),
    [
        ('[cache]\n"*.js" = "max-age=60"', 'cache = ["*.js=max-age=60"]'),
        ('[header."/a*"]\nX-A = "b"', 'header = ["/a*:X-A: b"]'),
        ('[push]\n"/" = ["/a.css", "/b.js?v=1"]', 'push = ["/=/a.css,/b.js?v=1"]'),
    ],
)
def test_a_list_says_the_same_as_a_section(tmp_path: Path, section: str, texts: str) -> None:
    assert read_file(write(tmp_path, section)).values == read_file(write(tmp_path, texts)).values


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("win-bits = 3", "win-bits: unknown key; did you mean window-bits?"),
        ("zzzzzz = 3", "zzzzzz: unknown key"),
        ("help = true", "help: unknown key"),
        ("window-bits = 33", "window-bits: 33 is greater than the maximum of 30"),
        ('no-tls = "yes"', 'no-tls: expected true or false, not "yes"'),
        ('cache = "no-store"', 'cache: expected a list or a table, not "no-store"'),
        ("cache-size = true", "cache-size: expected an integer or digits, optionally"),
        ('cache-size = "4X"', "cache-size: expected digits, optionally followed by K, M or G"),
        ("cache-size = -1", "cache-size: -1 is less than the minimum of 0"),
        ('workers = "many"', 'workers: expected an integer or "auto", not "many"'),
        ("workers = 257", "workers: 257 is greater than the maximum of 256"),
        ("port = 1979-05-27", "port: expected an integer, not 1979-05-27"),
        ("cache = [1]", "cache.0: expected text, not 1"),
        ('[header]\n"*" = 3', "header.*: expected a table, not 3"),
        ('[header]\n"a:b" = {}', "header: expected a pattern without ':', not \"a:b\""),
        ('[header."*"]\nDate = "x"', "header: '*:Date: x': 'date' is set by the server"),
        ('[cache]\n"a=b" = "x"', "cache: expected a pattern without '=', not \"a=b\""),
        ('[push]\n"/" = "/a.css"', 'push./: expected a list, not "/a.css"'),
        ('[push]\n"a" = ["/a.css"]', "push: expected a path that starts with / and has no '='"),
        ('[push]\n"/" = ["/a,b"]', "push./.0: expected a target without ',', not \"/a,b\""),
        ('trailer = ["x"]', "trailer: 'x' is not a field"),
        ("port = 65536", "port: 65536 is greater than the maximum of 65535"),
        ("port = \n", "not TOML: Invalid value (at line 1, column 8)"),
        ("a = 1\na = 2\n", "not TOML: Cannot overwrite a value (at line 2"),
    ],
)
def test_errors_name_file_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        read_file(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="No such file"):
        read_file(str(tmp_path / "nothing.toml"))


def test_a_file_that_is_too_long_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="longer than"):
        read_file(write(tmp_path, "#" * (MAX_LENGTH + 1)))
    (tmp_path / "h2static.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_file(str(tmp_path / "h2static.toml"))


def test_a_file_that_is_no_regular_file(tmp_path: Path) -> None:
    """A server that reads it again must not wait for whoever may write to it."""
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(StartError, match="fifo: Not a regular file"):
        read_file(str(tmp_path / "fifo"))
    with pytest.raises(StartError, match="Is a directory"):
        read_file(str(tmp_path))


@pytest.mark.parametrize("depth", [900, 10_000])
def test_a_file_that_is_nested_too_deeply(tmp_path: Path, depth: int) -> None:
    with pytest.raises(UsageError, match="cannot be parsed: nested too deeply"):
        read_file(write(tmp_path, f"workers = {'[' * depth}{']' * depth}"))


def test_every_pattern_of_the_schema_has_words() -> None:
    patterns = set(re.findall(r'"pattern": "([^"]+)"', json.dumps(schema())))
    assert patterns == _PATTERNS.keys()


def test_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    assert read_file(write(tmp_path, "\ufeffport = 80")).values == {"port": 80}


def test_what_is_printed_says_the_same_when_read(tmp_path: Path) -> None:
    written: dict[str, object] = {
        "port": 80,
        "htdocs": 'a "quoted" \\ name\t\u00e9\x7f\n\U0001f600',
        "verbose": True,
        "address": ["::1"],
        "cache": {"*.js": "no-store"},
        "header": {"*": {"A": "b"}},
        "grace": 2.5,
    }
    text = render(written)
    assert tomllib.loads(text) == written
    for option in OPTIONS:
        if option.in_file:
            assert f"{option.name} = " in text or f"# {option.name}: " in text


def test_what_no_file_can_say_is_not_printed() -> None:
    with pytest.raises(UsageError, match="is not UTF-8"):
        render({"index": "\udcff.html"})


def test_names_and_addresses_of_a_site(tmp_path: Path) -> None:
    path = tmp_path / "h2static.toml"
    path.write_text('clean-urls = true\ndot-names = [".z*", "/.vite"]\nencoded-slash = ["/@*"]\n')
    values = read_file(str(path)).values
    assert values["clean-urls"] is True
    dot_names, encoded_slash = values["dot-names"], values["encoded-slash"]
    assert isinstance(dot_names, tuple)
    assert isinstance(encoded_slash, tuple)
    assert [pattern.text for pattern in dot_names] == [".z*", "/.vite"]
    assert [pattern.text for pattern in encoded_slash] == ["/@*"]
    path.write_text('dot-names = ["vite"]\n')
    with pytest.raises(UsageError, match="'vite' does not end in a name with a leading dot"):
        read_file(str(path))
