"""Private keys and passwords: who may read and change them, and what opens them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.errors import StartError
from h2static.server import key_files
from h2static.server.tls import make_context
from h2static.site.config import SiteConfig
from tests.support.certificates import Certificate, encrypt, make_certificate
from tests.support.tools import require_tool


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


def config(certificate: Certificate, **values: object) -> Config:
    settings = {"key_file": str(certificate.key), "cert_file": str(certificate.cert), **values}
    return Config(port=0, site=SiteConfig(root="/"), **settings)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize(
    ("mode", "warned"),
    # The last two: Kubernetes and Docker.
    [(0o400, False), (0o600, False), (0o640, False), (0o660, False), (0o644, True), (0o444, True)],
)
def test_a_key_that_others_can_read_is_used_and_warned_of(
    certificate: Certificate, mode: int, warned: bool
) -> None:
    certificate.key.chmod(mode)
    make_context(config(certificate), tickets=True)
    line = f"the private key is world-readable: {certificate.key}: use chmod o-r, or --insecure-key"
    assert key_files.warnings(config(certificate)) == ([line] if warned else [])
    assert key_files.warnings(config(certificate, insecure_key=True)) == []


@pytest.mark.parametrize("mode", [0o666, 0o777, 0o602])
def test_a_key_that_others_can_change_is_refused(certificate: Certificate, mode: int) -> None:
    certificate.key.chmod(mode)
    with pytest.raises(StartError) as caught:
        make_context(config(certificate), tickets=True)
    assert str(caught.value) == (
        f"the private key is world-writable: {certificate.key}: use chmod o-w, or --insecure-key"
    )
    # File systems of other systems show one mode for all files.
    make_context(config(certificate, insecure_key=True), tickets=True)
    assert key_files.warnings(config(certificate, insecure_key=True)) == []


#: Makes a context with the key and the certificate of the command line.
_MAKE = """
import sys
from h2static.config import Config
from h2static.server import key_files
from h2static.server.tls import make_context
from h2static.site.config import SiteConfig
config = Config(port=0, site=SiteConfig(root="/"), key_file=sys.argv[1], cert_file=sys.argv[2])
make_context(config, tickets=True)
print(len(key_files.warnings(config)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a file system")
def test_on_a_mount_that_is_read_only_nobody_can_change_a_key(
    certificate: Certificate, tmp_path: Path
) -> None:
    unshare = require_tool("unshare", package="util-linux", optional=True)
    if subprocess.run([unshare, "-Urm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here")
    place = tmp_path / "mount"
    place.mkdir()
    script = (
        'mount -t tmpfs none "$1" && cp "$2" "$1/tls.key" && chmod 777 "$1/tls.key" &&'
        ' mount -o remount,ro "$1" && shift 2 && exec "$@"'
    )
    done = subprocess.run(
        [
            *(unshare, "-Urm", "sh", "-c", script, "sh", str(place), str(certificate.key)),
            *(sys.executable, "-c", _MAKE, str(place / "tls.key"), str(certificate.cert)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "1\n", "")


@pytest.mark.parametrize(
    "text",
    ["se cret", "se cret\n", "se cret\r\n", "se cret\r", "se cret\nother\n", "\ufeffse cret\n"],
)
def test_the_first_line_is_the_password(
    certificate: Certificate, tmp_path: Path, text: str
) -> None:
    encrypted = encrypt(certificate.key, tmp_path / "encrypted.key", "se cret")
    password = tmp_path / "password"
    password.write_text(text, newline="")
    password.chmod(0o600)
    values = {"key_file": str(encrypted), "key_password_file": str(password)}
    make_context(config(certificate, **values), tickets=True)
    # A key without encryption needs none, and may have one.
    make_context(config(certificate, key_password_file=str(password)), tickets=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("wrong\n", "the password in {file} does not decrypt the private key {key}"),
        (" secret\n", "the password in {file} does not decrypt the private key {key}"),
        ("\nsecret\n", "the password of the private key is empty: {file}"),
        ("", "the password of the private key is empty: {file}"),
        ("\ufeff\n", "the password of the private key is empty: {file}"),
        ("x" * 1025, "the password of the private key is longer than 1024 octets: {file}"),
        (None, "cannot read the password of the private key: {file}: No such file or directory"),
    ],
)
def test_passwords_that_are_none(
    certificate: Certificate, tmp_path: Path, text: str | None, message: str
) -> None:
    key = encrypt(certificate.key, tmp_path / "encrypted.key", "secret")
    file = tmp_path / "password"
    if text is not None:
        file.write_text(text)
    values = {"key_file": str(key), "key_password_file": str(file)}
    with pytest.raises(StartError) as caught:
        make_context(config(certificate, **values), tickets=True)
    assert str(caught.value) == message.format(file=file, key=key)


def test_an_encrypted_key_without_a_password(certificate: Certificate, tmp_path: Path) -> None:
    key = encrypt(certificate.key, tmp_path / "encrypted.key", "secret")
    with pytest.raises(StartError) as caught:
        make_context(config(certificate, key_file=str(key)), tickets=True)
    assert str(caught.value) == (
        f"the private key is encrypted: {key}: use --key-password-file, or decrypt it"
    )


def test_a_password_is_as_secret_as_the_key(certificate: Certificate, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("secret")
    password.chmod(0o644)
    made = config(certificate, key_password_file=str(password))
    make_context(made, tickets=True)
    (line,) = key_files.warnings(made)
    assert line.startswith(f"the password of the private key is world-readable: {password}:")
    password.chmod(0o666)
    with pytest.raises(StartError, match="the password of the private key is world-writable"):
        make_context(made, tickets=True)
