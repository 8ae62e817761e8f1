"""HTTP/2 for both roles, without I/O (RFC 9113, 7541, 9218, 8297; ALTSVC of RFC 7838).

A driver owns the sockets and the clock; :mod:`h2static.http2.connection` describes how it uses a
:class:`~h2static.http2.server.ServerConnection` or
:class:`~h2static.http2.client.ClientConnection`.  From the outside in:

- ``connection``: the frame loop, the driver's side, and the only place where errors become frames;
  ``deadlines``; ``shutdown``: the graceful end; ``service``: shared by the connections of a worker.
- ``receiver``, ``requests``, ``responses``, ``content``: the effect of each received frame;
  ``replay``: the fast path for known requests; ``push``: promises; ``sender``, ``output``:
  everything that is sent.
- ``header_blocks``, ``decoding``, ``encoding``: HPACK with caches.
- ``stream``: the table of states; ``streams``: which streams there are; ``frames``, ``settings``:
  syntax; ``limits``, ``budgets``: every limit that a peer can reach; ``errors``, ``registry``:
  names.
"""
