"""HTTP/3 without I/O (RFC 9114), for servers.

Contract: no socket, clock, thread or logging; time is an argument.  What carries the streams is a
:class:`h2static.quic.transport.Transport`; :class:`h2static.http3.connection.ServerConnection`
stands between it and the same :class:`h2static.http.exchange.Application` that the other engines
talk to.

Strategy: the dynamic tables of QPACK are not used, in either direction (RFC 9204 section 3.2.3: a
capacity of 0).  Then the octets of a field section mean the same on every connection, so that they
can be remembered as such; no stream waits for another one; and no short section stands for a long
list of fields.
"""
