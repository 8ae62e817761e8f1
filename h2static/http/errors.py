"""Errors of messages, independent of the protocol version."""


class Malformed(Exception):
    """The message is malformed (RFC 9113 section 8.1.1): a stream error PROTOCOL_ERROR."""
