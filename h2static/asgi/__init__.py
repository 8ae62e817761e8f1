"""ASGI 3 applications: ``http``, ``websocket``, ``lifespan`` (asgi.readthedocs.io).

Contract: :class:`~h2static.asgi.application.AsgiApplication` implements the same application
interface as the site.  It requires a running asyncio loop, in which each request is a task.
"""
