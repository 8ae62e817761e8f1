"""The certificate that serves when none is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from h2static import localca
from h2static.command.local_certificate import local_certificate, with_local_certificate
from h2static.config import Config
from h2static.site.config import SiteConfig


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


def test_it_is_not_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another server may have it made anew for other names, which clients of this one miss."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    config = Config(port=0, site=SiteConfig(root="/"))
    assert config.watch_certificate
    made, certificate = with_local_certificate(config)
    assert certificate is not None
    assert (made.key_file, made.watch_certificate) == (certificate.key_file, False)
