"""A reverse proxy: upstream servers answer the requests under a prefix.

:mod:`h2static.proxy.application` is what the router mounts, :mod:`h2static.proxy.config` its
configuration; each of the other modules does one part of the work.
"""
