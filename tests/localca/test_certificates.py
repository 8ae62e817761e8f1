"""Certificates for this machine."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from h2static.localca import certificates
from h2static.localca.certificates import (
    AUTHORITY_DAYS,
    LEAF_DAYS,
    RENEW_DAYS,
    data_folder,
    ensure_certificate,
)

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)


def names_in(path: str) -> set[str]:
    leaf = x509.load_pem_x509_certificate(Path(path).read_bytes())
    extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def test_made_once_and_private(tmp_path: Path) -> None:
    first = ensure_certificate(folder=tmp_path / "data")
    assert first.new
    assert {"localhost", "127.0.0.1", "::1"} <= names_in(first.cert_file)
    for path in (first.key_file, str(tmp_path / "data" / "ca-key.pem")):
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    content = Path(first.cert_file).read_bytes()
    second = ensure_certificate(folder=tmp_path / "data")
    assert not second.new
    assert second.fingerprint == first.fingerprint
    assert Path(second.cert_file).read_bytes() == content


@pytest.mark.parametrize(
    ("later", "leaf_changes", "authority_changes"),
    [
        (LEAF_DAYS - RENEW_DAYS - 5, False, False),
        (LEAF_DAYS - RENEW_DAYS + 5, True, False),
        (LEAF_DAYS + 5, True, False),
        (AUTHORITY_DAYS - LEAF_DAYS + 5, True, True),
    ],
)
def test_renewed(tmp_path: Path, later: int, leaf_changes: bool, authority_changes: bool) -> None:
    first = ensure_certificate(folder=tmp_path, now=NOW)
    content = Path(first.cert_file).read_bytes()
    second = ensure_certificate(folder=tmp_path, now=NOW + later * DAY)
    assert (Path(second.cert_file).read_bytes() != content) is leaf_changes
    assert (second.fingerprint != first.fingerprint) is authority_changes
    assert second.new is authority_changes


def test_more_names_make_a_new_leaf_only(tmp_path: Path) -> None:
    first = ensure_certificate(folder=tmp_path)
    second = ensure_certificate(folder=tmp_path, names=["App.localhost", "192.168.1.7"])
    assert second.fingerprint == first.fingerprint
    assert {"app.localhost", "192.168.1.7", "localhost"} <= names_in(second.cert_file)
    third = ensure_certificate(folder=tmp_path)
    assert names_in(third.cert_file) == names_in(second.cert_file)


def test_a_renamed_machine_keeps_its_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: "first")
    first = ensure_certificate(folder=tmp_path)
    assert {"first", "first.local"} <= names_in(first.cert_file)
    monkeypatch.setattr(socket, "gethostname", lambda: "second")
    second = ensure_certificate(folder=tmp_path, names=["example.com"])
    assert second.fingerprint == first.fingerprint
    # The authority may vouch for .local, not for names that it did not know.
    assert "second.local" in names_in(second.cert_file)
    assert not {"second", "example.com"} & names_in(second.cert_file)


@pytest.mark.parametrize("name", ["ca.pem", "ca-key.pem", "localhost.pem", "localhost-key.pem"])
@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_damaged_files_are_made_again(tmp_path: Path, name: str, content: bytes | None) -> None:
    ensure_certificate(folder=tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    certificate = ensure_certificate(folder=tmp_path)
    shake_hands(certificate, "localhost")


def shake_hands(certificate: certificates.Certificate, name: str) -> None:
    """Have OpenSSL verify the certificate as a client would."""
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_context.load_cert_chain(certificate.cert_file, certificate.key_file)
    client_context = ssl.create_default_context(cafile=certificate.authority_file)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        errors: list[Exception] = []

        def serve() -> None:
            try:
                server_context.wrap_socket(theirs, server_side=True).close()
            except OSError as error:
                errors.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            client_context.wrap_socket(ours, server_hostname=name).close()
        finally:
            thread.join(10)
    assert not errors


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_openssl_accepts_it(tmp_path: Path, name: str) -> None:
    shake_hands(ensure_certificate(folder=tmp_path), name)


def test_the_authority_cannot_vouch_for_the_world(tmp_path: Path) -> None:
    ensure_certificate(folder=tmp_path)
    authority_key = certificates._load_key(tmp_path / "ca-key.pem")
    authority = x509.load_pem_x509_certificate((tmp_path / "ca.pem").read_bytes())
    key, leaf = certificates._make_leaf(authority_key, authority, ["bank.example"], NOW)
    (tmp_path / "localhost-key.pem").write_bytes(certificates._pem_key(key))
    (tmp_path / "localhost.pem").write_bytes(certificates._pem(leaf))
    forged = certificates.Certificate(
        key_file=str(tmp_path / "localhost-key.pem"),
        cert_file=str(tmp_path / "localhost.pem"),
        authority_file=str(tmp_path / "ca.pem"),
        fingerprint="",
        new=False,
    )
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake_hands(forged, "bank.example")


def test_folder_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        ensure_certificate(folder=tmp_path / "file")


def test_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "h2static"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert data_folder() == tmp_path / ".local" / "share" / "h2static"


def test_addresses_are_written_as_addresses(tmp_path: Path) -> None:
    certificate = ensure_certificate(folder=tmp_path)
    leaf = x509.load_pem_x509_certificate(Path(certificate.cert_file).read_bytes())
    extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    addresses = extension.value.get_values_for_type(x509.IPAddress)
    assert ipaddress.ip_address("::1") in addresses
