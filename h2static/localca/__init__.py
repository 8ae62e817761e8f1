"""HTTPS on this machine without manual steps: a local CA, and the stores that must trust it."""

from h2static.localca.certificates import Certificate, ensure_certificate
from h2static.localca.names import machine_names

__all__ = ["Certificate", "ensure_certificate", "machine_names"]
