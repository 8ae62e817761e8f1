"""Live reload and other features for front-end developers who edit a site.

Contract: built on the site and the server, never the reverse: without it, nothing outside this
package changes.  Everything that it adds to a site is under one path, ``/.h2static/``.

Strategy: ``watcher`` detects changes (``tree`` holds the previous state, ``ignore`` the rules for
what to ignore), ``broker`` notifies every tab over an event stream, and ``client.js`` reacts.
``injection`` puts the client into pages, ``policy`` makes their Content-Security-Policy allow it,
``guard`` keeps other sites out.  ``documents`` builds the responses for such pages; ``freshness``
and ``cors`` change all other responses, each the same way every time (``rewriting``).
``application`` wraps these around a site, ``extension`` adds the watcher and everything tied to the
server's lifecycle.  ``limits`` holds every limit.
"""
