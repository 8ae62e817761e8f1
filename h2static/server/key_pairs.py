"""The keys and certificates in a configuration, and the hosts that use them.

Contract: plain values; nothing is read.  Two hosts with the same files have the same pair.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from h2static.config import Config
from h2static.host_config import HostConfig, ListenConfig


@dataclass(slots=True, kw_only=True, frozen=True)
class KeyPair:
    """A private key and its certificate."""

    key_file: str
    cert_file: str
    key_password_file: str | None = None
    insecure_key: bool = False

    def of(self, config: Config, listen: ListenConfig | None = None) -> Config:
        """``config`` with this pair and the TLS policy of ``listen``."""
        config = replace(
            config,
            hosts=(),
            listens=(),
            no_tls=False,
            key_file=self.key_file,
            cert_file=self.cert_file,
            key_password_file=self.key_password_file,
            insecure_key=self.insecure_key,
        )
        if listen is None:
            return config
        return replace(
            config,
            verify_client=listen.verify_client,
            client_ca=listen.client_ca,
            groups=listen.groups,
            dh_param_file=listen.dh_param_file,
        )


def common_pair(config: Config) -> KeyPair | None:
    """The pair of hosts without one of their own."""
    if config.key_file is None or config.cert_file is None:
        return None
    return KeyPair(
        key_file=config.key_file,
        cert_file=config.cert_file,
        key_password_file=config.key_password_file,
        insecure_key=config.insecure_key,
    )


def pair_of(config: Config, host: HostConfig) -> KeyPair | None:
    """The pair of ``host``."""
    if host.key_file is None or host.cert_file is None:
        return common_pair(config)
    return KeyPair(
        key_file=host.key_file,
        cert_file=host.cert_file,
        key_password_file=host.key_password_file,
        insecure_key=host.insecure_key or config.insecure_key,
    )


def owner_of(config: Config, pair: KeyPair) -> HostConfig | None:
    """The first host that names the files of ``pair`` itself."""
    named = (one for one in config.hosts if one.cert_file is not None)
    return next((one for one in named if pair_of(config, one) == pair), None)


def hosts_over_tls(config: Config) -> list[HostConfig]:
    """The hosts that are reached at a port with TLS."""
    ports = [one for one in config.listening if not one.no_tls]
    return [host for host in config.hosts if any(one.has(host) for one in ports)]


def key_pairs(config: Config) -> list[KeyPair]:
    """All of them, each once; none where nothing is served over TLS."""
    if all(listen.no_tls for listen in config.listening):
        return []
    pairs = [pair_of(config, host) for host in hosts_over_tls(config)]
    if config.has_main or not config.hosts:
        pairs.insert(0, common_pair(config))
    return list(dict.fromkeys(one for one in pairs if one is not None))


def needs_common_pair(config: Config) -> bool:
    """Whether a host without a pair of its own is served over TLS."""
    if all(listen.no_tls for listen in config.listening):
        return False
    if config.has_main or not config.hosts:
        return True
    return any(one.cert_file is None for one in hosts_over_tls(config))
