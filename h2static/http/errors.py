"""What is wrong with a message, whatever carries it."""


class Malformed(Exception):
    """The message is malformed (RFC 9113 section 8.1.1): a stream error PROTOCOL_ERROR."""
