"""From words to values."""

from __future__ import annotations

import pytest

from h2static.command.command_line import parse
from h2static.command.options import OPTIONS, UNSUPPORTED, Argument
from h2static.errors import UsageError

PARSED: list[tuple[list[str], dict[str, object], list[str]]] = [
    (["8080"], {}, ["8080"]),
    (["--no-tls", "-v", "8080", "./www"], {"no-tls": True, "verbose": True}, ["8080", "./www"]),
    # Options after operands, as getopt permutes.
    (["8080", "--no-tls", "./www", "-v"], {"no-tls": True, "verbose": True}, ["8080", "./www"]),
    # Letters in a cluster, values with and without a space.
    (["-vVn2", "80"], {"verbose": True, "verify-client": True, "workers": 2}, ["80"]),
    (["-w", "18", "-W20", "80"], {"window-bits": 18, "connection-window-bits": 20}, ["80"]),
    (["--window-bits=18", "80"], {"window-bits": 18}, ["80"]),
    # An unambiguous beginning of a long name.
    (["--no-tl", "80"], {"no-tls": True}, ["80"]),
    (["--header-t", "4K", "80"], {"header-table-size": 4096}, ["80"]),
    # Repeatable options keep their order; of others the last one wins.
    (["-a", "::1", "-a", "unix:/x", "80"], {"address": ("::1", "unix:/x")}, ["80"]),
    (["-m", "1", "-m", "2", "80"], {"max-concurrent-streams": 2}, ["80"]),
    (["--trailer", "A: b", "80"], {"trailer": ((b"a", b"b"),)}, ["80"]),
    # A value that may be left out never takes the next word.
    (["--access-log", "8080"], {"access-log": "-"}, ["8080"]),
    (["--access-l", "8080"], {"access-log": "-"}, ["8080"]),
    (["--access-log=log.txt", "8080"], {"access-log": "log.txt"}, ["8080"]),
    (["8080", "--access-log"], {"access-log": "-"}, ["8080"]),
    # Nothing is an option after "--".
    (["-v", "--", "8080", "--no-tls"], {"verbose": True}, ["8080", "--no-tls"]),
    (["--", "--access-log"], {}, ["--access-log"]),
    (["-n", "auto", "80"], {"workers": 0}, ["80"]),
]


@pytest.mark.parametrize(("words", "values", "operands"), PARSED)
def test_words(words: list[str], values: dict[str, object], operands: list[str]) -> None:
    line = parse(words, OPTIONS)
    assert line.values == values
    assert line.operands == operands


ERRORS: list[tuple[list[str], str]] = [
    (["--no-tsl", "80"], "--no-tsl: unknown option; did you mean --no-tls"),
    (["--verbos-e"], "--verbos-e: unknown option; did you mean --verbose"),
    (["--zzzzzzzz"], "--zzzzzzzz: unknown option; see h2static --help"),
    (["-q", "80"], "-q: unknown option"),
    (["--port=80"], "--port=80: unknown option; the port is an argument: h2static 8080 ./www"),
    (["--cert", "x", "80"], "--cert: unknown option; KEY and CERT are arguments"),
    (["--bind", "::1", "80"], "--bind: unknown option; did you mean --address?"),
    (["--e"], "ambiguous option: --e could match"),
    (["-w", "31", "80"], "-w/--window-bits: '31' is not an integer from 0 to 30"),
    (["-w", "-1", "80"], "-w/--window-bits: "),
    (["-w"], "-w/--window-bits: needs a value"),
    (["-c", "4x", "80"], "-c/--header-table-size: '4x' is not a size"),
    (["-w", "0" * 25 + "31"], "is not an integer from 0 to 30"),
    (["-c", "9" * 5000], "is too large: at most 4294967295 octets"),
    (["-c", "4G", "80"], "-c/--header-table-size: 4G is too large: at most 4294967295 octets"),
    (["--encoder-header-table-size", "65K"], "65K is too large: at most 65536 octets"),
    (["-m", "0"], "'0' is not an integer from 1 to 4294967295"),
    (["-a", "unix:", "80"], "-a/--address: the socket path is missing after 'unix:'"),
    (["-n", "0"], "'0' is not an integer from 1 to 256, nor 'auto'"),
    (["--trailer", "novalue:"], "'novalue:' has no value"),
    (["--trailer", ":foo: bar"], "':foo: bar' is not a field"),
    (["--trailer", "content-length: 3"], "not allowed in a trailer section"),
    (["--trailer", "a: b\nc"], "contains characters that a field value cannot carry"),
    (["--groups", "X25519:P-256"], "Python's TLS accepts a single group, not a list"),
    (["--groups", "X25518"], "'X25518' is not a known group; expected one of X25519"),
    (["--trusted-proxy", "10.0.0.1/8"], "'10.0.0.1/8' is not a network: 10.0.0.1/8 has host bits"),
    (["--health", "x"], "'x' is not a path"),
    (["--health", "/x?y"], "'/x?y' is not a path"),
    (["--log-format", "xml"], "'xml' is not a known log format; expected one of combined, json"),
    (["--no-tls=yes"], "--no-tls: takes no value, got 'yes'"),
    (["-d", ""], "-d/--htdocs: the value is empty"),
    (["--grace", "1e3"], "'1e3' is not a number of seconds"),
    (["--grace", "86401"], "too long: at most 86400 seconds"),
    (["--ktls", "80"], "--ktls: not supported: Python's TLS"),
]


@pytest.mark.parametrize(("words", "message"), ERRORS)
def test_errors_are_one_line_that_helps(words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(words, OPTIONS)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value).replace("\\n", "")


def test_zeros_in_front_mean_nothing() -> None:
    zeros = "0" * 25
    words = ["-w", f"{zeros}20", "-c", f"{zeros}8K", "--grace", "007"]
    assert parse(words, OPTIONS).values == {
        "window-bits": 20,
        "header-table-size": 8192,
        "grace": 7,
    }


def test_padding_beyond_a_frame_means_the_most() -> None:
    # nghttpd takes -b 1000 and adds what a frame can carry.
    assert parse(["-b", "1000"], OPTIONS).values == {"padding": 256}


def test_every_option_of_nghttpd_is_there_or_says_why_not() -> None:
    nghttpd = {
        "address": "a", "daemon": "D", "verify-client": "V", "htdocs": "d", "verbose": "v",
        "no-tls": "", "header-table-size": "c", "encoder-header-table-size": "", "color": "",
        "padding": "b", "max-concurrent-streams": "m", "workers": "n",
        "error-gzip": "e", "window-bits": "w", "connection-window-bits": "W", "dh-param-file": "",
        "early-response": "", "trailer": "", "hexdump": "", "echo-upload": "",
        "mime-types-file": "", "no-content-length": "", "groups": "", "ktls": "",
        "no-rfc7540-pri": "", "version": "", "help": "h",
    }  # fmt: skip
    ours = {option.name: option.letter for option in OPTIONS}
    for name, letter in nghttpd.items():
        assert name in UNSUPPORTED or ours[name] == letter


def test_the_table_is_consistent() -> None:
    names = [option.name for option in OPTIONS]
    letters = [option.letter for option in OPTIONS if option.letter]
    assert len(set(names)) == len(names)
    assert len(set(letters)) == len(letters)
    for option in OPTIONS:
        assert bool(option.metavar) == (option.argument is not Argument.NONE)
        assert bool(option.bare) == (option.argument is Argument.OPTIONAL)
        assert option.help.endswith(".")
