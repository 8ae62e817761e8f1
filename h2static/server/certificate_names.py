"""The names that a certificate covers (RFC 9525).

Contract: :func:`names_in` reads a file; :func:`covers` follows the rules of clients.
"""

from __future__ import annotations

from collections.abc import Iterable

from h2static.config import Config
from h2static.descriptors import open_regular_file
from h2static.errors import StartError
from h2static.host_config import HostConfig
from h2static.http.host_names import matches
from h2static.server.key_pairs import KeyPair, hosts_over_tls, owner_of, pair_of


def names_in(path: str) -> frozenset[str]:
    """DNS names and addresses of the first certificate in ``path``, in lower case.

    Raises :class:`~h2static.errors.StartError`.
    """
    # Large, and needed only where several hosts have certificates.
    from cryptography import x509

    try:
        with open_regular_file(path) as file:
            certificate = x509.load_pem_x509_certificate(file.read())
    except OSError as error:
        raise StartError(f"cannot read the certificate: {path}: {error.strerror}") from error
    except ValueError as error:
        raise StartError(f"not a certificate: {path}: {error}") from error
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        # RFC 9525 section 6.3: the common name says nothing.
        return frozenset()
    names = [one.lower().removesuffix(".") for one in found.get_values_for_type(x509.DNSName)]
    addresses = [str(one) for one in found.get_values_for_type(x509.IPAddress)]
    return frozenset((*names, *addresses))


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate for ``names`` is one for ``host``.

    A host may be a wildcard itself, for which the certificate has to have the same.
    """
    return any(host == name or matches(name, host) for name in names)


def names_without(config: Config, pair: KeyPair) -> list[tuple[HostConfig, str]]:
    """The hosts whose certificate is that of ``pair``, and names of theirs that it is not for.

    Raises :class:`~h2static.errors.StartError` when it cannot be read.
    """
    hosts = [host for host in hosts_over_tls(config) if pair_of(config, host) == pair]
    if not hosts:
        return []
    try:
        names = names_in(pair.cert_file)
    except StartError as error:
        owner = owner_of(config, pair)
        raise StartError(f"{owner.where}: cert: {error}" if owner else str(error)) from error
    return [(host, name) for host in hosts for name in host.names if not covers(names, name)]


def uncovered(config: Config, pair: KeyPair) -> str | None:
    """One line for the first of :func:`names_without`."""
    for host, name in names_without(config, pair):
        return f"{host.where}: cert: the certificate {pair.cert_file} does not cover {name}"
    return None
