"""The table of limits in ``docs/security.md``, generated from the code.

Contract: ``python -m docs.generate_security``, run in a checkout, replaces the text between the two
marks of the page.  A test compares the page with :func:`page`, so it cannot become stale.

Strategy: every ``limits.py`` in the packages is found by its name and read twice: imported, for the
defaults, and parsed, for the ``#:`` comments above each limit, which are its reasons.  The unit and
the reaction, which a program cannot read from the code, are in ``docs/limit_reactions.toml``.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/security.md"
BEGIN = "<!-- limits: python -m docs.generate_security -->\n"
END = "<!-- end of limits -->\n"

#: Titles of the packages, in the order in which a request reaches them; others follow.
_TITLES = {
    "server": "The loop: connections, TLS, threads",
    "http": "Every protocol",
    "http1": "HTTP/1.1",
    "http2": "HTTP/2",
    "http3": "HTTP/3",
    "qpack": "QPACK",
    "websocket": "WebSockets",
    "site": "Files",
    "asgi": "Applications",
    "proxy": "Upstreams",
    "dev": "Dev mode",
}
_KIB, _MIB = 1 << 10, 1 << 20


@dataclass(slots=True, kw_only=True, frozen=True)
class Limit:
    """One row of the table."""

    name: str
    default: str
    #: Empty if ``limit_reactions.toml`` has none.
    unit: str
    reaction: str
    reason: str


def packages() -> dict[str, Path]:
    """Each ``limits.py`` by the name of its package."""
    found = {
        path.parent.name: path
        for top in ("h2static", "hpacktools")
        for path in sorted(ROOT.joinpath(top).rglob("limits.py"))
    }
    places = list(_TITLES)
    return dict(
        sorted(found.items(), key=lambda pair: places.index(pair[0]) if pair[0] in places else 99)
    )


def limits_of(package: str, path: Path) -> Iterator[Limit]:
    """The rows of one file, in file order; limits that are objects have rows in their own
    package."""
    reactions = tomllib.loads((ROOT / "docs/limit_reactions.toml").read_text(encoding="utf-8"))
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    reason = ""
    for owner, node in _assignments(ast.parse(text)):
        assert isinstance(node.target, ast.Name)
        name = node.target.id
        value = _default(getattr(module, owner) if owner else module, name)
        if dataclasses.is_dataclass(value) or name.startswith("_"):
            continue
        # Limits that follow each other without a comment share the one above them.
        reason = _comment(lines, node.lineno - 1) or reason
        unit, reaction = reactions.get(package, {}).get(name) or reactions["shared"].get(
            name, ("", "")
        )
        yield Limit(
            name=name,
            default=_written(value, unit),
            unit=unit,
            reaction=reaction,
            reason=reason,
        )


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.AnnAssign]]:
    """Annotated names of the module and of its dataclasses, with the name of the class."""
    for node in tree.body:
        if isinstance(node, ast.AnnAssign):
            yield "", node
        elif isinstance(node, ast.ClassDef) and node.decorator_list:
            for line in node.body:
                if isinstance(line, ast.AnnAssign):
                    yield node.name, line


def _default(owner: object, name: str) -> object:
    """The value of ``name``; ``...`` if it depends on the machine."""
    for field in dataclasses.fields(owner) if isinstance(owner, type) else ():
        if field.name == name:
            if field.default is not dataclasses.MISSING:
                return field.default
            assert field.default_factory is not dataclasses.MISSING
            made = field.default_factory()
            return made if dataclasses.is_dataclass(made) else ...
    return getattr(owner, name)


def _comment(lines: list[str], index: int) -> str:
    """The ``#:`` lines above line ``index``, joined."""
    above = []
    while index and (match := re.fullmatch(r" *#: (.*)", lines[index - 1])):
        above.append(match[1])
        index -= 1
    return " ".join(reversed(above))


def _written(value: object, unit: str) -> str:
    if value is ...:
        return "depends on system limits"
    if value is None:
        return "depends on table capacity"
    assert isinstance(value, int | float)
    if unit.startswith("octets") and value >= _KIB:
        for size, name in ((_MIB, "MiB"), (_KIB, "KiB")):
            if value % size == 0:
                return f"{int(value) // size:,} {name}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,g}"


def table() -> str:
    """All tables in Markdown."""
    parts = []
    for package, path in packages().items():
        place = path.relative_to(ROOT).as_posix()
        parts.append(f"### {_TITLES.get(package, package)}\n\n[`{place}`](../{place})\n")
        parts.append("| limit | default | unit | reaction | reason |")
        parts.append("|---|---:|---|---|---|")
        before = ""
        for limit in limits_of(package, path):
            reason = limit.reason if limit.reason != before else "as above"
            before = limit.reason
            cells = (f"`{limit.name}`", limit.default, limit.unit, limit.reaction, reason)
            parts.append("| " + " | ".join(map(_cell, cells)) + " |")
        parts.append("")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|").replace("*", "\\*")


def page(text: str) -> str:
    """``text`` of the page with the current tables.  Raises ``ValueError`` if a mark is missing."""
    begin = text.index(BEGIN) + len(BEGIN)
    return f"{text[:begin]}\n{table()}\n{text[text.index(END) :]}"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
