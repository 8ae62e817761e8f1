"""Tests over sockets: a running server and real clients."""
