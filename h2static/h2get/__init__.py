"""The command ``h2get``: ask over HTTP/2, see every frame, expect, script, compare.

Contract: :func:`h2static.h2get.cli.main` returns the exit code: 0 all is well, 1 a response or an
expectation failed, 2 wrong usage, 3 no connection.  Whatever is wrong is told in one line on
standard error.

Strategy: the client is :mod:`h2static.client`; here are options, output and order.  What one option
needs (HAR, JSON, scripts …) is imported when that option is there: a command that is used all day
starts quickly.
"""
