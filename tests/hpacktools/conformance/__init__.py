"""Tests of hpacktools.conformance."""
