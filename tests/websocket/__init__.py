"""Tests of ``h2static.websocket``."""
