"""What the owner of a server is to know of its certificate and key.

Contract: reads the files that the configuration names, as they are now, and reports to the error
log.
"""

from __future__ import annotations

import time

from h2static.config import Config
from h2static.logs.errors import ErrorLog


def report_expiry(config: Config, log: ErrorLog) -> None:
    """Tell when the certificate has not long to live."""
    if config.no_tls or config.cert_file is None:
        return
    # Large, and not needed on cleartext.
    from h2static.server.tls import expiry_warning

    warning = expiry_warning(config.cert_file, time.time())
    if warning is not None:
        log.report("tls", "", warning)


def report_key(config: Config, log: ErrorLog) -> None:
    """Tell when others can read the private key."""
    if config.no_tls:
        return
    from h2static.server import key_files

    for warning in key_files.warnings(config):
        log.report("tls", "", warning)
