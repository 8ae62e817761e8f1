"""HTTPS on this machine without recipes: certificates of its own, and who has to trust them."""

from h2static.localca.certificates import Certificate, ensure_certificate
from h2static.localca.names import machine_names

__all__ = ["Certificate", "ensure_certificate", "machine_names"]
