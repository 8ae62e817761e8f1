"""The help text."""

from __future__ import annotations

import re

from h2static.command.commands import COMMANDS
from h2static.command.help_text import render
from h2static.command.options import OPERANDS, OPTIONS, UNSUPPORTED, Group

TEXT = render(OPTIONS, OPERANDS, [(written, text) for _, written, text in COMMANDS.values()])


def test_it_fits_80_columns() -> None:
    assert max(len(line) for line in TEXT.splitlines()) <= 80


def test_it_has_every_option_once_under_its_heading() -> None:
    lines = TEXT.splitlines()
    for group in Group:
        assert f"{group.value}:" in lines
    for option in OPTIONS:
        heads = re.findall(rf"^ {{2,6}}(?:-., )?--{option.name}(?=[ \[\n])", TEXT, re.MULTILINE)
        assert len(heads) == 1, option.name
    for name in UNSUPPORTED:
        assert TEXT.count(f"--{name}") == 1
