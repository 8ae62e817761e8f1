"""The table of limits is that of the code, and complete."""

from __future__ import annotations

import pytest

from docs import generate_security as security

ROWS = [
    pytest.param(limit, id=f"{package}-{limit.name}")
    for package, path in security.packages().items()
    for limit in security.limits_of(package, path)
]


def test_the_page_is_not_stale() -> None:
    kept = security.PAGE.read_text(encoding="utf-8")
    assert kept == security.page(kept), "run python -m docs.generate_security"


def test_every_file_of_limits_is_found() -> None:
    assert {"http", "http1", "http2", "site", "server", "dev", "proxy", "asgi", "websocket"} <= set(
        security.packages()
    )
    assert len(ROWS) > 200


@pytest.mark.parametrize("limit", ROWS)
def test_every_limit_has_a_reason_a_unit_and_a_reaction(limit: security.Limit) -> None:
    assert limit.reason, "a comment with #: above it"
    assert limit.unit, "docs/limit_reactions.toml"
    assert limit.reaction, "docs/limit_reactions.toml"


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("soft_list_size", "64 KiB"),
        ("tiny_data", "64"),
        ("idle_seconds", "180"),
        ("resets_burst", "1,000"),
    ],
)
def test_defaults_are_written_for_people(name: str, default: str) -> None:
    rows = {row.name: row for row in security.limits_of("http2", security.packages()["http2"])}
    assert rows[name].default == default
