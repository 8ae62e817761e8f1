"""Stories from files."""

from __future__ import annotations

from pathlib import Path

import pytest

import hpacktools
from hpacktools import load_story
from hpacktools.jsonforms import ShapeError
from hpacktools.stories import UnusableError
from tests.support.stories import require_corpus, vectors


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "story.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_story_of_the_corpus() -> None:
    story = load_story(require_corpus() / "raw-data" / "story_00.json")
    assert story.context == "request"
    assert (len(story.cases), story.octets) == (3, 183)
    case = story.cases[1]
    assert (case.number, case.wire, case.table_sizes) == (1, None, ())
    assert case.fields is not None
    assert case.fields[0] == (b":method", b"GET")


def test_vector() -> None:
    (path,) = (path for path in vectors("unusual") if path.stem == "u20_not_utf8")
    (case,) = load_story(path).cases
    assert case.fields == (
        (b"x-latin", b"caf\xe9"),
        (b"\xff\xfe", b"v"),
        (b"b", b"\x80\xc0"),
    )
    assert case.table_sizes == (4096,)


def test_numbers_sizes_and_names(tmp_path: Path) -> None:
    story = load_story(
        write(
            tmp_path,
            """{"description": "d", "cases": [
            {"seqno": 5, "headers": [{"a": "1"}, {"b": "2"}, {"a": "3"}], "sensitive": ["a", 1]},
            {"seq": 6, "header_table_size": null, "wire": "82"},
            {"header_table_sizes": [0, 100], "header_table_size": 100, "wire": ""}]}""",
        )
    )
    assert story.description == "d"
    assert [case.number for case in story.cases] == [5, 6, 2]
    assert story.cases[0].sensitive == {0, 1, 2}
    assert [case.table_sizes for case in story.cases] == [(), (), (0, 100)]


def test_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    assert load_story(write(tmp_path, b'\xef\xbb\xbf{"cases": []}')).cases == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "^is empty$"),
        (b"x", "not JSON: Expecting value: line 1 column 1"),
        (b"\xff", "not UTF-8 at octet 0"),
        (b'{"cases": []} {}', "extra data"),
    ],
)
def test_unusable(tmp_path: Path, text: bytes, reason: str) -> None:
    with pytest.raises(UnusableError, match=reason):
        load_story(write(tmp_path, text))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[]", "$"),
        ("{}", "$"),
        ('{"cases": {}}', "$.cases"),
        ('{"cases": [], "description": 1}', "$.description"),
        ('{"cases": [], "context": null}', "$.context"),
        ('{"cases": [{}]}', "$.cases[0]"),
        ('{"cases": [{"wire": ""}, {"wire": "8"}]}', "$.cases[1].wire"),
    ],
)
def test_wrong_shape(tmp_path: Path, text: str, path: str) -> None:
    with pytest.raises(ShapeError) as raised:
        load_story(write(tmp_path, text))
    assert raised.value.path == path
    assert str(raised.value).startswith(path + ": ")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_story(tmp_path / "nowhere")


def test_public_names() -> None:
    for name in hpacktools.__all__:
        assert callable(getattr(hpacktools, name)), name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        hpacktools.nothing  # noqa: B018  # the point of the test
