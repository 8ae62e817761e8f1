"""Files with push rules: each rule of the schemas has good and bad files."""

from __future__ import annotations

import json
import os
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from h2static.site.hints.rule_files import PushFileError, load_push_rules, read_push_rules
from h2static.site.hints.rules import Condition
from h2static.site.hints.targets import CrossOrigin, Destination
from h2static.site.limits import DEFAULTS, SiteLimits


def one(**rule: object) -> dict[str, object]:
    """A file with one rule; ``path`` and ``targets`` are filled in."""
    return {"rules": [{"path": "/", "targets": ["/a.css"], **rule}]}


def target(**members: object) -> dict[str, object]:
    return one(targets=[{"href": "/a", **members}])


@pytest.mark.parametrize("name", ["push-rules", "push-manifest"])
def test_schemas_are_schemas(name: str) -> None:
    source = resources.files("h2static.site").joinpath(f"schemas/{name}.schema.json")
    schema = json.loads(source.read_text("utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("definition", ["rule", "target"])
def test_schema_and_limits_agree(definition: str) -> None:
    source = resources.files("h2static.site").joinpath("schemas/push-rules.schema.json")
    schema = json.loads(source.read_text("utf-8"))
    assert schema["properties"]["rules"]["maxItems"] == DEFAULTS.rules
    assert schema["$defs"]["rule"]["properties"]["targets"]["maxItems"] == DEFAULTS.rule_targets
    assert schema["$defs"]["url"]["maxLength"] == DEFAULTS.url
    assert schema["$defs"]["target"]["properties"]["as"]["enum"] == list(Destination)


GOOD: list[tuple[str, dict[str, object]]] = [
    ("no rules", {"rules": []}),
    ("$schema", {"$schema": "x", **one()}),
    ("plain target", one()),
    ("pattern", one(path="/docs/*")),
    ("empty when", one(when={})),
    ("when", one(when={"navigation": True, "firstVisit": False, "media": "print"})),
    ("target", target()),
    ("rel", target(rel="modulepreload")),
    ("as", target(**{"as": "font"})),
    ("crossorigin", target(crossorigin="use-credentials")),
    ("fetchpriority", target(fetchpriority="low")),
    ("type", target(type="font/woff2")),
    ("media", target(media="print")),
    ("integrity", target(integrity="sha384-abc")),
    ("other origin", target(href="https://cdn.example/x.css")),
]


@pytest.mark.parametrize("document", [file for _, file in GOOD], ids=[name for name, _ in GOOD])
def test_good_files(document: dict[str, object]) -> None:
    rules = read_push_rules(json.dumps(document), "rules.json")
    assert len(rules) == len(document["rules"])  # type: ignore[arg-type]  # a list


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "$: expected an object, found []"),
        ("x", '$: expected an object, found "x"'),
        (None, "$: expected an object, found null"),
        ({"rules": {}}, "$.rules: expected an array, found {}"),
        ({"rules": [], "rule": 1}, '$: "rule" is not one of "$schema", "rules"'),
        ({"rules": [], "$schema": 1}, "$['$schema']: expected a string, found 1"),
        ({"rules": [1]}, "$.rules[0]: expected an object, found 1"),
        ({"rules": [{"path": "/"}]}, '$.rules[0]: the member "targets" is missing'),
        ({"rules": [{"targets": ["/a"]}]}, '$.rules[0]: the member "path" is missing'),
        (
            {"rules": [{}] * (DEFAULTS.rules + 1)},
            f"$.rules: expected at most {DEFAULTS.rules}, found {DEFAULTS.rules + 1}",
        ),
        (one(pth=1), '$.rules[0]: "pth" is not one of "path", "when", "targets"'),
        (
            one(path="a"),
            '$.rules[0].path: expected a path that starts with / or * and has no query, found "a"',
        ),
        (
            one(path="/?q"),
            (
                "$.rules[0].path: expected a path that starts with / or * and has no query,"
                ' found "/?q"'
            ),
        ),
        (one(path="/" + "a" * DEFAULTS.url), "$.rules[0].path: expected at most 2048, found 2049"),
        (
            one(path="*/a"),
            "$.rules[0].path: '*/a': a pattern that contains a slash must start with one",
        ),
        (one(when=True), "$.rules[0].when: expected an object, found true"),
        (
            one(when={"first": True}),
            '$.rules[0].when: "first" is not one of "navigation", "firstVisit", "media"',
        ),
        (one(when={"navigation": 1}), "$.rules[0].when.navigation: expected a boolean, found 1"),
        (one(when={"firstVisit": 2}), "$.rules[0].when.firstVisit: expected a boolean, found 2"),
        (one(when={"media": ""}), '$.rules[0].when.media: expected at least 1, found ""'),
        (one(targets=[]), "$.rules[0].targets: expected at least 1, found []"),
        (one(targets="/a"), '$.rules[0].targets: expected an array, found "/a"'),
        (one(targets=["/a"] * 101), "$.rules[0].targets: expected at most 100, found 101"),
        (
            one(targets=["/a", "b"]),
            (
                "$.rules[0].targets[1]: expected a path that starts with /, or an http or"
                ' https URL, found "b"'
            ),
        ),
        (
            one(targets=[1]),
            '$.rules[0].targets[0]: expected a URL or an object with "href", found 1',
        ),
        (one(targets=[{}]), '$.rules[0].targets[0]: the member "href" is missing'),
        (
            target(hreflang="x"),
            (
                '$.rules[0].targets[0]: "hreflang" is not one of "href", "rel", "as", '
                '"crossorigin", '
                ""
                '"fetchpriority", "type", "media", "integrity"'
            ),
        ),
        (
            target(rel="next"),
            '$.rules[0].targets[0].rel: expected one of "preload", "modulepreload", found "next"',
        ),
        (
            target(**{"as": "css"}),
            (
                '$.rules[0].targets[0].as: expected one of "audio", "document", "fetch", "font", '
                '"image", "script", "style", "track", "video", found "css"'
            ),
        ),
        (
            target(crossorigin=True),
            (
                '$.rules[0].targets[0].crossorigin: expected one of "anonymous", '
                '"use-credentials", '
                ""
                "found true"
            ),
        ),
        (
            target(fetchpriority="x"),
            '$.rules[0].targets[0].fetchpriority: expected one of "high", "low", "auto", found "x"',
        ),
        (target(type="css"), '$.rules[0].targets[0].type: expected a media type, found "css"'),
        (
            target(integrity="md5-x"),
            (
                "$.rules[0].targets[0].integrity: expected integrity metadata "
                '(sha256-..., sha384-... or sha512-...), found "md5-x"'
            ),
        ),
        (
            target(media="é"),
            "$.rules[0].targets[0]: media 'é' contains characters that a field cannot carry",
        ),
        (
            target(href="https://a b/"),
            "$.rules[0].targets[0]: 'https://a b/': malformed host",
        ),
        # Manifests.
        ({"/a": 1}, "$['/a']: expected an object, found 1"),
        ({"/a": {"type": "css"}}, "$['/a'].type: expected one of"),
        ({"/a": {"wait": 1}}, '$[\'/a\']: "wait" is not one of "type", "weight", "crossorigin"'),
        ({"/a": {"weight": 257}}, "$['/a'].weight: expected at most 256, found 257"),
        ({"/a": {"weight": -1}}, "$['/a'].weight: expected at least 0, found -1"),
        ({"/a": {"weight": "1"}}, "$['/a'].weight: expected an integer, found \"1\""),
        ({"i.html": {"/a": {}}, "j.html": []}, "$['j.html']: expected an object, found []"),
        ({"i.html": {"/a": {}, "/b": 1}}, "$['i.html']['/b']: expected an object, found 1"),
        ({"i.html": {"/a\n": {}}}, '$["i.html"]["/a\\n"]: control characters in'),
    ],
)
def test_bad_files(document: object, message: str) -> None:
    with pytest.raises(PushFileError) as raised:
        read_push_rules(json.dumps(document), "rules.json")
    found = str(raised.value)
    assert found.startswith(f"rules.json: {message}"), found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "f.json:1:1: not JSON: Expecting value"),
        ('{\n  "rules": [,]\n}', 'f.json:2:13: not JSON: Expecting value: "rules": [,]'),
        ('{"rules": []}}', "f.json:1:14: not JSON: Extra data"),
        ('{"rules": [\n', "f.json:2:1: not JSON: Expecting value"),
        ('{"rules": [], "rules": []}', 'f.json: "rules" is repeated in one object'),
        ("NaN", "f.json: NaN is not valid JSON"),
        ("[" * 100_000, "f.json: cannot be parsed: nested too deeply"),
        ("1" * 5000, "f.json: cannot be parsed: a number has too many digits"),
    ],
)
def test_text_that_is_no_json(text: str, message: str) -> None:
    with pytest.raises(PushFileError) as raised:
        read_push_rules(text, "f.json")
    assert str(raised.value).startswith(message)
    assert "\n" not in str(raised.value)


