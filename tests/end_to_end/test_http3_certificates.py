"""HTTP/3 with several certificates, and with one that is renewed."""

from __future__ import annotations

from pathlib import Path

from cryptography import x509

from tests.support.certificates import make_certificate
from tests.support.host_certificates import make_authority
from tests.support.processes import running
from tests.support.quic_client import Answer, QuicClient

_HOSTS = """
port = 0
address = ["127.0.0.1"]
http3 = true
[[host]]
names = ["a.test"]
htdocs = "a"
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["b.test"]
htdocs = "b"
key = "ab.key"
cert = "ab.pem"
[[host]]
names = ["c.test"]
htdocs = "c"
key = "c.key"
cert = "c.pem"
"""


def _names(certificate: x509.Certificate) -> list[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return extension.value.get_values_for_type(x509.DNSName)


def _ask(client: QuicClient, authority: bytes) -> Answer:
    answer = client.answers[client.ask("/", authority=authority)]
    client.until(lambda: answer.ended)
    return answer


def test_hosts_have_their_certificates(tmp_path: Path) -> None:
    """What is reached depends on the certificate that was shown, as over TCP."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text(name)
    authority = make_authority(tmp_path)
    authority.issue("ab", "a.test", "b.test")
    authority.issue("c", "c.test")
    (tmp_path / "hosts.toml").write_text(_HOSTS)
    with running("--config", "hosts.toml", folder=tmp_path) as server:
        port = b":%d" % server.port
        with QuicClient(server.port, name="b.test") as client:
            assert _names(client.certificate) == ["a.test", "b.test"]
            assert _ask(client, b"a.test" + port).data == b"a"
            assert _ask(client, b"b.test" + port).data == b"b"
            assert _ask(client, b"c.test" + port).status == 421
        with QuicClient(server.port, name="c.test") as client:
            assert _names(client.certificate) == ["c.test"]
            assert _ask(client, b"c.test" + port).data == b"c"
            assert _ask(client, b"a.test" + port).status == 421


def test_a_renewed_certificate_is_shown(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("page")
    certificate = make_certificate(tmp_path)
    words = ("--http3", "-a", "127.0.0.1", "0", str(tmp_path / "www"), *certificate.words)
    with running(*words) as server, QuicClient(server.port) as before:
        first = before.certificate.serial_number
        make_certificate(tmp_path)
        server.wait_for_stderr("now using the new certificate")
        with QuicClient(server.port) as after:
            assert after.certificate.serial_number != first
            assert after.get().status == 200
        # A connection keeps what it began with.
        assert before.get().status == 200
