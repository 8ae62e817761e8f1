"""Certificates for tests.

Promise: keys are as private as the server demands.  Made with ``trustme``, nothing leaves the
temporary folder.
"""

from __future__ import annotations

import datetime
import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives import serialization


@dataclass(slots=True, kw_only=True)
class Certificate:
    """A certificate for 127.0.0.1 and localhost."""

    authority: trustme.CA
    key: Path
    cert: Path

    @property
    def words(self) -> tuple[str, str]:
        """KEY and CERT as operands."""
        return str(self.key), str(self.cert)

    def client_context(self, *protocols: str) -> ssl.SSLContext:
        """A context that trusts the certificate and offers ``protocols`` by ALPN."""
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def make_certificate(folder: Path, name: str = "server", days: int = 365) -> Certificate:
    """A certificate in ``folder`` that expires in ``days`` days."""
    authority = trustme.CA()
    now = datetime.datetime.now(datetime.UTC)
    issued = authority.issue_cert(
        "127.0.0.1",
        "localhost",
        not_before=now - datetime.timedelta(days=400),
        not_after=now + datetime.timedelta(days=days),
    )
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    issued.private_key_pem.write_to_path(str(key))
    os.chmod(key, 0o600)
    cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    return Certificate(authority=authority, key=key, cert=cert)


def encrypt(key: Path, to: Path, password: str) -> Path:
    """The private key in ``key``, encrypted, in the file ``to``."""
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    octets = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(password.encode()),
    )
    to.touch(mode=0o600)
    to.write_bytes(octets)
    return to
