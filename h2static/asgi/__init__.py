"""Applications of others behind ASGI 3: ``http``, ``lifespan`` (asgi.readthedocs.io).

Contract: :class:`~h2static.asgi.application.AsgiApplication` is an application of the waist like
the site.  It needs a running asyncio loop, in which each request is a task of its own.
"""
