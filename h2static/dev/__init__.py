"""Live reload and what else a front-end developer wants while editing a folder.

Contract: built on the site and the server, never the reverse: nothing outside this package changes
when it is not used.  Everything that it adds to a site lives under one path, ``/.h2static/``.

Strategy: ``watcher`` finds what changed (``tree`` knows what was there, ``ignore`` what does not
count), ``broker`` tells every tab over an event stream, ``client.js`` acts on it.  ``injection``
puts the client into pages, ``policy`` makes their Content-Security-Policy allow it, ``guard`` keeps
other sites out.  ``documents`` makes responses of such pages; ``freshness`` and ``cors`` change all
other responses, each the same way every time (``rewriting``).  ``application`` puts these around a
site, ``extension`` adds the watcher and what hangs on the server's lifecycle.  ``limits`` has every
bound.
"""
