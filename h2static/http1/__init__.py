"""HTTP/1.1 for clients that speak no HTTP/2: browsers on cleartext, old tools.

Contract: RFC 9112 on the server's side, without I/O: no socket, clock, thread or logging; time is
an argument.  The connection offers the same methods as the HTTP/2 one, so that one driver serves
both, and asks the same :class:`h2static.http.messages.Application` for answers.

Strategy: ``h11`` keeps the state of an exchange and frames what is sent.  It reads leniently, so
nothing reaches it that was not checked here first: ``head`` checks a request's header section,
``content`` its chunks, ``limits`` says how much of each is accepted.
"""
