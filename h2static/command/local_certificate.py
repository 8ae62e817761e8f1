"""The local certificate: used if KEY and CERT are not given, and created on this machine for it.

Contract: :func:`with_local_certificate` returns a configuration that needs none unchanged.  If a
local CA that users may trust had to be replaced, a message on standard error says so.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.key_pairs import hosts_over_tls, needs_common_pair

if TYPE_CHECKING:
    from h2static.localca.certificates import Certificate

_REPLACED = (
    "h2static: the local certificate authority was re-created, because the old one could sign"
    " for public names and addresses; run h2static install-ca --yes to trust the new one"
)


def local_certificate(names: tuple[str, ...] = ()) -> Certificate:
    """The certificate, created or renewed if necessary.  Raises ``StartError``."""
    # A large module that only servers without a certificate need.
    from h2static.localca.certificates import ensure_certificate

    try:
        certificate = ensure_certificate(names=names)
    except (OSError, RuntimeError) as error:
        raise StartError(
            f"cannot store a certificate for this machine ({error}): pass KEY and CERT, or --no-tls"
        ) from error
    if certificate.replaced:
        print(_REPLACED, file=sys.stderr)
    return certificate


def with_local_certificate(config: Config) -> tuple[Config, Certificate | None]:
    """``config`` with key and certificate, and the local certificate if it is used."""
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
    # Another server on this machine may re-create it for its own names.
    config = replace(
        config,
        key_file=key_file,
        cert_file=cert_file,
        authority_file=certificate.authority_file,
        watch_certificate=False,
    )
    return config, certificate
