"""HTTP/1.1 for clients that do not speak HTTP/2: browsers on cleartext, old tools.

Contract: RFC 9112 without I/O: no socket, clock, thread or logging; time is an argument.
:class:`h2static.http1.connection.ServerConnection` is an :class:`h2static.server.engine.Engine`, as
the HTTP/2 one is, and talks to the same :class:`h2static.http.exchange.Application`.

Strategy: octets come in through ``input``, ``head`` and ``content``, which read strictly and repair
nothing; ``exchange`` is one request and what the application has said about it; ``sender`` and
``framer`` turn responses into octets; ``connection`` decides what happens next; ``memory`` holds
what repeats, for all connections of a worker.  The other side is ``client``, with ``response_head``
in the place of ``head``.
"""
