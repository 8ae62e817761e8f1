"""HTTP/3 without I/O (RFC 9114), for servers.

Contract: no socket, clock, thread or logging; time is an argument.  A
:class:`h2static.quic.transport.Transport` carries the streams;
:class:`h2static.http3.connection.ServerConnection` connects it to the same
:class:`h2static.http.exchange.Application` that the other engines use.

Strategy: the dynamic tables of QPACK are not used in either direction (RFC 9204 section 3.2.3: a
capacity of 0).  So the octets of a field section mean the same on every connection and can be
cached; no stream waits for another one; and no short section can expand to a long list of fields.
"""
