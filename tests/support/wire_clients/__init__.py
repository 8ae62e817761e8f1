"""Clients at the level of octets, one a protocol: for tests that hold for every protocol.

Promise: a :class:`~tests.support.wire_clients.shape.WireClient` makes the octets of requests and
reads those of responses into :class:`~tests.support.wire_clients.shape.Reply`, whatever it speaks.
None of them uses a line of the engine that it talks to but for the names of frames.
"""
