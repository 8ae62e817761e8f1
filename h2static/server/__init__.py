"""Sockets, TLS and the loop: everything between the network and the protocol engines.

From the socket inward: ``listeners`` opens sockets, ``acceptor`` accepts connections, ``opening``
handles PROXY headers, TLS and protocol detection (``tls``, ``proxy_protocol``,
``trusted_proxies``), ``link`` is one accepted socket, ``driver`` the loop that serves all links of
a worker (``connections``, ``poller``, ``timers``, ``pool``, ``background``), and ``engine`` its
interface to HTTP/2 and HTTP/1.1.  The modules ``datagram*``, ``admission`` and ``relay`` do the
same for HTTP/3.  ``server`` combines driver, applications and logs.
"""
