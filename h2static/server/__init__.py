"""Sockets, TLS, processes, logs: everything around the protocols and the site.

From a socket inwards: ``listeners`` opens them, ``acceptor`` accepts and finds out who speaks what
(``tls``, ``proxy_protocol``, ``trusted_proxies``), ``link`` is one accepted socket, ``driver`` the
loop that serves all of a worker's links (``poller``, ``pool``, ``background``, ``services``,
``pusher``), ``protocol`` what it asks of HTTP/2 and HTTP/1.1.  Around it: ``server`` puts driver,
site and logs together, ``worker`` runs a server in a process of its own and talks to the supervisor
through ``channel``; ``processes`` and ``notify`` are the supervisor's tools.  For people:
``frame_log``, ``access_log``, ``brief_log``, ``error_log``, ``health``.
"""
