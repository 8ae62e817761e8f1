"""HTTP/1.1 for clients without HTTP/2: browsers on cleartext connections, old tools.

Contract: RFC 9112 without I/O: no socket, clock, thread or logging; time is an argument.
:class:`h2static.http1.connection.ServerConnection` is an :class:`h2static.server.engine.Engine`,
like the HTTP/2 one, and uses the same :class:`h2static.http.exchange.Application`.

Strategy: ``input``, ``head`` and ``content`` parse incoming octets strictly and repair nothing;
``exchange`` is one request and the application's calls for it; ``sender`` and ``framer`` turn
responses into octets; ``connection`` decides what happens next; ``memory`` caches repeating octets
for all connections of a worker.  ``client`` is the other side, with ``response_head`` instead of
``head``.
"""
