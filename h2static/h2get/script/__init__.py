"""Frame scripts: what to send, legal or not, and what to expect, in one readable format.

``docs/h2get.md`` documents the format.  :mod:`.parse` reads it, :mod:`.build` makes octets of what
is to be sent, :mod:`.match` holds what came against what is expected, :mod:`.render` writes it,
:mod:`.channel` is a connection without any rules, and :mod:`.run` carries a script out.
"""
