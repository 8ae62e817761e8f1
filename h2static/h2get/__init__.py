"""The command ``h2get``: send requests over HTTP/2, see every frame, expect, script, compare.

Contract: :func:`h2static.h2get.cli.main` returns the exit status: 0 success, 1 a response or an
expectation failed, 2 usage error, 3 could not connect.  Errors are one line on standard error.

Strategy: the client is :mod:`h2static.client`; this package adds options, output and order.  What
one option needs (HAR, JSON, scripts …) is imported only with that option, so that the command
starts quickly.
"""
