"""TLS contexts, by handshakes in memory."""

from __future__ import annotations

import os
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.tls import expiry_warning, make_context
from h2static.site.config import SiteConfig
from tests.support.certificates import Certificate, encrypt, make_certificate
from tests.support.tools import require_tool


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def config(certificate: Certificate, **values: object) -> Config:
    settings = {"key_file": str(certificate.key), "cert_file": str(certificate.cert), **values}
    return Config(port=0, site=SiteConfig(root="/"), **settings)  # type: ignore[arg-type]


def handshake(
    server_context: ssl.SSLContext,
    client_context: ssl.SSLContext,
    session: ssl.SSLSession | None = None,
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Server's and client's side after a handshake.  Raises ``ssl.SSLError``."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(
        to_client, to_server, server_hostname="127.0.0.1", session=session
    )
    waiting = [client, server]
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(side)
        if not waiting:
            break
    # Tickets of TLS 1.3 come with the first octets of data.
    server.write(b"x")
    assert client.read(1) == b"x"
    return server, client


def test_what_is_spoken(certificate: Certificate) -> None:
    context = make_context(config(certificate), tickets=True)
    server, client = handshake(context, certificate.client_context("http/1.1", "h2"))
    assert client.version() == "TLSv1.3"
    assert server.selected_alpn_protocol() == "h2"
    assert client.compression() is None


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
def test_a_client_without_h2_gets_a_handshake_and_no_protocol(
    certificate: Certificate, protocols: tuple[str, ...]
) -> None:
    context = make_context(config(certificate, http2_only=True), tickets=True)
    server, _ = handshake(context, certificate.client_context(*protocols))
    assert server.selected_alpn_protocol() is None


def test_no_tls_before_1_2(certificate: Certificate) -> None:
    # RFC 9113 section 9.2: "MUST use TLS version 1.2 or higher".
    context = make_context(config(certificate), tickets=True)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    old = certificate.client_context("h2")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        handshake(context, old)


@pytest.mark.parametrize(
    ("ciphers", "allowed"),
    [
        ("ECDHE-ECDSA-AES128-GCM-SHA256", True),
        ("ECDHE-ECDSA-CHACHA20-POLY1305", True),
        # Appendix A of RFC 9113: no forward secrecy, or no AEAD.
        ("ECDHE-ECDSA-AES128-SHA256", False),
        ("AES128-GCM-SHA256", False),
        ("DHE-RSA-AES128-GCM-SHA256", False),
    ],
)
def test_cipher_suites_of_tls_1_2(certificate: Certificate, ciphers: str, allowed: bool) -> None:
    context = make_context(config(certificate), tickets=True)
    client = certificate.client_context("h2")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(ciphers)
    if allowed:
        assert handshake(context, client)[0].version() == "TLSv1.2"
    else:
        with pytest.raises(ssl.SSLError):
            handshake(context, client)


@pytest.mark.parametrize("size", ["128", "256"])
def test_the_client_prefers_a_suite(certificate: Certificate, size: str) -> None:
    context = make_context(config(certificate), tickets=True)
    client = certificate.client_context("h2")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers(f"ECDHE+AES{size}+AESGCM:ECDHE+CHACHA20:ECDHE+AESGCM")
    chosen = handshake(context, client)[0].cipher()
    assert chosen is not None
    assert f"-AES{size}-GCM-" in chosen[0]


def test_no_suite_of_ours_is_on_the_list_of_prohibited_ones(certificate: Certificate) -> None:
    for suite in make_context(config(certificate), tickets=True).get_ciphers():
        assert suite["aead"]
        assert suite["protocol"] == "TLSv1.3" or "Kx=ECDH" in suite["description"]


def test_compression_and_renegotiation_are_off(certificate: Certificate) -> None:
    # RFC 9113 section 9.2.1: "MUST disable compression", "MUST disable renegotiation".
    options = make_context(config(certificate), tickets=True).options
    assert options & ssl.OP_NO_COMPRESSION
    assert options & ssl.OP_NO_RENEGOTIATION


def test_one_ticket_is_sent(certificate: Certificate) -> None:
    assert make_context(config(certificate), tickets=True).num_tickets == 1
    assert make_context(config(certificate), tickets=False).num_tickets == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("tickets", [True, False])
def test_sessions_are_resumed_only_with_tickets(
    certificate: Certificate, version: ssl.TLSVersion, tickets: bool
) -> None:
    context = make_context(config(certificate), tickets=tickets)
    client_context = certificate.client_context("h2")
    client_context.maximum_version = version
    _, first = handshake(context, client_context)
    _, second = handshake(context, client_context, first.session)
    if tickets or version is ssl.TLSVersion.TLSv1_3:
        assert second.session_reused == tickets
    # Another process would have another context: nobody must be promised that it knows the ticket.
    other = make_context(config(certificate), tickets=tickets)
    _, third = handshake(other, client_context, first.session)
    assert not third.session_reused


