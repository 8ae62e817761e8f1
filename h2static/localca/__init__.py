"""HTTPS on this machine without recipes: certificates of its own, and who has to trust them."""

from h2static.localca.certificates import Certificate, ensure_certificate
from h2static.localca.names import machine_names
from h2static.localca.trust import install, install_steps, instructions

__all__ = [
    "Certificate",
    "ensure_certificate",
    "install",
    "install_steps",
    "instructions",
    "machine_names",
]
