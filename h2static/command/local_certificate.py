"""The certificate that serves when KEY and CERT are not given: made on this machine, for it.

Contract: :func:`with_local_certificate` leaves a configuration that needs none as it is.  That an
authority which people may trust had to be replaced is told on standard error.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.key_pairs import hosts_over_tls, needs_common_pair

if TYPE_CHECKING:
    from h2static.localca import Certificate

_REPLACED = (
    "h2static: the local certificate authority was made anew, because the old one could vouch for"
    " public names and addresses; have the new one trusted with h2static install-ca --yes"
)


def local_certificate(names: tuple[str, ...] = ()) -> Certificate:
    """The certificate, made or renewed where that is needed.  Raises ``StartError``."""
    # Large, and needed only by those who have no certificate.
    from h2static.localca import ensure_certificate

    try:
        certificate = ensure_certificate(names=names)
    except (OSError, RuntimeError) as error:
        raise StartError(
            f"cannot keep a certificate for this machine ({error}): give KEY and CERT, or --no-tls"
        ) from error
    if certificate.replaced:
        print(_REPLACED, file=sys.stderr)
    return certificate


def with_local_certificate(config: Config) -> tuple[Config, Certificate | None]:
    """``config`` with key and certificate, and the local certificate if that is the one."""
    if config.key_file is not None or not needs_common_pair(config):
        return config, None
    from h2static.localca.names import ANY_ADDRESS, lan_addresses

    given = [one for one in config.allow_host if "*" not in one]
    for listen in config.listening:
        if not listen.no_tls:
            given += [one for one in listen.addresses if not one.startswith("unix:")]
            given += lan_addresses(listen.addresses)
    given += [
        one for host in hosts_over_tls(config) if host.cert_file is None for one in host.names
    ]
    names = tuple(one.strip("[]") for one in given if one.strip("[]") not in ANY_ADDRESS)
    certificate = local_certificate(names)
    key_file, cert_file = certificate.key_file, certificate.cert_file
    # Another server on this machine may have it made anew, for names of its own.
    config = replace(
        config,
        key_file=key_file,
        cert_file=cert_file,
        authority_file=certificate.authority_file,
        watch_certificate=False,
    )
    return config, certificate
