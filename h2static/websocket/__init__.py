"""WebSocket (RFC 6455, RFC 7692, RFC 8441) over whatever carries a tunnel, without I/O or a clock.

Imported only where an application may take WebSockets: it stands on the ``websockets`` package.
"""
