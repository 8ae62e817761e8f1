"""The certificate that serves when none is given."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from h2static.command.local_certificate import local_certificate, with_local_certificate
from h2static.config import Config
from h2static.host_config import HostConfig, ListenConfig
from h2static.localca import certificates
from h2static.server.certificate_names import names_in, names_without
from h2static.server.key_pairs import common_pair
from h2static.site.config import SiteConfig
from tests.support.processes import running


@pytest.mark.parametrize("replaced", [False, True])
def test_a_replaced_authority_is_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    replaced: bool,
) -> None:
    made = replace(certificates.ensure_certificate(folder=tmp_path), replaced=replaced)
    monkeypatch.setattr(certificates, "ensure_certificate", lambda names: made)
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


def test_it_is_for_every_host_and_every_address_that_it_is_shown_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wildcards too: a browser that asks for x.preview.test wants to see that."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    config = Config(
        port=0,
        hosts=(
            HostConfig(names=("docs.test", "*.preview.test"), site=SiteConfig(root="/")),
            HostConfig(names=("plain.test",), site=SiteConfig(root="/")),
            HostConfig(names=("a.example.com",), site=SiteConfig(root="/")),
        ),
        listens=(
            ListenConfig(port=1, addresses=("127.0.0.1",), hosts=("docs.test", "a.example.com")),
            ListenConfig(port=2, addresses=("10.1.2.3",), hosts=("docs.test",)),
            ListenConfig(port=3, addresses=("10.9.9.9",), no_tls=True),
        ),
    )
    made, certificate = with_local_certificate(config)
    assert certificate is not None
    names = names_in(certificate.cert_file)
    assert {"docs.test", "*.preview.test", "10.1.2.3"} <= names
    # Others are nobody's business, and of a public name no such certificate may be made.
    assert names.isdisjoint({"plain.test", "10.9.9.9", "a.example.com"})
    pair = common_pair(made)
    assert pair is not None
    assert [name for _, name in names_without(made, pair)] == ["a.example.com"]


def test_the_terminal_is_told_of_names_that_it_is_not_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    hosts = ("--host", "docs.test=.", "--host", "a.example.com=.")
    with running(*hosts, "-a", "127.0.0.1", "0", folder=tmp_path) as server:
        server.wait_for_stderr("the certificate does not cover a.example.com: ")
        assert "not cover docs.test" not in server.stderr()
