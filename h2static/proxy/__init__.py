"""A reverse proxy: requests below a prefix are answered by upstream servers.

:mod:`h2static.proxy.application` is what the router mounts, :mod:`h2static.proxy.config` what it is
told; the other modules do one part of the work each.
"""