def test_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    file.write_bytes(b"\xef\xbb\xbf" + json.dumps(one()).encode())
    (rule,) = load_push_rules(file)
    assert rule.path == "/"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.json"
    with pytest.raises(FileNotFoundError):
        load_push_rules(file)
    with pytest.raises(IsADirectoryError):
        load_push_rules(tmp_path)
    file.write_bytes(b'{\n "\xff"}')
    with pytest.raises(PushFileError, match=r"rules\.json:2: not UTF-8 at octet 4"):
        load_push_rules(file)
    with pytest.raises(PushFileError, match="longer than 3"):
        load_push_rules(file, SiteLimits(rule_file=3))


def test_rules_say_everything() -> None:
    document = {
        "rules": [
            {
                "path": "/%64ocs/*",
                "when": {"navigation": True, "firstVisit": True, "media": "print"},
                "targets": ["/a.css", {"href": "/b", "as": "font", "media": "screen"}],
            }
        ]
    }
    (rule,) = read_push_rules(json.dumps(document), "f")
    assert (rule.path, rule.pattern) == ("/docs/*", True)
    assert rule.condition == Condition(navigation=True, first_visit=True)
    first, second = rule.targets
    assert (first.url, first.media) == ("/a.css", "print")
    assert (second.url, second.media, second.destination) == ("/b", "screen", Destination.FONT)
    assert second.crossorigin is CrossOrigin.ANONYMOUS


