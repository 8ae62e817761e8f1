"""QUIC (RFC 9000) as the rest of the package sees it, without I/O.

:mod:`~h2static.quic.transport` is the interface that HTTP/3 and its driver stand on.
:mod:`~h2static.quic.aioquic_transport` implements it with aioquic, and is imported only where
HTTP/3 is wanted.  Beside them is what a server does with datagrams that belong to no connection
yet, or no longer: :mod:`~h2static.quic.packets`, :mod:`~h2static.quic.connection_ids`,
:mod:`~h2static.quic.retry`.
"""
