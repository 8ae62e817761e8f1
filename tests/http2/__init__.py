"""Tests of ``h2static.http2``, module by module."""
