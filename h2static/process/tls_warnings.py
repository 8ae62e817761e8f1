"""What the owner of a server is to know of its certificates and keys.

Contract: reads the files that the configuration names, as they are now, and reports to the error
log.
"""

from __future__ import annotations

import time

from h2static.config import Config
from h2static.logs.errors import ErrorLog
from h2static.server.key_pairs import key_pairs


def report_expiry(config: Config, log: ErrorLog) -> None:
    """Warn if a certificate is about to expire."""
    for pair in key_pairs(config):
        # Large, and not needed on cleartext.
        from h2static.server.tls import expiry_warning

        warning = expiry_warning(pair.cert_file, time.time())
        if warning is not None:
            log.report("tls", "", warning)


def report_key(config: Config, log: ErrorLog) -> None:
    """Warn if a private key is world-readable."""
    for pair in key_pairs(config):
        from h2static.server import key_files

        for warning in key_files.warnings(pair.of(config)):
            log.report("tls", "", warning)