def test_manifest_of_one_page() -> None:
    """As http2-push-manifest writes it for one file: the page is the site's first."""
    text = '{"/css/app.css": {"type": "style", "weight": 1}, "/x": {"type": "", "weight": 1}}'
    rules = read_push_rules(text, "f")
    assert [rule.path for rule in rules] == ["/index.html", "/"]
    for rule in rules:
        assert [target.url for target in rule.targets] == ["/css/app.css", "/x"]
        assert rule.targets[0].destination is Destination.STYLE
        assert rule.targets[1].destination is None


def test_manifest_of_several_pages() -> None:
    """As http2-push-manifest and, with patterns and relative names, polymer-build write it."""
    manifest = {
        "sub/index.html": {"/a.css": {"type": "style"}},
        "page.html": {"b.js": {"type": "script", "crossorigin": "anonymous"}},
        "/list/.*": {"c.js": {"type": "script", "crossorigin": ""}},
        "/empty": {},
    }
    rules = read_push_rules(json.dumps(manifest), "f")
    assert [(rule.path, rule.pattern) for rule in rules] == [
        ("/sub/index.html", False),
        ("/sub/", False),
        ("/page.html", False),
        ("/list/*", True),
        ("/empty", False),
    ]
    assert rules[2].targets[0].link == b"</b.js>; rel=preload; as=script; crossorigin"
    assert rules[3].targets[0].link == b"</c.js>; rel=preload; as=script"


def test_an_empty_manifest_has_no_rules() -> None:
    assert read_push_rules("{}", "f") == ()


JSON: st.SearchStrategy[Any] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.sampled_from(["/", "/a.css", "font", "x"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["rules", "path", "targets", "href", "as", "when", "/a.css", "type"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=15,
)


def outcome(text: str) -> str:
    """The message about ``text``; empty when it has rules."""
    try:
        rules = read_push_rules(text, "f")
    except PushFileError as error:
        return str(error)
    assert all(rule.path.startswith(("/", "*")) for rule in rules)
    return ""


@given(JSON)
def test_any_json_gives_rules_or_one_line(document: object) -> None:
    message = outcome(json.dumps(document))
    assert not message or message.startswith("f: $")
    assert "\n" not in message


@given(st.text())
def test_any_text_gives_rules_or_one_line(text: str) -> None:
    assert "\n" not in outcome(text)


def test_nesting_at_the_edge_of_what_can_be_read() -> None:
    """What can still be parsed may be too deep to be checked or told."""
    for depth in range(sys.getrecursionlimit()):
        with pytest.raises(PushFileError, match=r"^f\.json: .*(an object|nested too deeply)"):
            read_push_rules("[" * depth + "1" + "]" * depth, "f.json")


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "rules.json"
    os.mkfifo(path)
    with pytest.raises(OSError, match="Not a regular file"):
        load_push_rules(path)
    with pytest.raises(IsADirectoryError):
        load_push_rules(tmp_path)
