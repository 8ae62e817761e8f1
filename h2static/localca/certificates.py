"""This machine's local certificate authority (CA), and the certificate that it signs.

Contract: :func:`ensure_certificate` returns the paths of a private key and a certificate for
``localhost``, ``127.0.0.1``, ``::1`` and the machine's names.  They are created once, kept in the
user's data folder where only the user can read them, reused, and renewed before they expire; the CA
stays the same, so that it needs to be trusted only once.  Any number of processes may call it
concurrently, and the two files always match.  Raises ``OSError`` if the folder cannot be used.

Assumes: no other user can write to the user's data folder.

Strategy: the CA is constrained to names and addresses on local networks
(:mod:`h2static.localca.constraints`), so that its key, if leaked, could not sign for a public site;
a CA with wider constraints is replaced.  Everything is done under a lock, and files are renamed
into place.  A renewed certificate uses the same key, because readers of the two files hold no lock.
"""

from __future__ import annotations

import datetime
import fcntl
import ipaddress
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from h2static.localca.constraints import are_local, make_constraints, permits
from h2static.localca.names import machine_names

#: The authority's own validity, and the leaf's: browsers refuse leaves of more than 398 days
#: (825 for authorities of the user's).
AUTHORITY_DAYS = 3_650
LEAF_DAYS = 397
#: Renew when less than this is left.
RENEW_DAYS = 30
#: Names of one certificate: more would be a list made by mistake.
MAX_NAMES = 50
#: The name that browsers and systems show.
AUTHORITY_NAME = "h2static local CA"


@dataclass(slots=True, kw_only=True, frozen=True)
class Certificate:
    """Where key and certificate are."""

    key_file: str
    #: The leaf, with the authority's certificate after it.
    cert_file: str
    #: The authority's certificate, to be trusted.
    authority_file: str
    #: SHA-256 of the authority's certificate, as browsers show it.
    fingerprint: str
    #: Whether the authority was made just now.
    new: bool
    #: Whether it was made because the one before could vouch for public names or addresses.
    replaced: bool = False


def data_folder() -> Path:
    """Where the certificates are kept: ``h2static`` in the user's data folder."""
    base = os.environ.get("XDG_DATA_HOME")
    if base and os.path.isabs(base):
        return Path(base, "h2static")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "h2static"
    return Path.home() / ".local" / "share" / "h2static"


def ensure_certificate(
    *,
    names: Sequence[str] = (),
    folder: Path | None = None,
    now: datetime.datetime | None = None,
) -> Certificate:
    """A certificate that is valid now and for all ``names``, host names or addresses.

    ``localhost`` and the loopback addresses are always among them, and the machine's own names
    unless it was renamed; names that the authority may not vouch for are left out (see
    :mod:`h2static.localca.constraints`).  Waits for other processes that do the same.  Raises
    ``OSError`` when the files cannot be read or written.
    """
    place = folder if folder is not None else data_folder()
    moment = now if now is not None else datetime.datetime.now(datetime.UTC)
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    key_file, cert_file = place / "localhost-key.pem", place / "localhost.pem"
    with _locked(place):
        authority = _ensure_authority(place, moment)
        wanted = _wanted_names(names, authority.certificate)
        key = _ensure_leaf_key(key_file)
        if not _still_good(key, cert_file, wanted, authority.certificate, moment):
            leaf = _make_leaf(key, authority, wanted, moment)
            _write(cert_file, _pem(leaf) + _pem(authority.certificate), 0o600)
    return Certificate(
        key_file=str(key_file),
        cert_file=str(cert_file),
        authority_file=str(place / "ca.pem"),
        fingerprint=fingerprint(authority.certificate),
        new=authority.new,
        replaced=authority.replaced,
    )


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 in pairs of hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def fingerprint_of(pem: bytes) -> str:
    """The same of the first certificate in ``pem``.  Raises ``ValueError`` where there is none."""
    return fingerprint(x509.load_pem_x509_certificate(pem))


# ---------------------------------------------------------------------- making certificates


