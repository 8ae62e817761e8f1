"""WebSocket (RFC 6455, RFC 7692, RFC 8441) over any tunnel, without I/O or a clock.

Imported only if an application may accept WebSockets, because it requires the ``websockets``
package.
"""
