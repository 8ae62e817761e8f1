"""HTTP/2 for a server, without I/O (RFC 9113, 7541, 9218, 8297; ALTSVC of RFC 7838).

A driver owns the sockets and the clock; :class:`~h2static.http2.connection.ServerConnection` is
what it talks to, and says how.  From the outside in:

- ``connection``: the frame loop and the driver's side; ``violations``: the one place where errors
  become frames; ``deadlines``; ``shutdown``: the graceful end; ``service``: what the connections of
  a worker share.
- ``incoming``, ``requests``, ``stream_ids``: what each received frame does; ``push``: what goes
  along with a response; ``sender``, ``scheduler``, ``output``: everything that is sent.
- ``field_sections``, ``header_blocks``: HPACK, remembered; ``fields``: what makes a request
  well-formed.
- ``stream``: the table of states; ``frames``, ``settings``, ``priority``: syntax; ``limits``:
  every bound that a peer can reach; ``errors``, ``registry``: names.
"""
