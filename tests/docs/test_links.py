"""Links lead somewhere, in a checkout and on the site."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.markdown import PAGES, README, REPOSITORY, anchors_of, links_of

LINKED = [
    *PAGES,
    *(
        REPOSITORY / name
        for name in (
            "CHANGELOG.md",
            "adapters/README.md",
            "changes/README.md",
            "hpack-test-case/README.md",
            "hpack-test-case/qpack/README.md",
        )
    ),
]


@pytest.mark.parametrize("page", LINKED, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links(page: Path) -> None:
    for link in links_of(page):
        url = urlsplit(link)
        if url.scheme in ("http", "https"):
            continue
        target = page.parent / unquote(url.path) if url.path else page
        assert target.exists(), link
        assert target.resolve().is_relative_to(REPOSITORY), link
        if url.fragment:
            assert url.fragment in anchors_of(target), link


def test_links_are_found() -> None:
    assert sum(len(links_of(page)) for page in PAGES) > 200
    assert "docs/tutorials/index.md" in links_of(README)


def test_anchors(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One `two`\n\n```\n# none\n```\n\n## [[a]](b.md)\n\n## Odd & even\n\n##### x-y z\n"
    )
    assert anchors_of(page) >= {"one-two", "x-y-z"}
    # "odd-even" on the site, "odd--even" elsewhere.
    assert not {"none", "odd-even", "odd--even"} & anchors_of(page)


def test_readme_is_short() -> None:
    assert len(README.read_bytes()) <= 8_000
