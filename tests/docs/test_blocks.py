"""Every fenced block is right in itself: it is given to what reads such text."""

from __future__ import annotations

import ast
import importlib.util
import json
import textwrap
from pathlib import Path

import pytest

from h2static.command.toml_config import read_file
from h2static.errors import UsageError
from tests.docs.command_lines import check, commands_in
from tests.docs.markdown import PAGES, Block, blocks_of
from tests.docs.terminal import commands_of

BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def in_language(*names: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in names]


@pytest.mark.parametrize("block", in_language("sh", "console"), ids=str)
def test_commands_are_accepted(block: Block, tmp_path: Path) -> None:
    """Sessions show mistakes, too, and what is said of these; they are run elsewhere."""
    if block.language == "sh":
        texts = [block.text]
    else:
        texts = [command for command, shown in commands_of(block) if "h2static: " not in shown]
    for text in texts:
        for words in commands_in(text):
            check(words, tmp_path)


def test_commands_of_ours_are_found() -> None:
    """The one above cannot pass because nothing is looked at."""
    words = [words for block in in_language("sh") for words in commands_in(block.text)]
    assert sum(words[:1] == ["h2static"] for words in words) > 30
    assert sum(words[:1] == ["h2get"] for words in words) > 5


@pytest.mark.parametrize(
    "text",
    [
        "h2static --no-tsl 8080",
        "FOO=1 h2get --exepct 200 http://a.test/",
        "true && hpack-inflate --explian",
        "make qiuck",
        "pip install 'h2static[everything]'",
        "python -m docs.generate_nothing",
    ],
)
def test_a_mistake_is_found(text: str, tmp_path: Path) -> None:
    def check_all() -> None:
        for words in commands_in(text):
            check(words, tmp_path)

    with pytest.raises((UsageError, ValueError, AssertionError)):
        check_all()


def test_other_programs_are_passed_over(tmp_path: Path) -> None:
    found = [check(words, tmp_path) for words in commands_in("h2get URI | jq --what > file")]
    assert found == [True, False]


@pytest.mark.parametrize("block", in_language("python"), ids=str)
def test_programs_compile_and_import(block: Block) -> None:
    tree = ast.parse(textwrap.dedent(block.text), str(block))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module and node.module != "shop":
            module = importlib.import_module(node.module)
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                assert hasattr(module, alias.name) or importlib.util.find_spec(name), name


@pytest.mark.parametrize("block", in_language("json"), ids=str)
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", in_language("toml"), ids=str)
def test_configurations_are_accepted(block: Block, tmp_path: Path) -> None:
    (tmp_path / "h2static.toml").write_text(block.text)
    assert read_file(str(tmp_path / "h2static.toml")).written


def test_languages_are_named() -> None:
    """Each block says what it is, so that it is checked; blocks without are what programs print."""
    known = {
        "", "sh", "console", "python", "json", "toml", "js", "html", "css", "h2s", "dockerfile",
    }  # fmt: skip
    assert {block.language for block in BLOCKS} <= known
