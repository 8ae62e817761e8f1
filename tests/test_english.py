"""The words of :file:`docs/style.md`: what users see and what contributors read avoids them."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
STYLE = REPOSITORY / "docs" / "style.md"
#: Where what users see is made.
SOURCES = sorted((REPOSITORY / "h2static").rglob("*.py"))
#: Texts that browsers get from files.
SCRIPTS = sorted((REPOSITORY / "h2static").rglob("*.js"))

#: Words of the tables that are right in one place: (file, phrase) to the reason.
ALLOWED: dict[tuple[str, str], str] = {
    ("h2static/http3/requests.py", "cancelled"): "RFC 9114 is quoted",
    ("h2static/site/mediatypes.py", "licence"): "files have this name",
}

#: Folders of the package whose docstrings and comments follow the second table.
PROSE = (
    *("asgi", "client", "command", "dev", "h2get", "localca", "logs", "process", "proxy", "quic"),
    *("h2", "http", "http1", "http2", "http3", "server", "site", "testing", "websocket"),
)

#: What is not prose: names that others have chosen, in back quotes or as identifiers.
_NAMES = re.compile(r"``[^`]*``|:\w+:`[^`]*`|\b\w*_\w*\b|\b[A-Z_]{2,}\b|\bCancelled\w*|\.\w+")


@cache
def avoided(heading: str) -> re.Pattern[str]:
    """The phrases of the table below ``heading``."""
    (section,) = re.findall(
        rf"^## {heading}.*?\n(.*?)(?=^## |\Z)", STYLE.read_text(), re.MULTILINE | re.DOTALL
    )
    rows = re.findall(r"^\| (`.*?) \| .* \|$", section, re.MULTILINE)
    phrases = [phrase for row in rows for phrase in re.findall("`([^`]+)`", row)]
    assert len(phrases) > 5
    words = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in phrases)
    # "There is no …" is English; "it is no …" is not.
    return re.compile(rf"(?<!there )\b(?:{words})\b", re.IGNORECASE)


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """String literals with their lines, without docstrings and without what only tests read."""
    tree = ast.parse(path.read_text())
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            left_out.add(id(node.value))
        elif isinstance(node, ast.Raise) and node.exc is not None:
            # What cannot happen is for contributors.
            called = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(called, ast.Name) and called.id == "AssertionError":
                left_out.update(id(one) for one in ast.walk(node))
    for node in ast.walk(tree):
        if id(node) in left_out or not isinstance(node, ast.Constant):
            continue
        text = node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        # A single word is a name in the program.
        if isinstance(text, str) and " " in text:
            yield node.lineno, text


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Strings, docstrings and comments."""
    for token in tokenize.generate_tokens(io.StringIO(path.read_text()).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            yield token.start[0], token.string


def found(pattern: re.Pattern[str], path: Path, line: int, text: str) -> Iterator[str]:
    name = str(path.relative_to(REPOSITORY))
    for match in pattern.finditer(_NAMES.sub(" ", text)):
        phrase = " ".join(match[0].lower().split())
        if (name, phrase) not in ALLOWED:
            yield f"{name}:{line}: {phrase!r} in {' '.join(text.split())[:120]!r}"


def test_what_users_see_is_plain_english() -> None:
    pattern = avoided("Words to avoid in what users see")
    complaints = [
        complaint
        for path in SOURCES
        for line, text in strings(path)
        for complaint in found(pattern, path, line, text)
    ]
    for path in SCRIPTS:
        literals = re.findall(r'"(?:[^"\\\n]|\\.)*"|`[^`]*`', path.read_text())
        complaints += [one for text in literals for one in found(pattern, path, 0, text)]
    assert complaints == [], "\n".join(["see docs/style.md", *complaints])


def test_docstrings_and_comments_name_who_acts() -> None:
    pattern = avoided("Words to avoid in docstrings")
    package = REPOSITORY / "h2static"
    complaints = [
        complaint
        for path in SOURCES
        if path.parent == package or path.relative_to(package).parts[0] in PROSE
        if pattern.search(path.read_text())
        for line, text in prose(path)
        # A string of a single word is a value in the program.
        if " " in text
        for complaint in found(pattern, path, line, text)
    ]
    assert complaints == [], "\n".join(["see docs/style.md", *complaints])


def test_spelling_is_american() -> None:
    pattern = avoided("American spelling")
    complaints = [
        complaint
        for path in SOURCES
        if pattern.search(path.read_text())
        for line, text in prose(path)
        for complaint in found(pattern, path, line, text)
    ]
    assert complaints == [], "\n".join(["see docs/style.md", *complaints])


@pytest.mark.parametrize(
    ("heading", "text", "finds"),
    [
        ("Words to avoid in what users see", "a process that nobody waits for", ["nobody"]),
        ("Words to avoid in what users see", "options that do not go\ntogether", ["go together"]),
        ("Words to avoid in what users see", "the server is not well known", []),
        ("American spelling", "the Behaviour of colours", ["behaviour", "colours"]),
        ("American spelling", "``colour`` and H3_REQUEST_CANCELLED are names", []),
    ],
)
def test_the_test_finds_them(heading: str, text: str, finds: list[str]) -> None:
    path = REPOSITORY / "h2static" / "example.py"
    complaints = list(found(avoided(heading), path, 1, text))
    assert [complaint.split("'")[1] for complaint in complaints] == finds


def test_exceptions_are_needed() -> None:
    patterns = [avoided("Words to avoid in what users see"), avoided("American spelling")]
    for name, phrase in ALLOWED:
        text = (REPOSITORY / name).read_text()
        phrases = {match[0].lower() for pattern in patterns for match in pattern.finditer(text)}
        assert phrase in phrases, (name, phrase)
