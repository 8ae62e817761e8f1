"""The certificate that serves when none is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from h2static import localca
from h2static.command.local_certificate import local_certificate


@pytest.mark.parametrize("replaced", [False, True])
def test_a_replaced_authority_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    replaced: bool,
) -> None:
    made = replace(localca.ensure_certificate(folder=tmp_path), replaced=replaced)
    monkeypatch.setattr(localca, "ensure_certificate", lambda names: made)
    assert local_certificate() is made
    told = capsys.readouterr().err
    assert told.count("\n") == replaced
    assert ("install-ca" in told) is replaced