def _wanted_names(names: Sequence[str], authority: x509.Certificate) -> list[str]:
    """All names of a leaf, in a fixed order, none twice.

    RFC 5280 section 4.2.1.10: one name that the authority may not vouch for makes the whole
    certificate invalid.
    """
    constraints = _constraints_of(authority)
    wanted = ["localhost", "127.0.0.1", "::1", *machine_names(), *(name.lower() for name in names)]
    permitted = [name for name in wanted if permits(constraints, name)]
    return list(dict.fromkeys(permitted))[:MAX_NAMES]


def _general_names(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            try:
                found.append(x509.DNSName(name.encode("idna").decode("ascii")))
            except UnicodeError:
                continue
    return found


@dataclass(slots=True, kw_only=True, frozen=True)
class _Authority:
    """The authority with its key."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate
    #: See :class:`Certificate`.
    new: bool = False
    replaced: bool = False


def _ensure_authority(place: Path, now: datetime.datetime) -> _Authority:
    """The authority, made when there is none that is right."""
    key_file, cert_file = place / "ca-key.pem", place / "ca.pem"
    too_wide = False
    try:
        key = _load_key(key_file)
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
        too_wide = not are_local(_constraints_of(certificate))
        if (
            not too_wide
            and _days_left(certificate, now) > LEAF_DAYS
            and certificate.public_key() == key.public_key()
        ):
            return _Authority(key=key, certificate=certificate)
    except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
        pass  # there is none yet, or it was damaged: a new one is made
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _make_authority(key, now)
    _write(key_file, _pem_key(key), 0o600)
    _write(cert_file, _pem(certificate), 0o644)
    return _Authority(key=key, certificate=certificate, new=True, replaced=too_wide)


def _constraints_of(authority: x509.Certificate) -> x509.NameConstraints:
    """Raises ``x509.ExtensionNotFound`` when there are none."""
    return authority.extensions.get_extension_for_class(x509.NameConstraints).value


def _make_authority(key: ec.EllipticCurvePrivateKey, now: datetime.datetime) -> x509.Certificate:
    host = socket.gethostname()[:40]
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, AUTHORITY_NAME),
            x509.NameAttribute(NameOID.COMMON_NAME, f"{AUTHORITY_NAME} ({host})"),
        ]
    )
    return (
        _builder(name, name, key, AUTHORITY_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(make_constraints(machine_names()), critical=True)
        .sign(key, hashes.SHA256())
    )


def _make_leaf(
    key: ec.EllipticCurvePrivateKey,
    authority: _Authority,
    names: Sequence[str],
    now: datetime.datetime,
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return (
        _builder(subject, authority.certificate.subject, key, LEAF_DAYS, now)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_general_names(names)), critical=False)
        .add_extension(issuer_key, critical=False)
        .sign(authority.key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    days: int,
    now: datetime.datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of other machines may be behind.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days - 1))
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


# ---------------------------------------------------------------------- files


@contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Keep other processes from doing the same at the same time; blocks until they are done."""
    with open(place / "lock", "wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Closing the file, or the end of the process, lets the lock go.
        yield


def _ensure_leaf_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The key of every certificate that is made here."""
    try:
        return _load_key(path)
    except (FileNotFoundError, ValueError):
        key = ec.generate_private_key(ec.SECP256R1())
        _write(path, _pem_key(key), 0o600)
        return key


def _still_good(
    key: ec.EllipticCurvePrivateKey,
    cert_file: Path,
    names: Sequence[str],
    authority: x509.Certificate,
    now: datetime.datetime,
) -> bool:
    """Whether the leaf on disk is valid long enough, for all names, and signed by the authority."""
    try:
        leaf = x509.load_pem_x509_certificate(cert_file.read_bytes())
        leaf.verify_directly_issued_by(authority)
        alternative = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (FileNotFoundError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        key.public_key() == leaf.public_key()
        and _days_left(leaf, now) > RENEW_DAYS
        and set(_general_names(names)) <= set(alternative)
    )


def _days_left(certificate: x509.Certificate, now: datetime.datetime) -> float:
    if now < certificate.not_valid_before_utc:
        return 0.0
    return (certificate.not_valid_after_utc - now) / datetime.timedelta(days=1)


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Load the key.  Raises ``ValueError`` if it is of another kind."""
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} contains another kind of key")
    return key


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace a file atomically; no reader sees half of it, or a key with a looser mode."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with open(descriptor, "wb") as file:
        file.write(content)
    temporary.rename(path)
