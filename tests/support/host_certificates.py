"""Certificates of one private authority for several names.

Promise: keys are as private as the server demands; nothing leaves the folder.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(slots=True, kw_only=True)
class Authority:
    """A certificate authority that issues into a folder."""

    ca: trustme.CA
    folder: Path

    def issue(self, name: str, *names: str) -> tuple[Path, Path]:
        """Key and certificate ``name`` for ``names``, in place of what has that name."""
        issued = self.ca.issue_cert(*names)
        key, cert = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        for path, octets in (
            (key, issued.private_key_pem.bytes()),
            (cert, b"".join(blob.bytes() for blob in issued.cert_chain_pems)),
        ):
            new = path.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_bytes(octets)
            os.replace(new, path)
        return key, cert

    @property
    def file(self) -> Path:
        """The authority's own certificate."""
        path = self.folder / "ca.pem"
        if not path.exists():
            self.ca.cert_pem.write_to_path(str(path))
        return path

    def client_context(self, *protocols: str) -> ssl.SSLContext:
        """A context that trusts the authority and offers ``protocols`` by ALPN."""
        context = ssl.create_default_context()
        self.ca.configure_trust(context)
        if protocols:
            context.set_alpn_protocols(list(protocols))
        return context


def make_authority(folder: Path) -> Authority:
    """An authority that issues into ``folder``."""
    return Authority(ca=trustme.CA(), folder=folder)
