"""Keys and certificates of real servers: secrets from a mount, renewals while the server runs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
from pathlib import Path

import pytest

from tests.support.certificates import Certificate, encrypt, make_certificate
from tests.support.processes import DEADLINE, RunningServer, run, running, wait_until


def leaf(certificate: Certificate) -> bytes:
    """The server's certificate as it goes over the wire."""
    text = certificate.cert.read_text()
    end = "-----END CERTIFICATE-----\n"
    return ssl.PEM_cert_to_DER_cert(text[: text.index(end) + len(end)])


def connect(server: RunningServer) -> ssl.SSLSocket:
    """A connection that believes everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    plain = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
    return context.wrap_socket(plain)


def shown(server: RunningServer, connections: int = 12) -> set[bytes | None]:
    """The certificates that new connections are shown, by each worker as good as certainly."""
    found: set[bytes | None] = set()
    for _ in range(connections):
        with connect(server) as client:
            found.add(client.getpeercert(binary_form=True))
    return found


@pytest.mark.parametrize("mode", [0o644, 0o444])
def test_a_secret_of_a_container_is_used_and_warned_of(
    site: Path, tmp_path: Path, mode: int
) -> None:
    certificate = make_certificate(tmp_path)
    certificate.key.chmod(mode)
    words = ("-a", "127.0.0.1", "-n", "2", "0", str(site), *certificate.words)
    with running(*words) as server:
        assert shown(server) == {leaf(certificate)}
        line = f"[tls] the private key is world-readable: {certificate.key}:"
        server.wait_for_stderr(line)
        assert server.stderr().count(line) == 1
    with running("--insecure-key", *words) as server:
        assert shown(server) == {leaf(certificate)}
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        assert "the private key" not in server.stderr()


def test_a_key_that_everybody_can_change_needs_an_option(site: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    certificate.key.chmod(0o666)
    words = ("-a", "127.0.0.1", "0", str(site), *certificate.words)
    done = run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(
        f"h2static: the private key is world-writable: {certificate.key}:"
    )
    with running("--insecure-key", *words) as server:
        assert shown(server) == {leaf(certificate)}


def test_an_encrypted_key(site: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    key = encrypt(certificate.key, tmp_path / "encrypted.key", "secret")
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text("secret\n")
    file = tmp_path / "h2static.toml"
    # Relative to the folder of the file that names it.
    file.write_text('key-password-file = "password"\n')
    words = ("-a", "127.0.0.1", "0", str(site), str(key), str(certificate.cert))
    with running("--config", str(file), *words) as server:
        assert shown(server) == {leaf(certificate)}
    done = run(*words)
    assert done.returncode == 1
    assert done.stderr.startswith(f"h2static: the private key is encrypted: {key}: use ")


@pytest.mark.parametrize("option", [("--insecure-key",), ("--key-password-file", "x")])
def test_options_of_a_key_need_one(site: Path, option: tuple[str, ...]) -> None:
    done = run(*option, "0", str(site))
    assert (done.returncode, done.stderr) == (2, f"h2static: {option[0]} requires KEY and CERT\n")


class Secret:
    """A secret as Kubernetes mounts it: names, links to ``..data``, which is a link to a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self._count = 0
        self.certificate = self.renew()
        for name in ("tls.key", "tls.crt"):
            (folder / name).symlink_to(f"..data/{name}")

    @property
    def words(self) -> tuple[str, str]:
        return str(self._folder / "tls.key"), str(self._folder / "tls.crt")

    def renew(self) -> Certificate:
        """Put another certificate in place of the present one, at one moment."""
        self._count += 1
        place = self._folder / f"..{self._count}"
        place.mkdir()
        certificate = make_certificate(place)
        shutil.copy(certificate.cert, place / "tls.crt")
        shutil.copy(certificate.key, place / "tls.key")
        (place / "tls.key").chmod(0o644)
        (self._folder / "..data_tmp").symlink_to(place.name)
        os.rename(self._folder / "..data_tmp", self._folder / "..data")
        return certificate


def test_a_renewed_secret_is_taken_up(site: Path, tmp_path: Path) -> None:
    secret = Secret(tmp_path / "secret")
    words = ("-a", "127.0.0.1", "-n", "2", "0", str(site), *secret.words)
    with running(*words) as server, connect(server) as client:
        workers = server.workers()
        assert shown(server) == {leaf(secret.certificate)}
        renewed = secret.renew()
        server.wait_for_stderr(f"[certificate] now using the new certificate: {secret.words[1]}")
        wait_until(lambda: shown(server) == {leaf(renewed)}, "each worker shows it")
        assert server.stderr().count("now using the new certificate") == 1
        # Nobody was sent away for it.
        assert server.workers() == workers
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert client.recv(9000).startswith(b"HTTP/1.1 200 ")
        # A reload reads it as well.
        again = secret.renew()
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        # Old workers accept until they hear that they are to drain.
        wait_until(lambda: shown(server) == {leaf(again)}, "each new worker shows it")


def test_a_certificate_without_its_key_changes_nothing(site: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    other = make_certificate(tmp_path, "other")
    old, new = leaf(certificate), leaf(other)
    with running("-a", "127.0.0.1", "0", str(site), *certificate.words) as server:
        shutil.copy(other.cert, certificate.cert)
        server.wait_for_stderr(
            "[certificate] the new certificate cannot be used; keeping the old one: the private"
            f" key {certificate.key} does not match the certificate"
        )
        assert shown(server) == {old}
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reload failed; keeping the old configuration: the private")
        assert shown(server) == {old}
        shutil.copy(other.key, certificate.key)
        server.wait_for_stderr("[certificate] now using the new certificate")
        assert shown(server) == {new}
