"""The certificates of one port, selected by the server name.

Contract: :class:`Certificates` provides the context with which handshakes start.  Only the name
that a client sends (SNI, RFC 6066 section 3) selects the certificate; without a name, or with an
unknown one, the client gets the first certificate.  After a handshake, the socket's context
identifies the certificate; :meth:`Certificates.pair_of` knows it, even after a renewal.

Assumes: all contexts of a port use the same policy.  When the name is known, Python takes over the
certificate and ALPN of another context, but neither its minimum version nor its request for a
client certificate (measured with OpenSSL 3).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias
from weakref import WeakKeyDictionary

from h2static.http.host_names import HostNames, host_of
from h2static.server.key_pairs import KeyPair

#: Makes the context of a pair; blocks, and raises ``StartError``.
MakeContext: TypeAlias = Callable[[KeyPair], ssl.SSLContext]


class Certificates:
    """Selects the TLS context of a port by server name."""

    def __init__(
        self,
        pairs: Sequence[KeyPair],
        names: Iterable[tuple[str, KeyPair]],
        make: MakeContext,
    ) -> None:
        """``pairs``: the first one is for clients without a server name.  ``names``: the pairs by
        server name.  Raises :class:`~h2static.errors.StartError`."""
        self._first = pairs[0]
        self._names = HostNames(names)
        self._contexts: dict[KeyPair, ssl.SSLContext] = {}
        self._pairs: WeakKeyDictionary[ssl.SSLContext, KeyPair] = WeakKeyDictionary()
        for pair in pairs:
            self.use(pair, make(pair))

    @property
    def context(self) -> ssl.SSLContext:
        """The context with which handshakes start."""
        return self._contexts[self._first]

    def use(self, pair: KeyPair, context: ssl.SSLContext) -> None:
        """``context`` is that of ``pair`` from now on."""
        self._contexts[pair] = context
        self._pairs[context] = pair
        if pair == self._first and self.several:
            context.sni_callback = self._choose

    @property
    def several(self) -> bool:
        """Whether there is anything to choose."""
        return self._names.size > 0

    def pair_of(self, context: ssl.SSLContext) -> KeyPair:
        """Whose certificate a connection with ``context`` was shown."""
        return self._pairs.get(context, self._first)

    def pair_for(self, name: str | None) -> KeyPair:
        """The pair for a client that sends ``name``, or no name."""
        if name is None:
            return self._first
        found = self._names.find(host_of(name.encode("ascii", "replace")))
        return self._first if found is None else found

    def _choose(
        self,
        connection: ssl.SSLSocket | ssl.SSLObject,
        name: str | None,
        context: ssl.SSLContext,
    ) -> None:
        """Called by OpenSSL during a handshake; an exception would end it."""
        pair = self.pair_for(name)
        if pair != self._first:
            connection.context = self._contexts[pair]