def test_a_client_certificate_is_really_verified(certificate: Certificate, tmp_path: Path) -> None:
    friends = make_certificate(tmp_path, "friends")
    ca = tmp_path / "ca.pem"
    friends.authority.cert_pem.write_to_path(str(ca))
    context = make_context(config(certificate, verify_client=True, client_ca=str(ca)), tickets=True)
    known = certificate.client_context("h2")
    known.load_cert_chain(friends.cert, friends.key)
    handshake(context, known)
    stranger = certificate.client_context("h2")
    stranger.load_cert_chain(certificate.cert, certificate.key)
    for client in (stranger, certificate.client_context("h2")):
        with pytest.raises(ssl.SSLError):
            handshake(context, client)


def test_one_group(certificate: Certificate) -> None:
    context = make_context(config(certificate, groups="secp384r1"), tickets=True)
    client = certificate.client_context("h2")
    client.set_ecdh_curve("secp384r1")
    handshake(context, client)
    client.set_ecdh_curve("prime256v1")
    with pytest.raises(ssl.SSLError):
        handshake(context, client)
    with pytest.raises(StartError, match="this OpenSSL does not support nonsense"):
        make_context(config(certificate, groups="nonsense"), tickets=True)


def test_dh_parameters(certificate: Certificate, tmp_path: Path) -> None:
    openssl = require_tool("openssl", package="openssl")
    file = tmp_path / "dh.pem"
    command = [openssl, "genpkey", "-genparam", "-algorithm", "DH", "-out", str(file)]
    subprocess.run([*command, "-pkeyopt", "group:ffdhe2048"], check=True, timeout=20)
    context = make_context(config(certificate, dh_param_file=str(file)), tickets=True)
    assert any("Kx=DH" in suite["description"] for suite in context.get_ciphers())
    file.write_text("nothing")
    with pytest.raises(StartError, match=f"--dh-param-file {file}: not a PEM file"):
        make_context(config(certificate, dh_param_file=str(file)), tickets=True)


def test_secrets_are_logged_where_the_environment_says(
    certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(file))
    handshake(make_context(config(certificate), tickets=True), certificate.client_context("h2"))
    assert "CLIENT_TRAFFIC_SECRET_0" in file.read_text()
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "no" / "keys"))
    with pytest.raises(StartError, match=r"SSLKEYLOGFILE .*: No such file"):
        make_context(config(certificate), tickets=True)


def test_files_that_cannot_be_used(certificate: Certificate, tmp_path: Path) -> None:
    other = make_certificate(tmp_path, "other")
    encrypted = encrypt(certificate.key, tmp_path / "encrypted.key", "secret")
    text = tmp_path / "text"
    text.write_text("no PEM")
    text.chmod(0o600)
    cases = [
        (other.key, certificate.cert, "does not match the certificate"),
        (encrypted, certificate.cert, "is encrypted: "),
        (text, certificate.cert, "not a PEM file of the expected kind"),
        (certificate.key, text, "not a PEM file of the expected kind"),
        (tmp_path / "none", certificate.cert, f"cannot read the private key: {tmp_path}/none: No"),
        (certificate.key, tmp_path / "none", f"cannot read the certificate: {tmp_path}/none: No"),
    ]
    for key_file, cert_file, message in cases:
        broken = config(certificate, key_file=str(key_file), cert_file=str(cert_file))
        with pytest.raises(StartError) as caught:
            make_context(broken, tickets=True)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("key_file", "cannot read the private key: {file}: Not a regular file"),
        ("cert_file", "cannot read the certificate: {file}: Not a regular file"),
        (
            "key_password_file",
            "cannot read the password of the private key: {file}: Not a regular file",
        ),
        ("client_ca", "--client-ca {file}: Not a regular file"),
        ("dh_param_file", "--dh-param-file {file}: Not a regular file"),
    ],
)
def test_a_fifo_holds_nobody_up(
    certificate: Certificate, tmp_path: Path, option: str, message: str
) -> None:
    """Nobody writes to it; the start would wait without a word."""
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo, 0o600)
    values: dict[str, Any] = {option: str(fifo), "verify_client": option == "client_ca"}
    with pytest.raises(StartError) as caught:
        make_context(config(certificate, **values), tickets=True)
    assert str(caught.value) == message.format(file=fifo)


def test_a_client_ca_that_is_none(certificate: Certificate, tmp_path: Path) -> None:
    broken = config(certificate, verify_client=True, client_ca=str(certificate.key))
    with pytest.raises(StartError, match=f"--client-ca {certificate.key}: "):
        make_context(broken, tickets=True)


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (365, None),
        (31, None),
        (29, "expires in 28 days, on "),
        (-1, "expired on "),
    ],
)
def test_expiry_is_warned_of_30_days_ahead(tmp_path: Path, days: int, text: str | None) -> None:
    certificate = make_certificate(tmp_path, days=days)
    warning = expiry_warning(str(certificate.cert), time.time())
    if text is None:
        assert warning is None
    else:
        assert warning is not None
        assert text in warning
        assert str(certificate.cert) in warning


def test_a_file_that_is_no_certificate_is_not_warned_of(tmp_path: Path) -> None:
    assert expiry_warning(str(tmp_path / "none"), 0) is None
