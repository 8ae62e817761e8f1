"""Certificates for this machine."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl
import stat
import subprocess
import sys
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
from tests.support.processes import DEADLINE

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
    monkeypatch.setattr(socket, "gethostname", lambda: "first-pc")
    first = ensure_certificate(folder=tmp_path)
    assert {"first-pc", "first-pc.local"} <= names_in(first.cert_file)
    monkeypatch.setattr(socket, "gethostname", lambda: "second-pc")
    second = ensure_certificate(folder=tmp_path, names=["example.com"])
    assert second.fingerprint == first.fingerprint
    # The authority may vouch for .local, not for names that it did not know.
    assert "second-pc.local" in names_in(second.cert_file)
    assert not {"second-pc", "example.com"} & names_in(second.cert_file)


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


@pytest.mark.parametrize(
    ("host", "name"), [("box", "bank.example"), ("dev", "web.dev"), ("box", "1.1.1.1")]
)
def test_the_authority_cannot_vouch_for_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    ensure_certificate(folder=tmp_path)
    forged = sign_whatever_is_asked(tmp_path, name)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake_hands(forged, name)


def sign_whatever_is_asked(folder: Path, name: str) -> certificates.Certificate:
    """What somebody could make who got hold of the authority's key."""
    key = certificates._load_key(folder / "localhost-key.pem")
    authority = certificates._Authority(
        key=certificates._load_key(folder / "ca-key.pem"),
        certificate=x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes()),
    )
    leaf = certificates._make_leaf(key, authority, [name], NOW)
    (folder / "localhost.pem").write_bytes(certificates._pem(leaf))
    return certificates.Certificate(
        key_file=str(folder / "localhost-key.pem"),
        cert_file=str(folder / "localhost.pem"),
        authority_file=str(folder / "ca.pem"),
        fingerprint="",
        new=False,
    )


@pytest.mark.parametrize(
    ("host", "name", "named"),
    [
        ("toms-laptop", "toms-laptop", True),
        ("toms-laptop", "toms-laptop.local", True),
        ("laptop", "laptop.local", True),
        ("laptop.lan", "laptop.lan", True),
        ("laptop", "laptop", False),
        ("laptop.example.com", "laptop.example.com", False),
    ],
)
def test_names_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str, name: str, named: bool
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    certificate = ensure_certificate(folder=tmp_path)
    assert (name in names_in(certificate.cert_file)) is named
    if named:
        shake_hands(certificate, name)


def test_public_addresses_are_left_out(tmp_path: Path) -> None:
    certificate = ensure_certificate(
        folder=tmp_path, names=["1.1.1.1", "2606:4700::1111", "10.0.0.7", "fe80::7", "fd00::7"]
    )
    assert {"10.0.0.7", "fe80::7", "fd00::7"} <= names_in(certificate.cert_file)
    assert not {"1.1.1.1", "2606:4700::1111"} & names_in(certificate.cert_file)
    shake_hands(certificate, "fd00::7")


def test_an_authority_of_wider_constraints_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wide = x509.NameConstraints(
        permitted_subtrees=[
            x509.DNSName("localhost"),
            x509.DNSName("dev"),
            x509.IPAddress(ipaddress.ip_network("0.0.0.0/0")),
        ],
        excluded_subtrees=None,
    )
    with monkeypatch.context() as before:
        before.setattr(certificates, "make_constraints", lambda names: wide)
        before.setattr(certificates, "are_local", lambda constraints: True)
        old = ensure_certificate(folder=tmp_path)
    old_key = (tmp_path / "ca-key.pem").read_bytes()
    new = ensure_certificate(folder=tmp_path)
    assert (old.replaced, new.replaced) == (False, True)
    assert new.fingerprint != old.fingerprint
    assert (tmp_path / "ca-key.pem").read_bytes() != old_key
    shake_hands(new, "localhost")
    assert not ensure_certificate(folder=tmp_path).replaced


#: Waits for a line, so that all of the processes go on at the same moment, and asks.
ASK = """
import ssl, sys
from pathlib import Path
from h2static.localca.certificates import ensure_certificate
print("ready", flush=True)
sys.stdin.readline()
certificate = ensure_certificate(folder=Path(sys.argv[1]), names=[sys.argv[2]])
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate.cert_file, certificate.key_file)
print(certificate.fingerprint, certificate.new)
"""


def test_many_starts_at_the_same_time(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASK, str(tmp_path / "data"), f"{number}.test"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        said = [process.communicate(timeout=DEADLINE)[0].split() for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert [process.returncode for process in processes] == [0] * len(processes)
    assert len({fingerprint for fingerprint, _ in said}) == 1
    assert [new for _, new in said].count("True") == 1


def test_a_renewed_certificate_is_for_the_same_key(tmp_path: Path) -> None:
    first = ensure_certificate(folder=tmp_path, now=NOW)
    key, leaf = Path(first.key_file).read_bytes(), Path(first.cert_file).read_bytes()
    second = ensure_certificate(folder=tmp_path, now=NOW + LEAF_DAYS * DAY)
    assert Path(second.cert_file).read_bytes() != leaf
    assert Path(second.key_file).read_bytes() == key


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
