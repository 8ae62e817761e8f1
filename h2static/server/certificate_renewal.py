"""Renewal of a host's certificate while it is in use, on every port that uses it.

Contract: :class:`PairRenewal` watches the files of one pair for all ports: the new certificate is
used on all of them or on none, and logged once.  A certificate that does not cover the names of its
hosts is refused.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from h2static.config import Config
from h2static.errors import StartError
from h2static.host_config import ListenConfig
from h2static.server.certificate_names import names_in, uncovered
from h2static.server.certificate_watch import CertificateWatch, Renewal
from h2static.server.certificates import Certificates
from h2static.server.key_pairs import KeyPair
from h2static.server.pool import Pool

#: Makes a context of a pair with the policy of a port; blocks, and raises ``StartError``.
MakeContext = Callable[[KeyPair, ListenConfig], ssl.SSLContext]


@dataclass(slots=True, kw_only=True, frozen=True)
class _Renewed:
    """The contexts made from new files."""

    contexts: tuple[tuple[Certificates, ssl.SSLContext], ...]
    names: frozenset[str]


class PairRenewal:
    """Watches one pair, and renews it on all its ports."""

    def __init__(
        self, config: Config, pair: KeyPair, listens: Sequence[ListenConfig], make: MakeContext
    ) -> None:
        """``listens``: the ports where the pair is shown.  To be made before their contexts are:
        what changes from now on is seen."""
        self._config = config
        self._pair = pair
        self._make = make
        self._places: list[tuple[ListenConfig, Certificates]] = []
        self._watch = CertificateWatch([pair.of(config, one) for one in listens], self._renewed)

    def add(self, listen: ListenConfig, certificates: Certificates) -> None:
        """``certificates`` are those of ``listen``."""
        self._places.append((listen, certificates))

    def look(
        self,
        pool: Pool,
        use: Callable[[KeyPair, frozenset[str]], None],
        report: Callable[[str], None],
    ) -> None:
        """Have a thread look.  ``use`` is called when a new certificate is to be used, with the
        names that it covers; no names if they do not select anything."""

        def take(renewed: _Renewed) -> None:
            for certificates, context in renewed.contexts:
                certificates.use(self._pair, context)
            use(self._pair, renewed.names)

        self._watch.look(pool, Renewal(use=take, report=report))

    def _renewed(self) -> _Renewed:
        problem = uncovered(self._config, self._pair)
        if problem is not None:
            raise StartError(problem)
        chosen = any(certificates.several for _, certificates in self._places)
        return _Renewed(
            contexts=tuple([(one, self._make(self._pair, listen)) for listen, one in self._places]),
            names=names_in(self._pair.cert_file) if chosen else frozenset(),
        )
